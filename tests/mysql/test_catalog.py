"""What the catalog says of tables, and of what stays behind."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.mysql.catalog import Catalog
from connectors.mysql.columns import read_columns
from connectors.mysql.constraints import read_checks
from core.errors import AccessDenied, NotFound, Unavailable
from core.schema import TableName
from deploy.local.postgres_server import free_port
from tests.mysql.conftest import Database

SHOP = """
CREATE TABLE parent (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, code VARCHAR(10) COLLATE latin1_general_cs NOT NULL DEFAULT 'a''b',
    n INT DEFAULT 5, at TIMESTAMP(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
    doc JSON, mood ENUM('sad', 'it''s ok') DEFAULT 'sad', twice INT AS (n * 2) STORED, thrice INT AS (n * 3) VIRTUAL,
    hidden INT INVISIBLE DEFAULT 3, born DATE COMMENT 'it''s a day', long_text TEXT,
    CONSTRAINT positive CHECK (n > 0), UNIQUE KEY by_code (code, n), KEY by_mood (mood DESC, n),
    UNIQUE KEY beginning (long_text(10)), FULLTEXT KEY words (long_text)
) COMMENT 'par''ents' AUTO_INCREMENT = 42;
CREATE TABLE child (
    a INT UNSIGNED, b INT,
    CONSTRAINT to_parent FOREIGN KEY (a) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE SET NULL
);
CREATE TABLE Parent (x INT);
CREATE TABLE old (x INT) WITH SYSTEM VERSIONING;
CREATE TABLE cut (x INT) PARTITION BY HASH (x) PARTITIONS 2;
CREATE VIEW seen AS SELECT * FROM child;
CREATE TRIGGER watch BEFORE INSERT ON child FOR EACH ROW SET @x = 1;
CREATE PROCEDURE work() SELECT 1;
CREATE SEQUENCE numbers;
"""


@pytest.fixture
def shop(database: Database) -> Database:
    database.run(SHOP)
    return database


async def test_tables_are_listed_by_pattern_and_spelling(shop: Database) -> None:
    await shop.connector().prepare_ledger()
    listed = await shop.connector().list_tables(["*"], ["c*"])
    assert [name.name for name in listed] == ["Parent", "old", "parent"]


async def test_columns_are_described_as_they_are(shop: Database) -> None:
    table = await shop.describe("parent")
    columns = {column.name: column for column in table.columns}
    assert list(columns) == [
        *("id", "code", "n", "at", "doc", "mood", "twice", "thrice", "hidden", "born", "long_text"),
    ]
    assert columns["id"].identity == "BY DEFAULT"
    assert (columns["id"].value.bits, columns["id"].value.signed) == (32, False)
    assert (columns["code"].default, columns["code"].nullable) == ("'a''b'", False)
    assert columns["code"].collation == "latin1_general_cs"
    assert not columns["code"].deterministic
    assert columns["at"].value.kind == "timestamp_tz"
    assert columns["at"].value.fraction == 3
    assert (columns["doc"].type, columns["doc"].value.kind, columns["doc"].value.normalised) == ("json", "json", False)
    assert columns["mood"].value.labels == ("sad", "it's ok")
    assert (columns["twice"].generated, columns["twice"].virtual) == ("`n` * 2", False)
    assert columns["thrice"].virtual
    assert columns["born"].comment == "it's a day"
    assert columns["born"].default is None
    assert {limit.kind for limit in columns["born"].limits} == {"years", "syntax"}
    assert table.comment == "par'ents"
    (sequence,) = table.sequences
    assert (sequence.column, sequence.next_value) == ("id", 42)


async def test_keys_and_checks_are_described_as_they_are(shop: Database) -> None:
    table = await shop.describe("parent")
    assert table.primary_key is not None
    assert table.primary_key.columns == ["id"]
    assert [(key.name, key.columns) for key in table.unique_keys] == [("by_code", ["code", "n"])]
    indexes = {index.name: index for index in table.indexes}
    assert set(indexes) == {"by_mood", "beginning"}
    assert indexes["by_mood"].descending == ["mood"]
    assert (indexes["beginning"].prefixes, indexes["beginning"].unique) == ({"long_text": 10}, True)
    assert [(check.name, check.definition, check.columns) for check in table.checks] == [
        ("positive", "CHECK (`n` > 0)", ["n"])
    ]
    (key,) = (await shop.describe("child")).foreign_keys
    assert (key.referenced, key.columns, key.referenced_columns) == (shop.table("parent"), ["a"], ["id"])
    assert (key.on_delete, key.on_update) == ("CASCADE", "SET NULL")


async def test_what_stays_behind_is_named(shop: Database) -> None:
    assert {(note.object.rpartition(".")[2], note.kind) for note in (await shop.describe("parent")).not_carried} == {
        ("at", "on update"),
        ("hidden", "invisible"),
        ("words", "index"),
    }
    assert [note.kind for note in (await shop.describe("old")).not_carried] == ["history"]
    assert [note.kind for note in (await shop.describe("cut")).not_carried] == ["partitions"]
    listed = await shop.connector().list_not_carried([shop.name])
    assert {(note.object, note.kind) for note in listed} == {
        (f"{shop.name}.seen", "view"),
        (f"{shop.name}.watch", "trigger"),
        (f"{shop.name}.work", "routine"),
        (f"{shop.name}.numbers", "sequence"),
    }


async def test_many_tables_are_described_at_once_and_missing_ones_left_out(shop: Database) -> None:
    names = [shop.table(name) for name in ("parent", "Parent", "child", "seen", "gone")]
    described = await shop.connector().describe_tables([*names, TableName(schema_name="nowhere", name="parent")])
    assert set(described) == set(names[:4])
    assert [column.name for column in described[shop.table("Parent")].columns] == ["x"]
    assert described[shop.table("seen")].kind == "view"


async def test_a_table_of_the_same_dialect_is_made_as_it_was(shop: Database) -> None:
    source, connector = await shop.describe("parent"), shop.connector()
    names = {column.name: column.name for column in source.columns}
    ddl = connector.table_ddl(source, shop.table("copied"), names, {}, {})
    assert await connector.create([ddl]) == {}
    await connector.build([*ddl.keys, *ddl.checks, *ddl.sequences, *ddl.comments], 2)
    copied = await shop.describe("copied")
    for before, after in zip(source.columns, copied.columns, strict=True):
        assert after == before
    assert (copied.primary_key, copied.comment) == (source.primary_key, source.comment)
    assert {tuple(key.columns) for key in copied.unique_keys} == {("code", "n")}
    assert copied.sequences[0].next_value == 42


async def test_logins_that_fail_say_why(shop: Database) -> None:
    shop.run(f"CREATE USER other_{shop.name} IDENTIFIED BY 'right'")
    with pytest.raises(AccessDenied):
        await shop.connector(user=f"other_{shop.name}").check()
    with pytest.raises(NotFound, match="there_is_none"):
        await shop.connector(database="there_is_none").check()
    with pytest.raises(Unavailable):
        await shop.connector(port=free_port()).check()
    found = await shop.connector(tls={"mode": "disable"}).check()
    assert found.product == "MariaDB"
    assert found.warnings == ()


async def test_a_check_that_says_more_than_json_is_kept(database: Database) -> None:
    database.run(
        "CREATE TABLE t (a JSON, b VARCHAR(20) CHECK (json_valid(b)), c LONGTEXT CHECK (json_valid(c) AND c <> '{}'), "
        "`d``` JSON, e INT INVISIBLE)"
    )
    table = await database.describe("t")
    assert [column.type for column in table.columns] == ["json", "varchar(20)", "longtext", "json", "int(11)"]
    assert [check.columns for check in table.checks] == [["b"], ["c"]]
    assert [(note.object.rpartition(".")[2], note.kind) for note in table.not_carried] == [("e", "invisible")]


class Mysql8Catalog(Catalog):
    """What information_schema of MySQL 8.0 says of columns and checks (no such server can be had here)."""

    def __init__(self, name: TableName, rows: list[tuple[Any, ...]]) -> None:
        self._name, self._rows = name, rows

    async def rows(self, query: str, schema: str, table: str) -> dict[TableName, list[tuple[Any, ...]]]:
        return {self._name: self._rows}


async def test_defaults_and_generated_columns_of_mysql_8_are_expressions_again() -> None:
    """It prints constants bare, bytes as digits, expressions escaped as within a string."""
    name = TableName(schema_name="s", name="t")
    said = {
        ("text", "varchar(9)", "it's \\", "", ""): "'it''s \\\\'",
        ("number", "int", "5", "", ""): "'5'",
        ("moment", "datetime", "CURRENT_TIMESTAMP", "DEFAULT_GENERATED", ""): "CURRENT_TIMESTAMP",
        ("word", "varchar(20)", "CURRENT_TIMESTAMP", "", ""): "'CURRENT_TIMESTAMP'",
        ("bytes", "varbinary(5)", "0x6162", "", ""): "0x6162",
        ("flags", "bit(3)", "b'101'", "", ""): "b'101'",
        ("made", "varchar(9)", "concat(_utf8mb4\\'a\\',1)", "DEFAULT_GENERATED", ""): "(concat(_utf8mb4'a',1))",
        ("none", "int", None, "", ""): None,
        ("sum", "int", None, "VIRTUAL GENERATED", "if((`a` = _utf8mb4\\'x\\'),1,0)"): None,
    }
    rows = [
        ("s", "t", column, native, "YES", default, extra, generated, None, "", None)
        for column, native, default, extra, generated in said
    ]
    columns, _ = (await read_columns(Mysql8Catalog(name, rows), {}, mariadb=False))[name]
    assert {column.name: column.default for column in columns} == {key[0]: text for key, text in said.items()}
    assert columns[-1].generated == "if((`a` = _utf8mb4'x'),1,0)"


async def test_checks_of_mysql_8_are_expressions_again() -> None:
    name = TableName(schema_name="s", name="t")
    rows = [("s", "t", "ck", "(`a` <> _utf8mb4\\'it\\\\\\'s\\')")]
    (check,) = (await read_checks(Mysql8Catalog(name, rows), mariadb=False))[name]
    assert check.definition == "CHECK ((`a` <> _utf8mb4'it\\'s'))"
