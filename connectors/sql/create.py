"""Executes DDL: schemas and tables before the load; keys, indexes, checks and foreign keys after it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from connectors.sql.errors import doing
from connectors.sql.session import ObjectExists, SqlSession
from connectors.sql.standing import QUOTED, made_by, stands
from core.errors import InvalidConfiguration, NotFound, Parks
from core.schema import Statement, TableDdl, TableName, TableSchema

DescribeTables = Callable[[Sequence[TableName]], Awaitable[Mapping[TableName, TableSchema]]]
ADD_FOREIGN_KEY = re.compile(
    rf"(?P<table>ALTER TABLE {QUOTED}(?:\.{QUOTED})?) ADD CONSTRAINT (?P<name>{QUOTED}) FOREIGN KEY "
)


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


async def drop_foreign_keys(session: SqlSession, keys: Sequence[Statement]) -> list[str]:
    """By the names that these statements give them; returns the purposes of those that stood."""
    dropped = []
    for statement in keys:
        added = ADD_FOREIGN_KEY.match(statement.sql)
        if added is None:
            continue
        try:
            with doing(f"dropping {statement.purpose}"):
                await session.execute(f"{added['table']} DROP CONSTRAINT {added['name']}")
        except NotFound:
            continue
        dropped.append(statement.purpose)
    return dropped


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
