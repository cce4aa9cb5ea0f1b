"""The ledger: one row for each batch, written in the transaction that loads it."""

from __future__ import annotations

import hashlib
from typing import Any

import asyncpg

from connectors.contract import (
    LedgerEntry,
    LedgerRow,
    LoadBeginning,
    LoadGeneration,
    LoadRef,
    LoadTarget,
)
from connectors.postgres.errors import translated
from connectors.postgres.own_rows import own_rows
from connectors.postgres.session import scan
from connectors.postgres.sql import identifier, qualified
from core.errors import Contended, Defect, InvalidConfiguration
from core.schema import Digest, TableName

LEDGER_TABLE = "sterna_ledger"
BEGINNING = -1
"""Number of the row that begins a load: it holds the token and what stood in the table before."""
EMPTYING_LOCK_TIMEOUT = "10s"
"""For TRUNCATE's lock: who wants to read the table queues behind the one that waits for it."""


class Ledger:
    """SQL over one ledger table. `transaction_id` ties a batch to its rows: it is their xmin."""

    def __init__(self, schema: str) -> None:
        self.name = TableName(schema_name=schema, name=LEDGER_TABLE)
        self.sql = qualified(self.name)

    async def create(self, connection: asyncpg.Connection[Any]) -> None:
        """Creates the ledger where it is missing; two workers may do it at once."""
        with translated(f"creating the ledger {self.name}"):
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", lock_key("ledger", str(self.name)))
                if await connection.fetchval("SELECT to_regclass($1)", self.sql) is not None:
                    await self._complete(connection)
                    return
                schema = identifier(self.name.schema_name)
                # CREATE SCHEMA IF NOT EXISTS asks for a privilege even where the schema exists.
                if await connection.fetchval("SELECT to_regnamespace($1)", schema) is None:
                    await connection.execute(f"CREATE SCHEMA {schema}")
                await connection.execute(
                    f"CREATE TABLE {self.sql} ("
                    "job_id text NOT NULL, table_id text NOT NULL, load bigint NOT NULL, number bigint NOT NULL, "
                    "rows bigint NOT NULL, digest numeric(20) NOT NULL, run bigint, token text, emptied boolean, "
                    "transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(), "
                    "loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(), rejected bigint NOT NULL DEFAULT 0, "
                    "PRIMARY KEY (job_id, table_id, load, number))"
                )

    async def _complete(self, connection: asyncpg.Connection[Any]) -> None:
        """A ledger of an earlier release knows of no rejects."""
        known = await connection.fetchval(
            "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'rejected'", self.sql
        )
        if not known:
            await connection.execute(f"ALTER TABLE {self.sql} ADD COLUMN rejected bigint NOT NULL DEFAULT 0")

    async def begin_load(
        self, connection: asyncpg.Connection[Any], begin: LoadBeginning, target: LoadTarget, *, replace: bool
    ) -> LoadGeneration:
        """See `WritesRows.begin_load`. Nothing is taken away from an upsert, which may be repeated: rows of others may
        have been changed by it, and those would be lost."""
        table = target.table
        with translated(f"beginning the load of {table}"):
            async with connection.transaction():
                key = lock_key(begin.job_id, begin.table_id)
                if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", key):
                    await self._end_predecessors(connection, key)
                newest = await connection.fetchval(
                    f"SELECT token FROM {self.sql} WHERE job_id = $1 AND table_id = $2 AND number = {BEGINNING} "
                    "ORDER BY load DESC LIMIT 1",
                    begin.job_id,
                    begin.table_id,
                )
                begin.refuse_straggler(newest)
                earlier = await connection.fetchrow(
                    f"SELECT load, rows, emptied, token FROM {self.sql} WHERE job_id = $1 AND table_id = $2 "
                    f"AND number = {BEGINNING} AND run = $3 ORDER BY load DESC LIMIT 1",
                    begin.job_id,
                    begin.table_id,
                    begin.run,
                )
                if earlier is not None and earlier["token"] == begin.token:
                    return LoadGeneration(earlier["load"], earlier["rows"], earlier["emptied"])
                if earlier is not None:
                    rows_before, emptied = earlier["rows"], earlier["emptied"]
                    if not target.upsert_keys:
                        await self._take_away(connection, table, begin, rows_before)
                else:
                    rows_before, emptied = await self._clear_or_count(connection, table, replace), replace
                load = await connection.fetchval(
                    f"INSERT INTO {self.sql} (job_id, table_id, load, number, rows, digest, run, token, emptied) "
                    f"SELECT $1, $2, coalesce(max(load), 0) + 1, {BEGINNING}, $3, 0, $4, $5, $6 FROM {self.sql} "
                    "WHERE job_id = $1 AND table_id = $2 RETURNING load",
                    begin.job_id,
                    begin.table_id,
                    rows_before,
                    begin.run,
                    begin.token,
                    emptied,
                )
        return LoadGeneration(load, rows_before, emptied)

    async def claim(self, connection: asyncpg.Connection[Any], entry: LedgerEntry) -> Digest | None:
        """Inside the loading transaction: writes the batch's row and returns None, or returns the digest that the
        batch was recorded with because it is loaded already.

        A predecessor that lost its lease (a stopped worker) may still hold the batch in an open transaction: its
        session is ended, which rolls it back. Raises Defect where such a one awakes after a newer load has begun.
        """
        table = lock_key(entry.job_id, entry.table_id)
        await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", table)  # a new load begins alone
        key = lock_key(entry.job_id, entry.table_id, str(entry.load), str(entry.number))
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", key):
            await self._end_predecessors(connection, key)
        newest = await connection.fetchval(
            f"SELECT max(load) FROM {self.sql} WHERE job_id = $1 AND table_id = $2", entry.job_id, entry.table_id
        )
        if newest is not None and newest > entry.load:
            raise Defect(f"batch {entry.number} belongs to load {entry.load}, but load {newest} has begun")
        written = await connection.fetchval(
            f"INSERT INTO {self.sql} (job_id, table_id, load, number, rows, digest, rejected) "
            "VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7) ON CONFLICT DO NOTHING RETURNING 1",
            entry.job_id,
            entry.table_id,
            entry.load,
            entry.number,
            entry.digest.rows,
            entry.digest.total,
            entry.rejected,
        )
        if written:
            return None
        recorded = await connection.fetchrow(
            f"SELECT rows, digest FROM {self.sql} WHERE job_id = $1 AND table_id = $2 AND load = $3 AND number = $4",
            entry.job_id,
            entry.table_id,
            entry.load,
            entry.number,
        )
        if recorded is None:
            raise Defect(f"the ledger neither takes nor holds batch {entry.number}")
        return Digest(rows=recorded["rows"], total=str(int(recorded["digest"])))

    async def rejected(self, connection: asyncpg.Connection[Any], entry: LedgerEntry) -> int:
        """How many rows of a recorded batch were not loaded."""
        found: int = await connection.fetchval(
            f"SELECT rejected FROM {self.sql} WHERE job_id = $1 AND table_id = $2 AND load = $3 AND number = $4",
            entry.job_id,
            entry.table_id,
            entry.load,
            entry.number,
        )
        return found

    async def correct(
        self, connection: asyncpg.Connection[Any], entry: LedgerEntry, loaded: Digest, rejected: int
    ) -> None:
        """Inside a transaction: what a batch that is recorded holds in truth."""
        await connection.execute(
            f"UPDATE {self.sql} SET rows = $5, digest = $6::text::numeric, rejected = $7 "
            "WHERE job_id = $1 AND table_id = $2 AND load = $3 AND number = $4",
            entry.job_id,
            entry.table_id,
            entry.load,
            entry.number,
            loaded.rows,
            loaded.total,
            rejected,
        )

    async def take_out(self, connection: asyncpg.Connection[Any], load: LoadRef, number: int, moved: Digest) -> None:
        """Inside a transaction: rows of a batch that is recorded become rejects."""
        await connection.execute(
            f"UPDATE {self.sql} SET rows = rows - $5, rejected = rejected + $5, "
            "digest = mod(digest - $6::text::numeric + 18446744073709551616, 18446744073709551616) "
            "WHERE job_id = $1 AND table_id = $2 AND load = $3 AND number = $4",
            load.job_id,
            load.table_id,
            load.load,
            number,
            moved.rows,
            moved.total,
        )

    async def rows(self, connection: asyncpg.Connection[Any], load: LoadRef) -> list[LedgerRow]:
        """The batches of one load, by number."""
        found = await connection.fetch(
            f"SELECT number, rows, digest, loaded_at, rejected FROM {self.sql} "
            "WHERE job_id = $1 AND table_id = $2 AND load = $3 AND number >= 0 ORDER BY number",
            load.job_id,
            load.table_id,
            load.load,
        )
        return [
            LedgerRow(number, Digest(rows=rows, total=str(int(digest))), loaded_at, rejected)
            for number, rows, digest, loaded_at, rejected in found
        ]

    async def _clear_or_count(self, connection: asyncpg.Connection[Any], table: TableName, replace: bool) -> int:
        if replace:
            await _empty(connection, table)
            return 0
        counted: int = (await scan(connection, f"SELECT count(*) FROM {await own_rows(connection, table)}"))[0]
        return counted

    async def _take_away(
        self, connection: asyncpg.Connection[Any], table: TableName, begin: LoadBeginning, rows_before: int
    ) -> None:
        """The rows of all earlier generations of the run, and no others: an application may have written since."""
        rows = await own_rows(connection, table)
        transactions = (
            f"SELECT transaction_id::xid FROM {self.sql} WHERE job_id = $1 AND table_id = $2 AND number >= 0 "
            f"AND load IN (SELECT load FROM {self.sql} WHERE job_id = $1 AND table_id = $2 AND number = {BEGINNING} "
            "AND run = $3)"
        )
        run = (begin.job_id, begin.table_id, begin.run)
        if rows_before == 0 and begin.empties:
            await _empty(connection, table)
            return
        if rows_before == 0:
            await connection.execute(f"LOCK TABLE {rows} IN SHARE ROW EXCLUSIVE MODE")  # readers go on, writers wait
            others = f"SELECT EXISTS (SELECT FROM {rows} WHERE xmin NOT IN ({transactions}))"
            if not await connection.fetchval(others, *run):
                await _empty(connection, table)
                return
        await connection.execute(f"DELETE FROM {rows} WHERE xmin IN ({transactions})", *run)

    def transactions(self) -> str:
        """SQL of the xmin values of the rows that one load wrote; parameters: job, table, load."""
        return (
            f"SELECT transaction_id::xid FROM {self.sql} "
            "WHERE job_id = $1 AND table_id = $2 AND load = $3 AND number >= 0"
        )

    async def _end_predecessors(self, connection: asyncpg.Connection[Any], key: int) -> None:
        """Takes a lock whose holders lost their lease: nobody but them works on the same.

        Sessions may be ended by members of the role that logged in, which is not the one of SET ROLE (manual, "System
        Administration Functions").
        """
        role = await connection.fetchval("SELECT current_setting('role')")
        await connection.execute("SET LOCAL ROLE NONE")
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND classid = (($1::bigint >> 32) & 4294967295)::oid AND objid = ($1::bigint & 4294967295)::oid "
            "AND objsubid = 1 AND pid <> pg_backend_pid()",
            key,
        )
        await connection.execute("SELECT set_config('role', $1, true)", role)
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", key):
            raise Contended("an earlier attempt still holds this table or batch in an open transaction")


async def _empty(connection: asyncpg.Connection[Any], table: TableName) -> None:
    await connection.execute(f"SET LOCAL lock_timeout = '{EMPTYING_LOCK_TIMEOUT}'")
    try:
        await connection.execute(f"TRUNCATE {await own_rows(connection, table)}")
    except asyncpg.FeatureNotSupportedError as error:
        raise InvalidConfiguration(
            f"{table} cannot be emptied: a foreign key of a table outside the job refers to it",
            remedy="Drop that foreign key, or use loadMode upsert, then retry",
        ) from error


def lock_key(*parts: str) -> int:
    """A signed 64-bit key for PostgreSQL's advisory locks."""
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
