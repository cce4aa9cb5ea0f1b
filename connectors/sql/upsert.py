"""Upserts one batch: its rows go into a temporary table first, then into the table, by the table's primary key."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from connectors.contract import REPEATED_KEY, DigestMethod, LoadTarget
from connectors.sql import query
from connectors.sql.dialect import SqlDialect, UpsertStyle
from connectors.sql.row_hashes import digest_rows
from connectors.sql.session import SqlSession
from core.errors import DataMismatch, DataRejected, InvalidConfiguration
from core.schema import Digest, TableName

INCOMING = TableName(schema_name="", name="sterna_incoming")
TAKEN = TableName(schema_name="", name="sterna_taken")


@dataclass(frozen=True)
class SqlUpsert:
    """One batch on its way into a table, within the transaction that the caller began in a session of its own.

    Nobody knows of a row who wrote it. So the digest of the rows that the batch replaces is taken before they are
    gone: what stood, less what was replaced, and what came must add up to what stands in the end.
    """

    dialect: SqlDialect
    session: SqlSession
    target: LoadTarget

    @property
    def incoming(self) -> LoadTarget:
        """Where the batch's rows go first."""
        return replace(self.target, table=INCOMING)

    async def prepare(self) -> None:
        """Makes the temporary table, which ends with the session. Raises InvalidConfiguration where the database has no
        upsert."""
        style = self.dialect.upsert
        if style is None:
            raise InvalidConfiguration(
                f"{self.target.table} cannot be loaded by upsert in this database",
                remedy="Use loadMode append or replace",
            )
        await self._create(style, INCOMING)

    async def prepare_parts(self) -> None:
        """The same for a batch that goes into the table part by part: each of `empty`, the rows, `refuse_repeated`,
        `apply`, `remember`."""
        await self.prepare()
        assert self.dialect.upsert is not None
        await self._create(self.dialect.upsert, TAKEN)

    async def empty(self) -> None:
        """Makes room for the next part."""
        await self.session.execute(f"DELETE FROM {self._incoming}")

    async def refuse_repeated(self) -> None:
        """Raises DataRejected where a part before this one had a row of the same key: it would be lost."""
        taken = self.dialect.qualified(TAKEN)
        found = await self.session.fetch(
            f"SELECT count(*) FROM {self._incoming} AS i WHERE EXISTS (SELECT 1 FROM {taken} AS t WHERE {self._same})"
        )
        if int(found[0][0]):
            raise self._repeated()

    async def remember(self) -> None:
        """The part is in the table."""
        await self.session.execute(
            f"INSERT INTO {self.dialect.qualified(TAKEN)} ({self._columns('')}) "
            f"SELECT {self._columns('')} FROM {self._incoming}"
        )

    async def apply(self, rows: int, proof: DigestMethod) -> Digest:
        """Updates the rows whose key is there, inserts the others, and returns the digest of those that were there.

        By the primary key alone: a row that breaks another unique key is refused. Raises DataRejected where two rows
        have the same key, DataMismatch where not each of the `rows` arrives as a row of its own.
        """
        style = self.dialect.upsert
        assert style is not None
        replaced = await self._digest_matching(proof)
        changing = [name for name in self.target.columns if style.sets_keys or name not in self.target.upsert_keys]
        if changing and replaced.rows:
            changes = ", ".join(f"{self._changed(style.qualifies, name)} = i.{self._name(name)}" for name in changing)
            await self.session.execute(
                style.update.format(table=self._table, incoming=self._incoming, same=self._same, changes=changes)
            )
        await self.session.execute(
            f"INSERT INTO {self._table} ({self._columns('')}) SELECT {self._columns('i.')} FROM {self._incoming} AS i "
            f"WHERE NOT EXISTS (SELECT 1 FROM {self._table} AS t WHERE {self._same})"
        )
        counted = await self.session.fetch(f"SELECT count(*) FROM {self._table} AS t WHERE {self._matching}")
        if int(counted[0][0]) != rows:
            if await self._repeats():
                raise self._repeated()
            raise DataMismatch(
                f"{rows} rows were to be upserted into {self.target.table}, {int(counted[0][0])} stand there",
                remedy="No trigger may drop or add rows: disable it, then retry",
            )
        return replaced

    async def _repeats(self) -> bool:
        keys = ", ".join(self._name(name) for name in self.target.upsert_keys)
        found = await self.session.fetch(
            f"SELECT count(*) FROM (SELECT {keys} FROM {self._incoming} GROUP BY {keys} HAVING count(*) > 1) AS r"
        )
        return bool(int(found[0][0]))

    def _repeated(self) -> DataRejected:
        return DataRejected(
            f"another row of the batch has the same key ({', '.join(self.target.upsert_keys)})",
            remedy="The destination's key must be unique at the source too: remove the duplicates, then retry",
            code=REPEATED_KEY,
        )

    async def _create(self, style: UpsertStyle, name: TableName) -> None:
        await self.session.execute(
            style.create.format(incoming=self.dialect.qualified(name), table=self._table, columns=self._columns(""))
        )

    async def _digest_matching(self, proof: DigestMethod) -> Digest:
        relation, conditions = f"{self._table} AS t", [self._matching]
        computed = await self.session.digest(relation + query.where(conditions), proof)
        if computed is not None:
            return computed
        columns = query.proved_columns(proof)
        async with aclosing(self.session.rows(self.dialect, columns, relation, conditions)) as parts:
            return await digest_rows(parts, proof)

    @property
    def _table(self) -> str:
        return self.dialect.qualified(self.target.table)

    @property
    def _incoming(self) -> str:
        return self.dialect.qualified(INCOMING)

    @property
    def _same(self) -> str:
        names: Sequence[str] = [self._name(name) for name in self.target.upsert_keys]
        return " AND ".join(f"t.{name} = i.{name}" for name in names)

    @property
    def _matching(self) -> str:
        return f"EXISTS (SELECT 1 FROM {self._incoming} AS i WHERE {self._same})"

    def _columns(self, prefix: str) -> str:
        return ", ".join(f"{prefix}{self._name(name)}" for name in self.target.columns)

    def _changed(self, qualifies: bool, name: str) -> str:
        return f"t.{self._name(name)}" if qualifies else self._name(name)

    def _name(self, name: str) -> str:
        return self.dialect.identifier(name)
