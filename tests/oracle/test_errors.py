"""Oracle's codes become errors by what an operator can do about them, and messages hold no values."""

from __future__ import annotations

import oracledb
import pytest

from connectors.contract import LoadRef
from connectors.oracle.errors import translate
from connectors.sql.session import DuplicateKey
from core.errors import (
    AccessDenied,
    DataRejected,
    InvalidConfiguration,
    MigrationError,
    NotFound,
    OutOfSpace,
    SnapshotExpired,
    Unavailable,
)
from core.schema import TableName
from core.value_type import ValueType
from deploy.local.postgres_server import free_port
from tests.oracle.loading import Loading, oracle_connector, read_table
from tests.oracle_server.server import OracleLogin, OracleServer


async def test_a_wrong_password_is_access_denied(oracle: OracleLogin) -> None:
    wrong = OracleLogin(oracle.host, oracle.port, oracle.service, oracle.user, "wrong-password")
    with pytest.raises(AccessDenied) as refused:
        await oracle_connector(wrong).check()
    assert refused.value.code == "ORA-01017"
    assert "wrong-password" not in str(refused.value)


async def test_a_port_that_nobody_listens_on_is_unavailable(oracle: OracleLogin) -> None:
    connector = oracle_connector(oracle, port=free_port(), connectTimeout=2)
    with pytest.raises(Unavailable, match="connecting to"):
        await connector.check()


async def test_a_wallet_for_plain_tcp_is_not_looked_for(oracle: OracleLogin) -> None:
    told = await oracle_connector(oracle, walletPath="/nowhere", protocol="tcp").check()
    assert any("not encrypted" in warning for warning in told.warnings)
    assert not (await oracle_connector(oracle).check()).warnings


async def test_a_value_stays_out_of_the_message_and_goes_into_the_evidence(oracle: OracleLogin) -> None:
    loading = Loading(oracle, [ValueType(kind="integer")])
    await loading.create()
    await loading.begin()
    with pytest.raises(DataRejected) as refused:
        await loading.load([("secret",)])
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1653, OutOfSpace),
        (30036, OutOfSpace),
        (1950, AccessDenied),
        (1031, AccessDenied),
        (1033, Unavailable),
        (942, NotFound),
        (1, DuplicateKey),
        (20001, DataRejected),
        (2391, Unavailable),
        (25408, Unavailable),
    ],
)
async def test_codes_of_the_server(oracle_server: OracleServer, code: int, kind: type[MigrationError]) -> None:
    login = oracle_server.login()
    loading = Loading(login, [ValueType(kind="integer")])
    await loading.create()
    await loading.begin()
    login.fault(f"ora-{code:05} on '^INSERT INTO .*{loading.name}'")
    with pytest.raises(kind) as refused:
        await loading.load([("1",)])
    assert refused.value.code == f"ORA-{code:05}"
    assert (await loading.load([("1",)])).repeated is False


@pytest.mark.parametrize(
    ("message", "kind", "code"),
    [
        ("ORA-00604: error at recursive SQL level 1\nORA-01653: unable to extend table", OutOfSpace, "ORA-01653"),
        ("ORA-12801: error signaled in parallel query server P000\nORA-01555: too old", SnapshotExpired, "ORA-01555"),
        ("ORA-00604: error at recursive SQL level 1", InvalidConfiguration, "ORA-00604"),
    ],
)
def test_an_error_that_wraps_another_is_taken_for_that_one(message: str, kind: type[MigrationError], code: str) -> None:
    found = translate(oracledb.DatabaseError(oracledb._Error(message)))
    assert isinstance(found, kind)
    assert found.code == code


@pytest.mark.parametrize("message", ["ORA-12514: listener does not know", "DPY-4033: idle for too long"])
def test_a_database_that_is_starting_again_or_hung_up_is_waited_for(message: str) -> None:
    assert isinstance(translate(oracledb.DatabaseError(oracledb._Error(message))), Unavailable)


async def test_a_lost_connection_is_unavailable_and_nothing_is_loaded(oracle_server: OracleServer) -> None:
    login = oracle_server.login()
    loading = Loading(login, [ValueType(kind="integer")])
    await loading.create()
    await loading.begin()
    login.fault(f"drop on '^INSERT INTO .*{loading.name}'")
    with pytest.raises(Unavailable):
        await loading.load([("1",)])
    assert await loading.connector.ledger_rows(LoadRef(loading.name, "table", 1)) == []
    await loading.load([("1",)])
    assert await loading.read() == [("1",)]


async def test_a_connection_lost_while_reading_is_unavailable(oracle_server: OracleServer) -> None:
    login = oracle_server.login()
    with login.connect() as connection, connection.cursor() as cursor:
        columns = ", ".join(f"c{number} VARCHAR2(4000)" for number in range(4))
        cursor.execute(f"CREATE TABLE long_rows ({columns})")
        cursor.executemany("INSERT INTO long_rows (c0) VALUES (:1)", [("x",) for _ in range(5000)])
        connection.commit()
    table = TableName(schema_name=login.schema, name="LONG_ROWS")
    login.fault("drop after 1 on '^SELECT .*LONG_ROWS'")
    with pytest.raises(Unavailable):
        await read_table(oracle_connector(login), table)
    assert len(await read_table(oracle_connector(login), table)) == 5000
