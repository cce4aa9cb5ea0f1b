"""Moves rows out of a table that keep a constraint from being built."""

from __future__ import annotations

import re
from typing import Any

import asyncpg

from connectors.contract import DigestMethod, KeepMoved, LoadRef, LoadTarget, MovedRow
from connectors.postgres.deletion import refuse_cascades
from connectors.postgres.errors import BY_CODE, translated
from connectors.postgres.hashing import readable
from connectors.postgres.ledger import Ledger
from connectors.postgres.own_rows import own_rows
from connectors.postgres.row_digests import digest_groups
from connectors.postgres.sql import identifier, qualified
from connectors.postgres.statements import Target, reference_of, target_of
from core.errors import DataMismatch, DataRejected
from core.schema import Statement

UNCHECKED = ("NOT VALID", "NOT ENFORCED")
CLONE, MOVED = "sterna_clone", "sterna_moved"
DEFERRABLE = re.compile(r" (NOT )?DEFERRABLE( INITIALLY (DEFERRED|IMMEDIATE))?$")
NEWLY_REQUIRED = """
SELECT clone.attname FROM pg_attribute AS clone JOIN pg_attribute AS own ON own.attname = clone.attname
WHERE clone.attrelid = to_regclass($1) AND own.attrelid = to_regclass($2) AND clone.attnotnull AND NOT own.attnotnull
"""
CHECKED = "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = to_regclass($1) AND contype = 'c'"
UNIQUE = "SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = to_regclass($1))"


class PostgresViolations:
    """Works in one transaction, with the table locked against writers. What a constraint means is asked of the server,
    which builds it on an empty clone of the table."""

    def __init__(self, connection: asyncpg.Connection[Any], ledger: Ledger) -> None:
        self._connection = connection
        self._ledger = ledger

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
        """See MovesViolations."""
        made = target_of(statement)
        if made is None or (made.index and not made.unique) or target.upsert_keys:
            return 0
        with translated(f"looking for rows that violate {statement.purpose}"):
            async with self._connection.transaction():
                await self._connection.execute(f"LOCK TABLE {qualified(target.table)} IN SHARE ROW EXCLUSIVE MODE")
                rows = await own_rows(self._connection, target.table)
                code, condition = await self._violated(made, rows, load)
                if not condition or not await self._gather(rows, condition, load, most):
                    return 0
                await refuse_cascades(self._connection, target.table, purpose="moved out")
                await keep(await self._described(rows, proof), _reason(statement, code))
                return await self._move(rows, load, proof)

    async def _violated(self, made: Target, rows: str, load: LoadRef) -> tuple[str, str]:
        """SQLSTATE and SQL condition of the rows that are in the constraint's way; '' where none is known."""
        if made.referenced is not None:
            return "23503", await self._orphaned(made)
        clone = f"pg_temp.{CLONE}"
        await self._connection.execute(f"CREATE TEMPORARY TABLE {CLONE} (LIKE {qualified(made.table)}) ON COMMIT DROP")
        definition = DEFERRABLE.sub("", made.definition)
        if made.index:
            await self._connection.execute(f"CREATE UNIQUE INDEX ON {clone} {definition}")
        else:
            await self._connection.execute(f"ALTER TABLE {clone} ADD CONSTRAINT {identifier(made.name)} {definition}")
        required = await self._connection.fetch(NEWLY_REQUIRED, clone, qualified(made.table))
        missing = " OR ".join(f"{identifier(record[0])} IS NULL" for record in required)
        if missing and await self._connection.fetchval(f"SELECT EXISTS (SELECT FROM {rows} WHERE {missing})"):
            return "23502", missing
        if await self._connection.fetchval(UNIQUE, clone):
            return "23505", await self._not_first(made, rows, load)
        checked = await self._connection.fetchval(CHECKED, clone)
        return ("23514", f"NOT ({checked})") if checked else ("", "")

    async def _orphaned(self, made: Target) -> str:
        """Rows that refer to none. A key that does not look at rows that stand is never in their way."""
        key = reference_of(made.definition)
        if key is None or any(word in key.options for word in UNCHECKED):
            return ""
        own = [f"sterna_own.{name}" for name in key.columns]
        same = " AND ".join(f"sterna_key.{there} = {here}" for there, here in zip(key.keys, own, strict=True))
        others = f"FROM {await own_rows(self._connection, key.table)} AS sterna_key WHERE {same}"
        orphaned = f"num_nulls({', '.join(own)}) = 0 AND NOT EXISTS (SELECT {others})"
        if "MATCH FULL" in key.options:
            orphaned += f" OR num_nulls({', '.join(own)}) NOT IN (0, {len(own)})"
        return orphaned

    async def _not_first(self, made: Target, rows: str, load: LoadRef) -> str:
        """Of rows that exclude each other one stays: one that stood before, else the first one by its text."""
        await self._connection.execute(f"ALTER TABLE {CLONE} ADD sterna_table oid, ADD sterna_place tid")
        await self._connection.execute(
            f"INSERT INTO {CLONE} SELECT sterna_own.*, tableoid, ctid FROM {rows} AS sterna_own "
            f"ORDER BY xmin IN ({self._ledger.transactions()}), sterna_own::text, tableoid, ctid "
            "ON CONFLICT DO NOTHING",
            load.job_id,
            load.table_id,
            load.load,
        )
        await self._connection.execute(f"ANALYZE {CLONE}")
        return (
            f"NOT EXISTS (SELECT FROM pg_temp.{CLONE} "
            "WHERE sterna_table = sterna_own.tableoid AND sterna_place = sterna_own.ctid)"
        )

    async def _gather(self, rows: str, condition: str, load: LoadRef, most: int) -> bool:
        """False where there are none, or where rows that the load did not write are among them."""
        await self._connection.execute(
            f"CREATE TEMPORARY TABLE {MOVED} (sterna_table oid, sterna_place tid, sterna_number bigint) ON COMMIT DROP"
        )
        await self._connection.execute(
            f"INSERT INTO {MOVED} SELECT tableoid, ctid, (SELECT number FROM {self._ledger.sql} WHERE job_id = $1 "
            "AND table_id = $2 AND load = $3 AND number >= 0 AND transaction_id::xid = sterna_own.xmin) "
            f"FROM {rows} AS sterna_own WHERE {condition} LIMIT {most + 1}",
            load.job_id,
            load.table_id,
            load.load,
        )
        found = await self._connection.fetchrow(f"SELECT count(*), count(sterna_number) FROM {MOVED}")
        assert found is not None
        return bool(found[0]) and found[0] == found[1]

    async def _described(self, rows: str, proof: DigestMethod) -> list[MovedRow]:
        names = [column.name for column in proof.columns]
        texts = ", ".join(map(readable, proof.columns))
        found = await self._connection.fetch(
            f"SELECT sterna_number, {texts} {_joined(rows)} ORDER BY sterna_number, sterna_table, sterna_place"
        )
        return [MovedRow(record[0], dict(zip(names, record[1:], strict=True))) for record in found]

    async def _move(self, rows: str, load: LoadRef, proof: DigestMethod) -> int:
        digests = await digest_groups(self._connection, proof, _joined(rows), "sterna_number")
        for number, digest in digests.items():
            await self._ledger.take_out(self._connection, load, int(number), digest)
        status = await self._connection.execute(
            f"DELETE FROM {rows} AS sterna_own USING pg_temp.{MOVED} "
            "WHERE sterna_own.tableoid = sterna_table AND sterna_own.ctid = sterna_place"
        )
        deleted, wanted = int(status.rsplit(" ", 1)[1]), sum(digest.rows for digest in digests.values())
        if deleted != wanted:
            raise DataMismatch(
                f"{wanted} rows were to be moved out, {deleted} were",
                remedy="A trigger or rule of the destination table keeps rows: disable it, then retry",
            )
        return deleted


def _joined(rows: str) -> str:
    return (
        f"FROM {rows} AS sterna_own JOIN pg_temp.{MOVED} "
        "ON sterna_own.tableoid = sterna_table AND sterna_own.ctid = sterna_place"
    )


def _reason(statement: Statement, code: str) -> DataRejected:
    meanings = {
        "23502": "NULL in a column of the key",
        "23503": "the row that it refers to is missing",
        "23505": "another row has the same key",
        "23514": "the row does not satisfy the check",
    }
    return DataRejected(
        f"{statement.purpose}: {meanings[code]}",
        remedy=BY_CODE.get(code, (DataRejected, "Mend the rows at the source, or drop the constraint there"))[1],
        code=code,
    )
