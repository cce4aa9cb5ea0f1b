"""The ledger: one row for each batch, written in the transaction that loads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.contract import (
    CANONICAL_DIGEST,
    DigestColumn,
    DigestMethod,
    LedgerEntry,
    LedgerRow,
    LoadBeginning,
    LoadGeneration,
    LoadRef,
    LoadTarget,
)
from connectors.sql.dialect import SqlDialect
from connectors.sql.errors import doing
from connectors.sql.patterns import LEDGER_TABLE
from connectors.sql.rows_of import RowsOf
from connectors.sql.session import DuplicateKey, ObjectExists, SqlSession
from core.errors import Defect, InvalidConfiguration, NotFound
from core.schema import Digest, TableName

BEGINNING = -1
"""Number of the row that begins a load: it holds the token and what stood in the table before."""
KEY_LENGTH = 128
TOKEN_LENGTH = 250


class LedgerRowExists(Exception):
    """Another attempt recorded the batch in the meantime: the transaction must end before its row can be read."""


class SqlLedger:
    """SQL over one ledger table. It works in the transaction that the caller has begun, unless said otherwise."""

    def __init__(self, dialect: SqlDialect, schema: str) -> None:
        upper = dialect.capabilities.folds == "upper"
        self.dialect = dialect
        self.name = TableName(schema_name=schema, name=LEDGER_TABLE.upper() if upper else LEDGER_TABLE)
        self.sql = dialect.qualified(self.name)

    async def create(self, session: SqlSession) -> None:
        """Creates the ledger where it is missing, without a transaction of its own; two workers may do it at once."""
        with doing(f"creating the ledger {self.name}"):
            try:
                await session.fetch(f"SELECT count(*) FROM {self.sql} WHERE 1 = 0")
            except NotFound:
                try:
                    await session.execute(self.definition())
                except ObjectExists:
                    return
                return
            await self._complete(session)

    async def _complete(self, session: SqlSession) -> None:
        """A ledger of an earlier release knows of no rejects."""
        name = self._name("rejected")
        try:
            await session.fetch(f"SELECT {name} FROM {self.sql} WHERE 1 = 0")
        except (NotFound, InvalidConfiguration):
            await session.execute(f"ALTER TABLE {self.sql} ADD {name} {self.dialect.ledger_types.integer}")

    def definition(self) -> str:
        """CREATE TABLE."""
        types = self.dialect.ledger_types
        key, token = types.text.format(length=KEY_LENGTH), types.text.format(length=TOKEN_LENGTH)
        short = types.text.format(length=40)
        required = {
            "job_id": key,
            "table_id": key,
            "load": types.integer,
            "number": types.integer,
            "rows": types.integer,
            "digest": short,
            "loaded_at": short,
        }
        optional = {"run": types.integer, "token": token, "emptied": types.integer, "rejected": types.integer}
        optional |= {"replaced_rows": types.integer, "replaced_digest": short}
        columns = [f"{self._name(name)} {type_} NOT NULL" for name, type_ in required.items()]
        columns += [f"{self._name(name)} {type_}" for name, type_ in optional.items()]
        key_columns = ", ".join(map(self._name, ("job_id", "table_id", "load", "number")))
        columns.append(f"PRIMARY KEY ({key_columns})")
        return f"CREATE TABLE {self.sql} ({', '.join(columns)}) {self.dialect.ddl.table_options}".rstrip()

    async def begin_load(
        self, session: SqlSession, begin: LoadBeginning, target: LoadTarget, *, replace: bool
    ) -> LoadGeneration:
        """See `WritesRows.begin_load`. No other session loads into the table meanwhile."""
        table = RowsOf(self.dialect, session, target.table)
        newest = await self._beginning(session, begin.job_id, begin.table_id)
        begin.refuse_straggler(newest["token"] if newest else None)
        before = await self._beginning(session, begin.job_id, begin.table_id, run=begin.run)
        if before is not None and before["token"] == begin.token:
            return LoadGeneration(int(before["load"]), int(before["rows"]), bool(before["emptied"]))
        if before is not None and not target.upsert_keys:
            stood = Digest(rows=int(before["rows"]), total=str(before["digest"]))
            emptied = bool(before["emptied"])
            earlier = LoadRef(begin.job_id, begin.table_id, int(before["load"]))
            if begin.empties and stood.rows == 0:
                await table.delete()
            else:
                await self._take_away(session, table, earlier, stood.rows)
        else:
            stood, emptied = await self._clear_or_digest(table, target, replace), replace
        load = await self._newest_load(session, begin.job_id, begin.table_id) + 1
        beginning = {"run": begin.run, "token": begin.token, "emptied": int(emptied)}
        await self._insert(session, LedgerEntry(begin.job_id, begin.table_id, load, BEGINNING, stood), beginning)
        return LoadGeneration(load, stood.rows, emptied)

    async def claim(self, session: SqlSession, entry: LedgerEntry) -> Digest | None:
        """Writes the batch's row and returns None, or returns the digest that the batch was recorded with because it
        is loaded already.

        Raises LedgerRowExists, and Defect where a straggler awakes after a newer load has begun.
        """
        newest = await self._newest_load(session, entry.job_id, entry.table_id)
        if newest > entry.load:
            raise Defect(f"batch {entry.number} belongs to load {entry.load}, but load {newest} has begun")
        recorded = await self.recorded(session, entry)
        if recorded is None:
            try:
                await self._insert(session, entry, {})
            except DuplicateKey as error:
                raise LedgerRowExists from error
        return recorded

    async def recorded(self, session: SqlSession, entry: LedgerEntry) -> Digest | None:
        """What the batch is recorded with, None where it is not."""
        found = await self._select(
            session,
            ("rows", "digest"),
            {"job_id": entry.job_id, "table_id": entry.table_id, "load": entry.load, "number": entry.number},
        )
        return Digest(rows=int(found[0][0]), total=str(found[0][1])) if found else None

    async def amend(self, session: SqlSession, entry: LedgerEntry) -> None:
        """What a batch that this transaction claimed is recorded with."""
        await self.forget(session, entry)
        await self._insert(session, entry, {})

    async def rejected(self, session: SqlSession, entry: LedgerEntry) -> int:
        """How many rows of a recorded batch were not loaded."""
        found = await self._select(
            session,
            ("rejected",),
            {"job_id": entry.job_id, "table_id": entry.table_id, "load": entry.load, "number": entry.number},
        )
        return int(found[0][0] or 0) if found else 0

    async def forget(self, session: SqlSession, entry: LedgerEntry) -> None:
        """Deletes the entry's row."""
        wanted = {"job_id": entry.job_id, "table_id": entry.table_id, "load": entry.load, "number": entry.number}
        await session.execute(f"DELETE FROM {self.sql} WHERE {self._equal(wanted)}", list(wanted.values()))

    async def rows(self, session: SqlSession, load: LoadRef) -> list[LedgerRow]:
        """The batches of one load, by number."""
        found = await self._select(
            session,
            ("number", "rows", "digest", "loaded_at", "rejected"),
            {"job_id": load.job_id, "table_id": load.table_id, "load": load.load},
            f"{self._name('number')} > {BEGINNING}",
        )
        rows = [
            LedgerRow(
                int(number),
                Digest(rows=int(rows), total=str(digest)),
                datetime.fromisoformat(str(loaded_at)),
                int(rejected or 0),
            )
            for number, rows, digest, loaded_at, rejected in found
        ]
        return sorted(rows, key=lambda row: row.number)

    async def stood_before(self, session: SqlSession, load: LoadRef) -> Digest:
        """What the table held when the load began. Raises Defect for a load that never began."""
        entry = LedgerEntry(load.job_id, load.table_id, load.load, BEGINNING, Digest())
        stood = await self.recorded(session, entry)
        if stood is None:
            raise Defect(f"the ledger does not know load {load.load} of table {load.table_id}")
        return stood

    async def record_replaced(self, session: SqlSession, entry: LedgerEntry, replaced: Digest) -> None:
        """Notes at a batch's row, just written, which rows of the table its own rows took the place of."""
        wanted = {"job_id": entry.job_id, "table_id": entry.table_id, "load": entry.load, "number": entry.number}
        values = [replaced.rows, replaced.total]
        marks = [self.dialect.placeholder(place) for place in range(len(values) + len(wanted))]
        conditions = [f"{self._name(name)} = {mark}" for name, mark in zip(wanted, marks[2:], strict=True)]
        await session.execute(
            f"UPDATE {self.sql} SET {self._name('replaced_rows')} = {marks[0]}, "
            f"{self._name('replaced_digest')} = {marks[1]} WHERE {' AND '.join(conditions)}",
            [*values, *wanted.values()],
        )

    async def replaced(self, session: SqlSession, load: LoadRef) -> Digest:
        """The rows that the load's batches took the place of; none but for upserts."""
        found = await self._select(
            session,
            ("replaced_rows", "replaced_digest"),
            {"job_id": load.job_id, "table_id": load.table_id, "load": load.load},
            f"{self._name('replaced_rows')} > 0",
        )
        return sum((Digest(rows=int(rows), total=str(total)) for rows, total in found), Digest())

    async def _clear_or_digest(self, table: RowsOf, target: LoadTarget, replace: bool) -> Digest:
        if replace:
            await table.delete()
            return Digest()
        if await table.count() == 0:
            return Digest()
        return await table.digest(digest_method(target))

    async def _take_away(self, session: SqlSession, table: RowsOf, earlier: LoadRef, rows_before: int) -> None:
        """What the run's earlier load wrote (those before it were taken away when it began). Nobody knows of a row who
        wrote it, so nothing is deleted where there may be other people's rows."""
        written = sum(row.digest.rows for row in await self.rows(session, earlier))
        found = await table.count()
        if found == rows_before + written and (rows_before == 0 or written == 0):
            if written:
                await table.delete()
            return
        raise InvalidConfiguration(
            f"{table.name} holds rows of an earlier attempt ({written}) and others ({found - written}), "
            "and the database cannot tell them apart",
            remedy="Where the run before this one has rejects: cancel this one, replay those and start again. Else "
            "restore what stood in the table before (or empty it) and start a new job, or use loadMode replace",
        )

    async def _beginning(
        self, session: SqlSession, job_id: str, table_id: str, *, run: int | None = None
    ) -> dict[str, Any] | None:
        """The newest row that begins a load (of a run, where one is given)."""
        names = ("load", "rows", "digest", "emptied", "token")
        wanted = {"job_id": job_id, "table_id": table_id, "number": BEGINNING} | ({} if run is None else {"run": run})
        found = await self._select(session, names, wanted)
        newest = max(found, key=lambda row: int(row[0]), default=None)
        return dict(zip(names, newest, strict=True)) if newest is not None else None

    async def _newest_load(self, session: SqlSession, job_id: str, table_id: str) -> int:
        """0 where no load has begun."""
        found = await self._select(session, ("load",), {"job_id": job_id, "table_id": table_id, "number": BEGINNING})
        return max((int(load) for (load,) in found), default=0)

    async def _select(
        self, session: SqlSession, names: Sequence[str], wanted: dict[str, Any], also: str = ""
    ) -> list[tuple[Any, ...]]:
        condition = " AND ".join([self._equal(wanted), *([also] if also else [])])
        selected = ", ".join(map(self._name, names))
        return await session.fetch(f"SELECT {selected} FROM {self.sql} WHERE {condition}", list(wanted.values()))

    def _equal(self, wanted: Iterable[str]) -> str:
        """Names and placeholders for their values, in that order."""
        conditions = (
            f"{self._name(name)} = {self.dialect.placeholder(position)}" for position, name in enumerate(wanted)
        )
        return " AND ".join(conditions)

    async def _insert(self, session: SqlSession, entry: LedgerEntry, beginning: dict[str, Any]) -> None:
        row = {
            "job_id": entry.job_id,
            "table_id": entry.table_id,
            "load": entry.load,
            "number": entry.number,
            "rows": entry.digest.rows,
            "digest": entry.digest.total,
            "loaded_at": datetime.now(UTC).isoformat(),
            "rejected": entry.rejected,
            **beginning,
        }
        names = ", ".join(map(self._name, row))
        marks = ", ".join(map(self.dialect.placeholder, range(len(row))))
        await session.execute(f"INSERT INTO {self.sql} ({names}) VALUES ({marks})", list(row.values()))

    def _name(self, name: str) -> str:
        upper = self.dialect.capabilities.folds == "upper"
        return self.dialect.reference(name.upper() if upper else name)


def digest_method(target: LoadTarget) -> DigestMethod:
    """How the rows of a table are hashed, by the columns that a load writes."""
    columns = tuple(
        DigestColumn(written.name, written.value.digest_form, written.value, written.native)
        for written in target.written
    )
    return DigestMethod(CANONICAL_DIGEST, columns)
