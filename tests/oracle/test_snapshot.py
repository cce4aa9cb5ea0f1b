"""All sessions read one moment, as of an SCN; what Oracle says when it cannot is passed on with advice."""

from __future__ import annotations

import pytest

from connectors.base import ComparesKeys
from connectors.contract import CANONICAL_DIGEST, DigestColumn, DigestMethod, KeyBuckets, Selection
from core.errors import AccessDenied, SnapshotExpired, SnapshotGone
from core.key_spans import KeySpans
from core.ranges import WholeTable
from core.schema import TableName
from tests.oracle.loading import oracle_connector, read_table
from tests.oracle_server.server import OracleLogin, OracleServer


def _table(login: OracleLogin, name: str) -> TableName:
    with login.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (id NUMBER(9))")
        cursor.execute(f"INSERT INTO {name} VALUES (1)")
        connection.commit()
    return TableName(schema_name=login.schema, name=name)


async def test_the_keeper_takes_the_current_scn_and_rows_are_read_as_of_it(oracle_server: OracleServer) -> None:
    login = oracle_server.login()
    table, connector = _table(login, "MOMENT"), oracle_connector(login)
    async with connector.keeping_snapshot([table]) as keeper:
        number = int(keeper.taken.id.removeprefix("scn:"))
        assert keeper.taken.position == f"SCN {number}"
        await keeper.check()
        # flashback is not what the wire server has, so the statement is looked at: it fails only if it names the SCN
        login.fault(f"ora-01722 on 'MOMENT\" AS OF SCN {number}'")
        with pytest.raises(Exception, match="ORA-01722"):
            await read_table(connector, table, keeper.taken.id)
        assert await read_table(connector, table, keeper.taken.id) == [("1",)]


async def test_undo_that_is_gone_waits_for_an_operator_with_advice(oracle_server: OracleServer) -> None:
    login = oracle_server.login()
    table = _table(login, "OLD_MOMENT")
    login.fault("ora-01555 on 'OLD_MOMENT. AS OF SCN'")
    with pytest.raises(SnapshotExpired, match="UNDO_RETENTION") as gone:
        await read_table(oracle_connector(login), table, "scn:1000001")
    assert gone.value.code == "ORA-01555"
    assert gone.value.parks


async def test_rows_are_compared_by_key_as_of_the_scn_too(oracle_server: OracleServer) -> None:
    login = oracle_server.login()
    table, connector = _table(login, "KEYED_MOMENT"), oracle_connector(login)
    schema = (await connector.describe_tables([table]))[table]
    column = schema.columns[0]
    proof = DigestMethod(CANONICAL_DIGEST, (DigestColumn("ID", "text", column.value, column.type),))
    selection, buckets = Selection(schema, ["ID"]), KeyBuckets("ID", 1, 1)
    async with connector.reading("scn:1000001") as session:
        assert isinstance(session, ComparesKeys)
        assert await session.key_ends(selection, "ID") == (1, 1)
        assert (await session.bucket_digests(selection, WholeTable(), proof, buckets))[0].rows == 1
        login.fault("ora-01555 on 'KEYED_MOMENT. AS OF SCN 1000001'")
        with pytest.raises(SnapshotExpired):
            await session.bucket_digests(selection, KeySpans(column="ID", spans=[(1, 2)]), proof, buckets)


async def test_a_snapshot_of_another_database_is_gone(oracle: OracleLogin) -> None:
    table = _table(oracle, "OTHER_MOMENT")
    with pytest.raises(SnapshotGone):
        await read_table(oracle_connector(oracle), table, "00000003-0000001B-1")


async def test_who_may_not_read_the_scn_is_told_the_grants_and_the_other_way(oracle_server: OracleServer) -> None:
    login = oracle_server.login()
    login.fault("ora-00942 on 'current_scn'")
    login.fault("ora-00904 on 'DBMS_FLASHBACK'")
    with pytest.raises(AccessDenied, match=r"V_\$DATABASE.*consistency to batch"):
        async with oracle_connector(login).keeping_snapshot([]):
            pass
