"""A table of another database, with one of everything, made by a real MariaDB."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest

from core.errors import InvalidConfiguration
from core.schema import (
    Column,
    Key,
    Sequence,
    Statement,
    TableName,
    TableSchema,
)
from core.value_type import ValueType
from deploy.local.mariadb_server import MariadbServer
from tests.mysql.conftest import Database
from tests.unit.test_sql_ddl import built, customers


def test_mariadb_takes_it_all_cyclic_foreign_keys_too(mariadb: MariadbServer) -> None:
    tables = [built("mysql"), built("mysql", customers())]
    session = pymysql.connect(host="127.0.0.1", port=mariadb.port, user=mariadb.user, autocommit=True)
    with session, session.cursor() as cursor:
        for part in ("schemas", "tables", "keys", "checks", "foreign_keys", "sequences", "comments"):
            for ddl in tables:
                for statement in getattr(ddl, part):
                    cursor.execute(statement.sql)
        try:
            cursor.execute("INSERT INTO shop.orders (state, mood) VALUES ('x', 'sad')")
            cursor.execute("SELECT id, twice FROM shop.orders")
            assert [(row[0], str(row[1])) for row in cursor.fetchall()] == [(42, "1.00")]
            for wrong in ("(price) VALUES (1000)", "(customer) VALUES (5)", "(mood) VALUES ('glad')"):
                with pytest.raises(pymysql.MySQLError):
                    cursor.execute(f"INSERT INTO shop.orders {wrong}")
            cursor.execute("INSERT INTO shop.customers (id) VALUES (5)")
            cursor.execute("UPDATE shop.orders SET customer = 5")
            cursor.execute("DELETE FROM shop.customers")
            cursor.execute("SELECT customer FROM shop.orders")
            assert cursor.fetchall() == ((None,),)
        finally:
            cursor.execute("DROP DATABASE shop")


def foreign(name: str, columns: list[Column], **parts: Any) -> TableSchema:
    return TableSchema(
        dialect="elsewhere", name=TableName(schema_name="s", name=name), kind="table", columns=columns, **parts
    )


def texts(number: int, **parts: Any) -> list[Column]:
    text = ValueType(kind="text", length=255)
    return [
        Column(name=f"c{position}", type="text", base_type="text", value=text, **parts) for position in range(number)
    ]


async def test_comments_that_are_too_long_are_listed_and_the_table_is_made(database: Database) -> None:
    source = foreign(
        "t", [*texts(1, comment="c" * 1025), Column(name="d", type="", comment="d" * 1024)], comment="t" * 2049
    )
    connector = database.connector()
    ddl = connector.table_ddl(source, database.table("t"), {"c0": "c0", "d": "d"}, {}, {})
    assert await connector.create([ddl]) == {}
    await connector.build(ddl.comments, 1)
    made = await database.describe("t")
    assert [made.comment, *(column.comment for column in made.columns)] == [None, None, "d" * 1024]
    assert {(lost.object, lost.kind) for lost in ddl.not_carried} == {("s.t", "comment"), ("c0", "comment")}


async def test_a_table_that_the_server_cannot_have_is_named_with_a_remedy(database: Database) -> None:
    """A row has 65535 bytes at most, a key 3072."""
    key = Key(name="k", columns=[f"c{position}" for position in range(5)], definition="")
    wide, long = foreign("wide", texts(80)), foreign("long", texts(5, nullable=False), primary_key=key)
    connector = database.connector()
    ddl = [
        connector.table_ddl(table, database.table(table.name.name), {c.name: c.name for c in table.columns}, {}, {})
        for table in (wide, long)
    ]
    reasons = await connector.create(ddl)
    assert "Row size too large" in reasons[0]
    assert "key was too long" in reasons[1]
    assert all("a table that exists is used as it is" in reason for reason in reasons.values())


async def test_numbers_that_go_down_from_zero_are_left_to_the_server(database: Database) -> None:
    key = Key(name="k", columns=["id"], definition="")
    column = Column(name="id", type="", nullable=False, value=ValueType(kind="integer"), identity="BY DEFAULT")
    numbers = Sequence(
        name=TableName(schema_name="s", name="n"), column="id", identity=True, options="", last_value=-5, is_called=True
    )
    source = foreign("t", [column], primary_key=key, sequences=[numbers])
    connector = database.connector()
    ddl = connector.table_ddl(source, database.table("t"), {"id": "id"}, {}, {})
    assert await connector.create([ddl]) == {}
    await connector.build(ddl.sequences, 1)
    assert (await database.describe("t")).columns[0].identity is not None


async def test_a_copy_beside_its_source_has_its_foreign_keys(database: Database) -> None:
    """MySQL knows a name of a foreign key once in a schema."""
    database.run(
        "CREATE TABLE p (id INT PRIMARY KEY); "
        "CREATE TABLE c (id INT PRIMARY KEY, p INT, CONSTRAINT fk_p FOREIGN KEY (p) REFERENCES p (id))"
    )
    source, parent, connector = await database.describe("c"), database.table("p"), database.connector()
    ddl = connector.table_ddl(
        source, database.table("c2"), {"id": "id", "p": "p"}, {parent: parent}, {parent: {"id": "id"}}
    )
    assert await connector.create([ddl]) == {}
    for _ in range(2):  # a second attempt finds it standing
        await connector.build(ddl.foreign_keys, 1)
    assert [key.columns for key in (await database.describe("c2")).foreign_keys] == [["p"]]


async def test_a_foreign_key_whose_name_another_table_has_is_not_taken_for_one_that_stands(database: Database) -> None:
    database.run(
        "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE d (id INT PRIMARY KEY, p INT); "
        "CREATE TABLE c (id INT PRIMARY KEY, p INT, CONSTRAINT fk_p FOREIGN KEY (p) REFERENCES p (id))"
    )
    sql = f"ALTER TABLE `{database.name}`.`d` ADD CONSTRAINT `fk_p` FOREIGN KEY (`p`) REFERENCES `p` (`id`)"
    with pytest.raises(InvalidConfiguration, match=r"another table .* has a foreign key fk_p"):
        await database.connector().build([Statement(sql=sql, purpose="foreign key fk_p")], 1)
