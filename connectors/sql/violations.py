"""Moves rows out of a table that keep a constraint from being built."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.contract import DigestMethod, KeepMoved, LedgerEntry, LoadRef, LoadTarget, MovedRow
from connectors.sql import query
from connectors.sql.dialect import SqlDialect
from connectors.sql.errors import doing
from connectors.sql.ledger import SqlLedger
from connectors.sql.row_hashes import digest_rows
from connectors.sql.rows_of import RowsOf
from connectors.sql.session import SqlSession
from connectors.sql.standing import Made, made_by
from core.errors import DataMismatch, DataRejected
from core.schema import Digest, Statement

if TYPE_CHECKING:
    import pyarrow as pa

CHECK = re.compile(r".* ADD CONSTRAINT \S+ CHECK \((?P<condition>.*)\)[A-Z ]*", re.DOTALL)
CORRECTIONS = 10**9
"""Ledger rows with numbers from here on take rows away from batches that nobody can name any more."""
NO_BATCH = -1
NULL_IN_KEY, ANOTHER, UNTRUE = (
    "NULL in a column of the key",
    "another row has the same key",
    "the row does not satisfy the check",
)


@dataclass(frozen=True)
class _InTheWay:
    """Rows that a constraint does not let in: why, and which."""

    reason: str
    condition: str


class SqlViolations:
    """Nobody knows of a row who wrote it: nothing is moved unless the table holds the load's rows alone."""

    def __init__(self, dialect: SqlDialect, session: SqlSession, ledger: SqlLedger, identity: str) -> None:
        """`identity`: SQL of what tells every row of the table from the others, within a transaction."""
        self._dialect = dialect
        self._session = session
        self._ledger = ledger
        self._identity = identity

    async def move_out(
        self,
        statement: Statement,
        target: LoadTarget,
        load: LoadRef,
        proof: DigestMethod,
        keep: KeepMoved,
        *,
        most: int,
    ) -> int:
        """See MovesViolations. Of rows with the same key the first one that was written stays."""
        with doing(f"looking for rows that violate {statement.purpose}"):
            await self._session.begin()
            await self._session.hold_table(target.table, alone=True)
            rows = RowsOf(self._dialect, self._session, target.table)
            if await self._is_alone(rows, load):
                for found in self._conditions(statement, target):
                    if moved := await self._take_out(rows, found, statement, load, proof, keep, most=most):
                        await self._session.commit()
                        return moved
            await self._session.rollback()
        return 0

    async def _is_alone(self, rows: RowsOf, load: LoadRef) -> bool:
        recorded = sum(row.digest.rows for row in await self._ledger.rows(self._session, load))
        stood = await self._ledger.stood_before(self._session, load)
        return stood.rows == 0 and await rows.count() == recorded

    def _conditions(self, statement: Statement, target: LoadTarget) -> list[_InTheWay]:
        made = made_by(statement)
        if made is not None:
            return self._of_key(made, self._dialect.qualified(target.table))
        check = CHECK.fullmatch(statement.sql)
        return [_InTheWay(UNTRUE, f"NOT ({check['condition']})")] if check is not None else []

    def _of_key(self, made: Made, table: str) -> list[_InTheWay]:
        if made.kind not in ("PRIMARY KEY", "UNIQUE") or not made.columns:
            return []
        names = [self._dialect.reference(name) for name in made.columns]
        whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
        # The subquery in FROM: MySQL does not delete from a table that it reads in a plain one.
        repeated = (
            f"SELECT r.sterna_row FROM (SELECT {self._identity} AS sterna_row, row_number() OVER "
            f"(PARTITION BY {', '.join(names)} ORDER BY {self._identity}) AS sterna_place FROM {table} "
            f"WHERE {whole}) r WHERE r.sterna_place > 1"
        )
        found = [_InTheWay(ANOTHER, f"{self._identity} IN ({repeated})")]
        if made.kind == "PRIMARY KEY":
            found.insert(0, _InTheWay(NULL_IN_KEY, f"NOT ({whole})"))
        return found

    async def _take_out(
        self,
        rows: RowsOf,
        found: _InTheWay,
        statement: Statement,
        load: LoadRef,
        proof: DigestMethod,
        keep: KeepMoved,
        *,
        most: int,
    ) -> int:
        moved, digest = await self._described(rows, found.condition, proof, most)
        if not moved:
            return 0
        await keep(moved, _error(statement, found.reason))
        await self._session.check_deletion(rows.name)
        table = self._dialect.qualified(rows.name)
        before = await rows.count()
        await self._session.execute(f"DELETE FROM {table} WHERE {found.condition}")
        gone = before - await rows.count()
        if gone != digest.rows:
            raise DataMismatch(
                f"{digest.rows} rows were to be moved out, {gone} were",
                remedy="A trigger of the destination table keeps rows: disable it, then retry",
            )
        await self._correct(load, digest)
        return gone

    async def _described(
        self, rows: RowsOf, condition: str, proof: DigestMethod, most: int
    ) -> tuple[list[MovedRow], Digest]:
        """The rows, no more than `most` + 1 of them, and the digest of as many."""
        names = [column.name for column in proof.columns]
        columns, table = query.proved_columns(proof), self._dialect.qualified(rows.name)
        moved, digest = list[MovedRow](), Digest()
        async with aclosing(self._session.rows(self._dialect, columns, table, [condition])) as parts:
            async for part in parts:
                some = part.slice(0, most + 1 - len(moved))
                digest += await digest_rows(_only(some), proof)
                values = (dict(zip(names, row.values(), strict=True)) for row in some.to_pylist())
                moved += [MovedRow(NO_BATCH, row) for row in values]
                if len(moved) > most:
                    break
        return moved, digest

    async def _correct(self, load: LoadRef, moved: Digest) -> None:
        """A ledger row of its own: the sum over the load's rows is what the table holds."""
        recorded = await self._ledger.rows(self._session, load)
        number = max([CORRECTIONS, *(row.number + 1 for row in recorded)])
        entry = LedgerEntry(load.job_id, load.table_id, load.load, number, Digest() - moved, rejected=moved.rows)
        await self._ledger.amend(self._session, entry)


async def _only(part: pa.RecordBatch) -> AsyncGenerator[pa.RecordBatch, None]:
    yield part


def _error(statement: Statement, reason: str) -> DataRejected:
    return DataRejected(
        f"{statement.purpose}: {reason}", remedy="Mend the rows at the source, or drop the constraint there"
    )
