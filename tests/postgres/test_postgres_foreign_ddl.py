"""Tables that come from another database: created, filled, finished on a real server, twice over."""

from __future__ import annotations

import psycopg
import pytest

from connectors.contract import Credentials
from connectors.postgres.connector import Postgres
from connectors.postgres.options import PostgresOptions
from core.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    Key,
    Sequence,
    TableDdl,
    TableName,
    TableSchema,
)
from core.value_type import ValueType
from deploy.local.postgres_server import PostgresServer
from tests.conftest import NewDatabase, connect

PARENTS, CHILDREN = TableName(schema_name="", name="PARENTS"), TableName(schema_name="", name="CHILDREN")
NAMES = {
    PARENTS: TableName(schema_name="shop", name="parents"),
    CHILDREN: TableName(schema_name="shop", name="children"),
}
UNSIGNED = ValueType(kind="integer", bits=64, signed=False)
NUMBER = ValueType(kind="integer", bits=32)


def counter(column: str, last_value: int) -> Sequence:
    return Sequence(
        name=TableName(schema_name="", name=""),
        column=column,
        identity=True,
        options="",
        last_value=last_value,
        is_called=False,
    )


def parents() -> TableSchema:
    return TableSchema(
        dialect="mysql",
        name=PARENTS,
        columns=[
            Column(name="ID", type="bigint unsigned", value=UNSIGNED, nullable=False, identity="BY DEFAULT"),
            Column(name="FAVOURITE", type="int", value=NUMBER),
            Column(
                name="MOOD",
                type="enum('sad','it''s ok')",
                value=ValueType(kind="enum", labels=("sad", "it's ok")),
                default="'sad'",
            ),
            Column(name="SINCE", type="datetime(6)", value=ValueType(kind="timestamp"), default="current_timestamp(6)"),
        ],
        primary_key=Key(name="PRIMARY", columns=["ID"], definition=""),
        foreign_keys=[
            ForeignKey(name="favourite", columns=["FAVOURITE"], referenced=CHILDREN, referenced_columns=["ID"])
        ],
        sequences=[counter("ID", 100)],
        comment="Those who came first",
    )


def children() -> TableSchema:
    return TableSchema(
        dialect="mysql",
        name=CHILDREN,
        columns=[
            Column(name="ID", type="int", value=NUMBER, nullable=False, identity="BY DEFAULT"),
            Column(name="PARENT", type="bigint unsigned", value=UNSIGNED, comment="Not null there"),
            Column(name="AGE", type="int", value=NUMBER, default="7"),
            Column(name="DOUBLED", type="int", value=NUMBER, generated="`AGE` * 2"),
        ],
        primary_key=Key(name="PRIMARY", columns=["ID"], definition=""),
        unique_keys=[Key(name="once", columns=["PARENT", "AGE"], definition="")],
        indexes=[Index(name="by_age", columns=["AGE"], unique=False, definition="", descending=["AGE"])],
        checks=[Check(name="grown", definition="CHECK (`AGE` > 0 and `AGE` < 150)")],
        foreign_keys=[
            ForeignKey(
                name="parent",
                columns=["PARENT"],
                referenced=PARENTS,
                referenced_columns=["ID"],
                on_delete="CASCADE",
                on_update="RESTRICT",
            )
        ],
        sequences=[counter("ID", 3)],
    )


@pytest.fixture
def connector(postgres: PostgresServer, new_database: NewDatabase) -> Postgres:
    options = PostgresOptions(host="127.0.0.1", port=postgres.port, database=new_database(), user=postgres.user)
    return Postgres(options, Credentials(), "test")


def ddl_of(connector: Postgres) -> list[TableDdl]:
    tables = [parents(), children()]
    columns = {table.name: {column.name: column.name.lower() for column in table.columns} for table in tables}
    return [connector.table_ddl(table, NAMES[table.name], columns[table.name], NAMES, columns) for table in tables]


async def finish(connector: Postgres, tables: list[TableDdl]) -> None:
    await connector.build([statement for ddl in tables for statement in ddl.keys], 2)
    await connector.build([sql for ddl in tables for sql in (*ddl.checks, *ddl.comments, *ddl.sequences)], 1)
    await connector.build([statement for ddl in tables for statement in ddl.foreign_keys], 2)


async def test_tables_of_another_database_are_made_filled_and_finished(
    postgres: PostgresServer, connector: Postgres
) -> None:
    tables = ddl_of(connector)
    assert [ddl.not_carried for ddl in tables] == [[], []]
    with connect(postgres, connector.options.database) as session:
        for attempt in range(2):
            assert await connector.create(tables) == {}
            if attempt == 0:
                session.execute("INSERT INTO shop.parents VALUES (18446744073709551615, NULL, 'sad', now())")
                session.execute("INSERT INTO shop.children (id, parent) VALUES (41, 18446744073709551615)")
                session.execute("DELETE FROM shop.parents")
                session.execute("INSERT INTO shop.parents VALUES (7, 41, 'it''s ok', now())")
                session.execute("UPDATE shop.children SET parent = 7")
            await finish(connector, tables)
        session.execute("INSERT INTO shop.parents (favourite) VALUES (41)")
        session.execute("INSERT INTO shop.children (parent) VALUES (7) ON CONFLICT DO NOTHING")
        session.execute("INSERT INTO shop.children (parent, age) VALUES (7, 8)")
        assert session.execute("SELECT id, mood FROM shop.parents ORDER BY id").fetchall() == [
            (7, "it's ok"),
            (100, "sad"),  # the source's next number, further than the rows'
        ]
        found = session.execute("SELECT id, age, doubled FROM shop.children ORDER BY id").fetchall()
        assert found == [(41, 7, 14), (43, 8, 16)]  # the rows' numbers, further than the source's 3
        for wrong in (
            "INSERT INTO shop.parents (mood) VALUES ('glad')",
            "INSERT INTO shop.children (age) VALUES (150)",
            "INSERT INTO shop.children (parent) VALUES (5)",
            "UPDATE shop.children SET age = 7",
        ):
            with pytest.raises(psycopg.errors.IntegrityError):
                session.execute(wrong.encode())
        session.execute("UPDATE shop.parents SET favourite = NULL; DELETE FROM shop.parents WHERE id = 7")
        assert session.execute("SELECT count(*) FROM shop.children").fetchone() == (0,)


async def test_finished_tables_are_described_with_the_names_that_were_chosen(connector: Postgres) -> None:
    tables = ddl_of(connector)
    await connector.create(tables)
    await finish(connector, tables)
    found = (await connector.describe_tables([NAMES[CHILDREN]]))[NAMES[CHILDREN]]
    assert found.primary_key is not None
    assert found.primary_key.name == "children_pkey"
    assert [key.name for key in found.unique_keys] == ["children_once"]
    assert [(index.name, index.descending) for index in found.indexes] == [("children_by_age", ["age"])]
    assert [check.name for check in found.checks] == ["children_grown"]
    assert [(key.name, key.on_delete, key.on_update) for key in found.foreign_keys] == [
        ("children_parent", "CASCADE", "RESTRICT")
    ]
    assert [column.type for column in found.columns] == ["integer", "numeric(20,0)", "integer", "integer"]
    assert await connector.drop_foreign_keys(tables[1].foreign_keys) == ["foreign key children_parent on shop.children"]
