"""Sessions: what they fix, how they end, and how a batch finds its predecessor."""

from __future__ import annotations

import asyncio

import oracledb
import pytest

from connectors.oracle import session
from core.errors import Contended, InvalidConfiguration, MigrationError
from core.schema import TableName
from core.value_type import ValueType
from tests.oracle.loading import Loading, oracle_connector
from tests.oracle_server.server import OracleLogin, OracleServer

INTEGER = ValueType(kind="integer")


async def test_the_time_zone_is_utc_whatever_the_server_has(oracle: OracleLogin) -> None:
    async with oracle_connector(oracle).open_session("testing") as opened:
        assert await opened.fetch("SELECT SESSIONTIMEZONE FROM dual") in ([("+00:00",)], [("UTC",)])


async def test_a_predecessor_that_was_stopped_is_ended_by_its_successor(oracle_server: OracleServer) -> None:
    login = oracle_server.login()
    loading = Loading(login, [INTEGER])
    await loading.create()
    await loading.begin()
    async with loading.connector.open_session("stopped") as stopped:
        await stopped.begin()
        await stopped.end_predecessor("job/table/1/0")
        await stopped.execute(f"INSERT INTO {loading.name} VALUES (:1)", [7])
        async with loading.connector.open_session("successor") as successor:
            await successor.begin()
            await successor.end_predecessor("job/table/1/0")
            await successor.execute(f"INSERT INTO {loading.name} VALUES (:1)", [1])
            await successor.commit()
        with pytest.raises(MigrationError):
            await stopped.commit()
    assert await loading.read() == [("1",)]


async def test_without_the_privilege_to_end_it_the_predecessor_is_waited_for_and_the_batch_tried_again(
    oracle_server: OracleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LOCK_SECONDS", 1)
    login = oracle_server.login()
    loading = Loading(login, [INTEGER])
    await loading.create()
    await loading.begin()
    ledger = f'INSERT INTO {login.schema}.sterna_ledger (job_id, table_id, load, "NUMBER", "ROWS", digest, loaded_at) '
    with login.connect() as straggler, straggler.cursor() as cursor:
        cursor.execute(ledger + "VALUES (:1, 'table', 1, 0, 1, '0', '2024-01-01')", [loading.name])
        login.fault("ora-00942 on 'gv\\$session'")
        with pytest.raises(Contended, match="DPY-4024"):
            await loading.load([("1",)])
        straggler.rollback()
    assert (await loading.load([("1",)])).repeated is False


async def test_a_held_table_is_contended_and_not_waited_for_without_end(
    oracle_server: OracleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LOCK_SECONDS", 1)
    login = oracle_server.login()
    loading = Loading(login, [INTEGER])
    await loading.create()
    await loading.begin()
    with login.connect() as other, other.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {loading.name} IN EXCLUSIVE MODE")
        with pytest.raises(Contended):
            await loading.load([("1",)])
        other.rollback()


async def test_loads_of_batches_hold_a_table_together_and_its_beginning_holds_it_alone(oracle: OracleLogin) -> None:
    loading = Loading(oracle, [INTEGER])
    await loading.create()
    connector = loading.connector
    async with connector.open_session("a") as first, connector.open_session("b") as second:
        await first.begin()
        await second.begin()
        await asyncio.wait_for(first.hold_table(loading.table, alone=False), 10)
        await asyncio.wait_for(second.hold_table(loading.table, alone=False), 10)
        with oracle.connect() as other, other.cursor() as cursor, pytest.raises(oracledb.Error):
            cursor.execute(f"LOCK TABLE {loading.name} IN EXCLUSIVE MODE NOWAIT")


async def test_what_is_not_committed_goes_with_the_session(oracle: OracleLogin) -> None:
    loading = Loading(oracle, [INTEGER])
    await loading.create()
    async with loading.connector.open_session("failing") as opened:
        await opened.begin()
        await opened.execute(f"INSERT INTO {loading.name} VALUES (:1)", [1])
    assert await loading.read() == []


async def test_tables_in_other_schemas_are_named_by_their_owner(oracle_server: OracleServer) -> None:
    owner, reader = oracle_server.login(), oracle_server.login()
    with owner.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE theirs (id NUMBER(9) PRIMARY KEY)")
    name = TableName(schema_name=owner.schema, name="THEIRS")
    connector = oracle_connector(reader)
    assert await connector.list_tables([f"{owner.schema}.*"], []) == [name]
    assert (await connector.describe_tables([name]))[name].estimated_bytes == 0


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
async def test_a_table_is_not_emptied_where_a_foreign_key_would_change_others_with_it(
    oracle_server: OracleServer, action: str
) -> None:
    owner, other = oracle_server.login(), oracle_server.login()
    with owner.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE par (id NUMBER PRIMARY KEY, up NUMBER, "
            "CONSTRAINT own FOREIGN KEY (up) REFERENCES par (id) ON DELETE CASCADE)"
        )
    par = TableName(schema_name=owner.schema, name="PAR")
    async with oracle_connector(owner).open_session("emptying") as opened:
        await opened.check_deletion(par)
        with other.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE chi (id NUMBER, CONSTRAINT acting FOREIGN KEY (id) "
                f"REFERENCES {owner.schema}.par (id) ON DELETE {action})"
            )
        with pytest.raises(InvalidConfiguration, match=f"the foreign key ACTING of {other.schema}.CHI would"):
            await opened.check_deletion(par)
