"""What the catalog says of a table is what CREATE TABLE said."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.registry import build_connector
from connectors.snowflake.connector import Snowflake
from core.schema import TableName, TableSchema
from core.value_type import ValueType
from tests.snowflake_server.server import SnowflakeServer

CUSTOMERS = """
CREATE TABLE "PUBLIC"."CUSTOMERS" (
    ID NUMBER(38,0) AUTOINCREMENT START 100 INCREMENT 5,
    "eMail" VARCHAR(100) NOT NULL COMMENT 'it''s theirs',
    BARE NUMBER,
    PRICE NUMBER(12,4) DEFAULT 1.5,
    BORN TIMESTAMP_NTZ(3),
    SEEN TIMESTAMP_TZ(9),
    AT_NIGHT TIME(0),
    PAYLOAD VARIANT,
    FLAGS BINARY(16),
    CONSTRAINT CUSTOMERS_PK PRIMARY KEY (ID),
    CONSTRAINT ONE_MAIL UNIQUE ("eMail", BARE)
)
"""
ORDERS = """
CREATE TABLE "PUBLIC"."ORDERS" (
    NO NUMBER(9,0) NOT NULL, CUSTOMER NUMBER(38,0), TWICE NUMBER(10,0) AS (NO * 2),
    CONSTRAINT ORDERS_CUSTOMER FOREIGN KEY (CUSTOMER) REFERENCES "PUBLIC"."CUSTOMERS" (ID) ON DELETE CASCADE
)
"""


@pytest.fixture
async def described(snowflake: SnowflakeServer) -> dict[str, TableSchema]:
    database = snowflake.new_database()
    with snowflake.connect(database) as session:
        for statement in (
            CUSTOMERS,
            ORDERS,
            """COMMENT ON TABLE "PUBLIC"."CUSTOMERS" IS 'who pays'""",
            """INSERT INTO "PUBLIC"."CUSTOMERS" (ID, "eMail") SELECT 205, 'a@example.com'""",
        ):
            session.cursor().execute(statement)
    connector = _connector(snowflake, database)
    names = await connector.list_tables(["PUBLIC.*"], [])
    assert [name.name for name in names] == ["CUSTOMERS", "ORDERS"]
    found = await connector.describe_tables([*names, TableName(schema_name="PUBLIC", name="MISSING")])
    return {name.name: table for name, table in found.items()}


def _connector(server: SnowflakeServer, database: str) -> Snowflake:
    connector = build_connector("SNOWFLAKE", server.options(database), server.credentials, "test")
    assert isinstance(connector, Snowflake)
    return connector


def _value(kind: Any, **fields: Any) -> ValueType:
    return ValueType(kind=kind, **fields)


async def test_types_keep_their_digits(described: dict[str, TableSchema]) -> None:
    columns = {column.name: (column.type, column.value) for column in described["CUSTOMERS"].columns}
    assert columns == {
        "ID": ("NUMBER(38,0)", _value("decimal", precision=38)),
        "eMail": ("VARCHAR(100)", _value("text", length=100)),
        "BARE": ("NUMBER(38,0)", _value("decimal", precision=38)),
        "PRICE": ("NUMBER(12,4)", _value("decimal", precision=12, scale=4)),
        "BORN": ("TIMESTAMP_NTZ(3)", _value("timestamp", fraction=3)),
        "SEEN": ("TIMESTAMP_TZ(9)", _value("timestamp_tz", fraction=9)),
        "AT_NIGHT": ("TIME(0)", _value("time", fraction=0)),
        "PAYLOAD": ("VARIANT", _value("json", normalised=True)),
        "FLAGS": ("BINARY(16)", _value("binary", length=16)),
    }
    assert [column.name for column in described["CUSTOMERS"].columns if column.zone_lost] == ["SEEN"]


async def test_keys_identities_defaults_and_comments_are_described(described: dict[str, TableSchema]) -> None:
    customers, orders = described["CUSTOMERS"], described["ORDERS"]
    assert customers.primary_key is not None
    assert (customers.primary_key.name, customers.primary_key.columns) == ("CUSTOMERS_PK", ["ID"])
    assert [(key.name, key.columns) for key in customers.unique_keys] == [("ONE_MAIL", ["eMail", "BARE"])]
    assert customers.comment == "who pays"
    by_name = {column.name: column for column in customers.columns}
    assert by_name["eMail"].comment == "it's theirs"
    assert not by_name["eMail"].nullable
    assert by_name["PRICE"].default == "1.5"
    assert by_name["ID"].identity == "BY DEFAULT"
    assert [(sequence.column, sequence.next_value) for sequence in customers.sequences] == [("ID", 210)]
    (foreign,) = orders.foreign_keys
    assert (foreign.columns, foreign.referenced.name, foreign.referenced_columns, foreign.on_delete) == (
        ["CUSTOMER"],
        "CUSTOMERS",
        ["ID"],
        "CASCADE",
    )
    twice = orders.column("TWICE")
    assert twice is not None
    assert twice.virtual
    assert twice.generated is not None
    assert "NO * 2" in twice.generated


async def test_views_are_named_as_left_behind(snowflake: SnowflakeServer) -> None:
    database = snowflake.new_database()
    with snowflake.connect(database) as session:
        session.cursor().execute('CREATE TABLE "PUBLIC"."T" (A NUMBER(5,0))')
        session.cursor().execute('CREATE VIEW "PUBLIC"."V" AS SELECT A FROM "PUBLIC"."T"')
    connector = _connector(snowflake, database)
    found = await connector.list_not_carried(["PUBLIC"])
    assert [(item.object, item.kind) for item in found] == [("PUBLIC.V", "view")]
    assert [name.name for name in await connector.list_tables(["*"], [])] == ["T"]


async def test_many_tables_are_described_with_few_questions(snowflake: SnowflakeServer) -> None:
    database = snowflake.new_database()
    with snowflake.connect(database) as session:
        for number in range(12):
            session.cursor().execute(
                f'CREATE TABLE "PUBLIC"."T{number:02}" (A NUMBER(5,0) PRIMARY KEY, B{number} DATE)'
            )
    connector = _connector(snowflake, database)
    names = await connector.list_tables(["*"], [])
    found = await connector.describe_tables(names)
    assert len(found) == 12
    for number, name in enumerate(names):
        assert [column.name for column in found[name].columns] == ["A", f"B{number}"]
        assert found[name].primary_key is not None
