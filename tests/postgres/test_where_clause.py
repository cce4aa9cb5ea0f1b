"""A whereClause is one expression that reads: whatever it says, the source is not written."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.contract import Credentials, Selection
from connectors.postgres.connector import Postgres
from connectors.postgres.options import PostgresOptions
from core.errors import InvalidConfiguration, MigrationError
from core.ranges import WholeTable
from core.schema import TableName
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

SEVERAL_STATEMENTS = [
    "true); COMMIT; DELETE FROM public.t; SELECT (true",
    "true)) TO STDOUT; COMMIT; DELETE FROM public.t; COPY (SELECT 1 WHERE (true",
    "true); DELETE FROM public.t --",
    "id = $1",
    "id =",
]
WRITING = [
    "public.wipe()",
    "set_config('transaction_read_only', 'off', true) = 'off' AND public.wipe()",
    "set_config('transaction_read_only', 'off', false) = 'off' AND public.wipe()",
    "nextval('public.numbers') > 0",
]


@dataclass
class Source:
    """A database with one row in `t`."""

    server: PostgresServer
    database: str

    def connector(self) -> Postgres:
        options = PostgresOptions(
            host="127.0.0.1", port=self.server.port, database=self.database, user=self.server.user
        )
        return Postgres(options, Credentials(), "test")

    async def selection(self, where: str) -> Selection:
        name = TableName(schema_name="public", name="t")
        return Selection((await self.connector().describe_tables([name]))[name], ["id"], where)

    async def read(self, where: str) -> int:
        selection = await self.selection(where)
        async with self.connector().reading(None) as reader:
            return await reader.read_native(selection, WholeTable(), _drop)

    async def read_arrow(self, where: str) -> None:
        selection = await self.selection(where)
        async with self.connector().reading(None) as reader:
            await reader.read_arrow(selection, WholeTable(), _drop)

    async def count(self, where: str) -> int:
        selection = await self.selection(where)
        async with self.connector().reading(None) as reader:
            return await reader.count(selection)

    async def check(self, where: str) -> None:
        await self.connector().check_selection(await self.selection(where))

    def is_untouched(self) -> bool:
        with connect(self.server, self.database) as connection:
            row = connection.execute("SELECT (SELECT count(*) FROM t), last_value FROM numbers").fetchone()
        return row == (1, 1)


async def _drop(piece: object) -> None:
    """Takes what is read."""


@pytest.fixture
def source(postgres: PostgresServer, new_database: NewDatabase) -> Source:
    name = new_database()
    with connect(postgres, name) as connection:
        connection.execute(
            "CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE SEQUENCE numbers;"
            "CREATE FUNCTION wipe() RETURNS bool LANGUAGE sql VOLATILE AS 'DELETE FROM public.t; SELECT true'"
        )
    return Source(postgres, name)


Ways = Callable[[Source, str], Coroutine[Any, Any, Any]]


@pytest.mark.parametrize("way", [Source.check, Source.read, Source.read_arrow, Source.count])
@pytest.mark.parametrize("where", SEVERAL_STATEMENTS)
async def test_a_clause_that_is_not_one_expression_is_refused(source: Source, where: str, way: Ways) -> None:
    with pytest.raises(MigrationError):
        await way(source, where)
    assert source.is_untouched()


@pytest.mark.parametrize("where", SEVERAL_STATEMENTS)
async def test_the_check_says_that_the_clause_is_wrong(source: Source, where: str) -> None:
    with pytest.raises(InvalidConfiguration, match="whereClause"):
        await source.check(where)


@pytest.mark.parametrize("way", [Source.check, Source.read, Source.read_arrow, Source.count])
@pytest.mark.parametrize("where", WRITING)
async def test_a_clause_cannot_write(source: Source, where: str, way: Ways) -> None:
    if way is Source.check:
        await way(source, where)
    else:
        with pytest.raises(MigrationError):
            await way(source, where)
    assert source.is_untouched()


async def test_a_clause_may_say_what_an_expression_can(source: Source) -> None:
    where = "id IN (SELECT id FROM public.t) AND ';' <> '' -- a comment; with this"
    await source.check(where)
    assert await source.read(where) == 1
