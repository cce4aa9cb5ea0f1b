"""Executes DDL: what tables need and the tables before the load; keys, checks and comments after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from connectors.contract import Credentials
from connectors.postgres.errors import translated
from connectors.postgres.ledger import lock_key
from connectors.postgres.options import PostgresOptions
from connectors.postgres.rename import same_definition
from connectors.postgres.session import open_session
from connectors.postgres.sql import identifier, literal, qualified
from connectors.postgres.statements import Target, target_of
from connectors.postgres.table_locks import TableLocks
from connectors.postgres.type_definitions import find_fingerprints
from core.errors import InvalidConfiguration, Parks
from core.schema import Statement, TableDdl, TypeDefinition

CREATION_LOCK_TIMEOUT = "60s"
BUILD_LOCK_TIMEOUT = "60s"
BUILD_MEMORY = "256MB"
"""maintenance_work_mem of each building session, unless the server's own is larger."""

EXISTING_CONSTRAINTS = """
SELECT c.conname AS name, pg_get_constraintdef(c.oid) AS definition
FROM pg_constraint AS c WHERE c.conrelid = to_regclass($1)
"""
EXISTING_INDEXES = """
SELECT x.relname AS name, i.indisvalid AS valid, i.indisunique AS unique, n.nspname AS schema,
       regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', 'USING ') AS definition
FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = x.relnamespace
WHERE i.indrelid = to_regclass($1)
"""


async def create(
    options: PostgresOptions, credentials: Credentials, label: str, tables: Sequence[TableDdl]
) -> dict[int, str]:
    """Creates what is missing; a table that exists is left alone, whatever it looks like.

    Returns reasons, by position, for tables that an operator must mend something for. Raises Unavailable, Contended.
    """
    async with _creating(options, credentials, label) as connection:
        failures = await _create_prerequisites(connection, tables)
        reasons = {}
        for position, ddl in enumerate(tables):
            try:
                await _create_table(connection, ddl, failures)
            except Parks as error:
                # The cause is rather what the table needs and could not be created than what the server missed.
                causes = [failures[sql] for sql in _needs(ddl) if sql in failures]
                reasons[position] = "; ".join(causes) or str(error)
        return reasons


async def drop_foreign_keys(
    options: PostgresOptions, credentials: Credentials, label: str, keys: Sequence[Statement]
) -> list[str]:
    """Drops the foreign keys that these statements would make, where equal ones exist; returns their purposes."""
    dropped = []
    async with _creating(options, credentials, label) as connection:
        for statement in keys:
            target = target_of(statement)
            if target is None:
                continue
            with translated(f"dropping {statement.purpose}"):
                for record in await connection.fetch(EXISTING_CONSTRAINTS, qualified(target.table)):
                    if not same_definition(record["definition"], target.definition):
                        continue
                    name = identifier(record["name"])
                    await connection.execute(f"ALTER TABLE {qualified(target.table)} DROP CONSTRAINT {name}")
                    dropped.append(statement.purpose)
    return dropped


async def build(
    options: PostgresOptions, credentials: Credentials, label: str, statements: Sequence[Statement], parallel: int
) -> None:
    """Executes post-load DDL, at most `parallel` statements at once, each in its own session.

    What exists already is left alone: a constraint or index of that name on that table, or an equal one under another
    name. An index of that name that is invalid is dropped and built. When a statement fails the others still run,
    then its error is raised: Contended after 60 s without the lock, DataRejected for rows that violate a constraint.
    """
    slots = asyncio.Semaphore(max(parallel, 1))
    locks = TableLocks()

    async def run(statement: Statement) -> None:
        target = target_of(statement)
        async with (
            locks.hold(target),
            slots,
            open_session(options, credentials, label, lock_timeout=BUILD_LOCK_TIMEOUT) as connection,
        ):
            with translated(f"building {statement.purpose}"):
                await _build(connection, statement, target)

    outcomes = await asyncio.gather(*map(run, statements), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


@asynccontextmanager
async def _creating(
    options: PostgresOptions, credentials: Credentials, label: str
) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A session that is alone in creating tables for Sterna in this database."""
    async with open_session(options, credentials, label, lock_timeout=CREATION_LOCK_TIMEOUT) as connection:
        with translated("waiting for another worker that creates tables"):
            await connection.execute("SELECT pg_advisory_lock($1)", lock_key("create"))
        yield connection


async def _create_prerequisites(connection: asyncpg.Connection[Any], tables: Sequence[TableDdl]) -> dict[str, str]:
    """Schemas, extensions and types. Returns reasons by statement or fingerprint.

    They matter only to tables that are missing: `CREATE SCHEMA IF NOT EXISTS` asks for a privilege even where the
    schema exists.
    """
    failures: dict[str, str] = {}
    statements = [statement for ddl in tables for statement in ddl.schemas]
    statements += [statement for ddl in tables for statement in ddl.extensions]
    for sql, statement in {statement.sql: statement for statement in statements}.items():
        try:
            with translated(f"creating {statement.purpose}"):
                await connection.execute(sql)
        except Parks as error:
            failures[sql] = str(error)
    types = {known.fingerprint: known for ddl in tables for known in ddl.types}
    existing = await find_fingerprints(connection, [known.name for known in types.values()])
    for known in types.values():
        try:
            await _create_type(connection, known, existing.get(known.name))
        except Parks as error:
            failures[known.fingerprint] = str(error)
        else:
            existing.setdefault(known.name, known.fingerprint)
    return failures


async def _create_type(connection: asyncpg.Connection[Any], known: TypeDefinition, existing: str | None) -> None:
    if existing == known.fingerprint:
        return
    if existing is not None:
        raise InvalidConfiguration(
            f"the {known.kind} {known.name} exists at the destination and differs from the source's",
            remedy=f"Make it equal or drop it: {'; '.join(known.statements)}",
        )
    with translated(f"creating {known.kind} {known.name}"):
        async with connection.transaction():
            for sql in known.statements:
                await connection.execute(sql)


async def _create_table(connection: asyncpg.Connection[Any], ddl: TableDdl, failures: dict[str, str]) -> None:
    """Raises Parks. A table is not made with a type of the same name that is another type."""
    first, *others = ddl.tables
    with translated(f"creating {first.purpose}"):
        async with connection.transaction():
            try:
                async with connection.transaction():
                    await connection.execute(first.sql)
            except asyncpg.DuplicateTableError:
                # The same code for a sequence of the table whose name is taken.
                if ddl.table is None or await connection.fetchval("SELECT to_regclass($1)", qualified(ddl.table)):
                    return
                raise
            for known in ddl.types:
                if known.fingerprint in failures:
                    raise InvalidConfiguration(failures[known.fingerprint])
            for statement in others:
                with translated(f"creating {statement.purpose}"):
                    await connection.execute(statement.sql)


def _needs(ddl: TableDdl) -> list[str]:
    statements = [statement.sql for statement in (*ddl.schemas, *ddl.extensions)]
    return statements + [known.fingerprint for known in ddl.types]


async def _build(connection: asyncpg.Connection[Any], statement: Statement, target: Target | None) -> None:
    if target is not None and await _stands(connection, target):
        return
    await connection.execute(
        f"SELECT set_config('maintenance_work_mem', {literal(BUILD_MEMORY)}, false) WHERE "
        f"pg_size_bytes(current_setting('maintenance_work_mem')) < pg_size_bytes({literal(BUILD_MEMORY)})"
    )
    try:
        await connection.execute(statement.sql)
    except (asyncpg.DuplicateObjectError, asyncpg.DuplicateTableError):
        # Another worker may have built it in the meantime; the name may also belong to something else.
        if target is None or not await _stands(connection, target):
            raise


async def _stands(connection: asyncpg.Connection[Any], target: Target) -> bool:
    if not target.index:
        return bool(await _equal_constraints(connection, target))
    records = await connection.fetch(EXISTING_INDEXES, qualified(target.table))
    for record in records:
        if record["name"] == target.name and not record["valid"]:
            await connection.execute(f"DROP INDEX {identifier(record['schema'])}.{identifier(record['name'])}")
    return any(_is_index(record, target) for record in records if record["valid"])


def _is_index(record: Any, target: Target) -> bool:
    equal = record["unique"] == target.unique and same_definition(record["definition"], target.definition)
    return equal or record["name"] == target.name


async def _equal_constraints(connection: asyncpg.Connection[Any], target: Target) -> list[str]:
    """Names of the table's constraints with the target's name or its definition."""
    records = await connection.fetch(EXISTING_CONSTRAINTS, qualified(target.table))
    return [
        record["name"]
        for record in records
        if record["name"] == target.name or same_definition(record["definition"], target.definition)
    ]
