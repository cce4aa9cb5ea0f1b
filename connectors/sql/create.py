"""Executes DDL: schemas and tables before the load; keys, indexes, checks and foreign keys after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from connectors.sql.dialect import SqlDialect
from connectors.sql.errors import doing
from connectors.sql.session import ObjectExists, SqlSession
from connectors.sql.standing import made_by, standing_foreign_keys, stands
from core.errors import InvalidConfiguration, NotFound, Parks
from core.schema import Statement, TableDdl, TableName, TableSchema

DescribeTables = Callable[[Sequence[TableName]], Awaitable[Mapping[TableName, TableSchema]]]


async def create(session: SqlSession, tables: Sequence[TableDdl], describe: DescribeTables) -> dict[int, str]:
    """Schemas and tables that are missing; what exists is left alone, whatever it looks like.

    Statements commit one by one where the database has no transactional DDL, so all of a table's statements are run
    even where the table exists: an earlier attempt may have died between two. Returns reasons by position for tables
    that an operator must mend something for.
    """
    reasons = {}
    for position, ddl in enumerate(tables):
        try:
            for statement in (*ddl.schemas, *ddl.tables):
                if not await run(session, statement):
                    await _check_standing(statement, describe)
        except Parks as error:
            reasons[position] = str(error)
    return reasons


async def build(
    open_session: Callable[[], AbstractAsyncContextManager[SqlSession]],
    statements: Sequence[Statement],
    parallel: int,
    describe: DescribeTables,
) -> None:
    """Post-load DDL, at most `parallel` statements at once, each in a session of its own. When one fails the others
    still run, then its error is raised: InvalidConfiguration where the name belongs to something else."""
    slots = asyncio.Semaphore(max(parallel, 1))

    async def run_alone(statement: Statement) -> None:
        async with slots:
            async with open_session() as session:
                made = await run(session, statement)
            if not made:
                await _check_standing(statement, describe)

    outcomes = await asyncio.gather(*map(run_alone, statements), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


async def drop_foreign_keys(
    open_session: Callable[[], AbstractAsyncContextManager[SqlSession]],
    dialect: SqlDialect,
    keys: Sequence[Statement],
    describe: DescribeTables,
) -> list[str]:
    """By the names that the catalog has for what these statements make; returns the purposes of those that stood."""
    wanted = [(statement, made) for statement in keys if (made := made_by(statement)) is not None]
    found = await describe(list(dict.fromkeys(made.table for _, made in wanted)))
    dropped = []
    async with open_session() as session:
        for statement, made in wanted:
            names = standing_foreign_keys(made, found.get(made.table))
            with doing(f"dropping {statement.purpose}"):
                gone = [await _drop(session, dialect, made.table, name) for name in names]
            dropped += [statement.purpose] if any(gone) else []
    return dropped


async def _drop(session: SqlSession, dialect: SqlDialect, table: TableName, constraint: str) -> bool:
    """False: it is not there, for another statement or attempt has dropped it."""
    try:
        await session.execute(
            f"ALTER TABLE {dialect.qualified(table)} DROP CONSTRAINT {dialect.identifier(constraint)}"
        )
    except NotFound:
        return False
    return True


async def run(session: SqlSession, statement: Statement) -> bool:
    """One statement. False: something has the name of what it would create."""
    with doing(f"building {statement.purpose}"):
        try:
            await session.execute(statement.sql)
        except ObjectExists:
            return False
    return True


async def _check_standing(statement: Statement, describe: DescribeTables) -> None:
    """Raises InvalidConfiguration where what the statement would make does not stand on its table."""
    made = made_by(statement)
    if made is None:
        return
    found = await describe([made.table])
    if not stands(made, next(iter(found.values()), None)):
        raise InvalidConfiguration(
            f"building {statement.purpose}: the name {made.name} belongs to something else at the destination",
            remedy="Rename or drop what has the name there, then retry",
        )
