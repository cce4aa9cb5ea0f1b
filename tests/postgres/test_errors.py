"""What the server refuses becomes a class that says who can mend it, in a message that holds no value."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
import pytest

from connectors.contract import Credentials
from connectors.postgres.errors import translated
from connectors.postgres.options import PostgresOptions
from connectors.postgres.session import open_session
from core.errors import Contended, DataRejected, InvalidConfiguration, MigrationError, NotFound, SnapshotGone
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase

SECRET = "99999999999"
RAISES = "DO $$ BEGIN RAISE EXCEPTION 'the customer {secret}' USING ERRCODE = '{code}'; END $$"


async def refuse(postgres: PostgresServer, *statements: str) -> MigrationError:
    """What Sterna raises for the last of the statements."""
    async with opened(postgres) as connection:
        for statement in statements:
            try:
                with translated("doing it"):
                    await connection.execute(statement)
            except MigrationError as error:
                assert statement == statements[-1]
                return error
    pytest.fail("nothing was refused")


def opened(postgres: PostgresServer) -> AbstractAsyncContextManager[asyncpg.Connection[Any]]:
    """A session of the product."""
    options = PostgresOptions(host="127.0.0.1", port=postgres.port, database="postgres", user=postgres.user)
    return open_session(options, Credentials(), "test")


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT '{SECRET}'::int",
        f"SELECT 'a{SECRET}'::date",
        f"SELECT ('{SECRET}' || '-13-41')::date",
        f"SELECT '{{{SECRET}'::json",
        f"SELECT '{SECRET}'::inet",
        f"SELECT '{SECRET}'::numrange",
        RAISES.format(secret=SECRET, code="P0001"),
        RAISES.format(secret=SECRET, code="23505"),
        RAISES.format(secret=SECRET, code="38001"),
        RAISES.format(secret=SECRET, code="27000"),
        RAISES.format(secret=SECRET, code="44000"),
    ],
)
async def test_a_refused_value_parks_and_stays_in_the_evidence(postgres: PostgresServer, statement: str) -> None:
    error = await refuse(postgres, statement)
    assert isinstance(error, DataRejected)
    assert "999" not in str(error)
    assert "999" in str(error.evidence)
    assert error.code


async def test_a_value_of_a_type_with_a_syntax_of_its_own_stays_in_the_evidence(postgres: PostgresServer) -> None:
    error = await refuse(postgres, f"SELECT '{SECRET} ('::tsquery")
    assert SECRET not in str(error)
    assert SECRET in str(error.evidence)
    syntax = await refuse(postgres, "SELECT 1 WHERE id =")
    assert "at end of input" in str(syntax)


async def test_the_column_of_a_value_that_copy_refuses_is_named(postgres: PostgresServer) -> None:
    async with opened(postgres) as connection:
        await connection.execute("CREATE TEMPORARY TABLE narrow (id int, amount int)")
        with pytest.raises(DataRejected) as raised, translated("loading"):
            await connection.copy_to_table("narrow", source=_lines(f"1\t{SECRET}\n"), format="text")
    assert "column amount" in str(raised.value)
    assert SECRET not in str(raised.value)


async def _lines(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


@pytest.mark.parametrize("code", ["ZZ123", "XX000", "F0000", "HV000", "55P02"])
async def test_unknown_and_internal_errors_park_instead_of_being_tried_for_hours(
    postgres: PostgresServer, code: str
) -> None:
    error = await refuse(postgres, RAISES.format(secret=SECRET, code=code))
    assert isinstance(error, InvalidConfiguration)
    assert SECRET not in str(error)
    assert code in str(error)


async def test_a_row_met_twice_by_one_upsert_parks(postgres: PostgresServer) -> None:
    error = await refuse(
        postgres,
        "CREATE TEMPORARY TABLE keyed (id int PRIMARY KEY)",
        "INSERT INTO keyed VALUES (1), (1) ON CONFLICT (id) DO UPDATE SET id = excluded.id",
    )
    assert isinstance(error, DataRejected)
    assert error.code == "21000"


async def test_names_stay_in_messages_and_classes_that_time_mends_are_retried(
    postgres: PostgresServer, new_database: NewDatabase
) -> None:
    missing = await refuse(postgres, "SELECT * FROM public.no_such_table")
    assert isinstance(missing, NotFound)
    assert "no_such_table" in str(missing)
    cancelled = await refuse(postgres, "SET statement_timeout = '50ms'", "SELECT pg_sleep(5)")
    assert isinstance(cancelled, Contended)
    gone = await refuse(
        postgres, "BEGIN ISOLATION LEVEL REPEATABLE READ", "SET TRANSACTION SNAPSHOT '00000003-0000001B-1'"
    )
    assert isinstance(gone, SnapshotGone)
