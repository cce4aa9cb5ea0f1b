"""What SQLite's catalog says of tables, and how such tables are made and cut into batches."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from core.errors import DataRejected
from core.ranges import KeyRange, RangePlan
from core.schema import TableName, TableSchema
from core.value_type import ValueType
from tests.sqlite.conftest import Arriving, Database

NewFile = Callable[[str], Database]

ORDERS = """
CREATE TABLE "or ders" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT, -- a comment, with a ( and a '
  twice INT GENERATED ALWAYS AS (id * 2) STORED, thrice AS (id * 3),
  name VARCHAR(20) COLLATE NOCASE NOT NULL DEFAULT 'x''y, (' CONSTRAINT named CHECK (length(name) > 2),
  at DATETIME DEFAULT CURRENT_TIMESTAMP, sum DEFAULT (1 + 2), price DECIMAL(10, 2) DEFAULT +1.5, [odd] weird type,
  parent INT, customer INT REFERENCES customers ON UPDATE SET NULL,
  CONSTRAINT positive CHECK (id > 0 /* ) */), CONSTRAINT once UNIQUE (name, at) ON CONFLICT ROLLBACK,
  CONSTRAINT parent_fk FOREIGN KEY (parent) REFERENCES "or ders" (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  CHECK (price IS NULL OR price >= 0)
)"""


@pytest.fixture
async def orders(new_file: NewFile) -> TableSchema:
    source = new_file("source")
    source.run("CREATE TABLE Customers (number INTEGER PRIMARY KEY)", ORDERS)
    source.run(
        'CREATE INDEX by_price ON "or ders" (price DESC, name)', 'CREATE INDEX few ON "or ders" (at) WHERE at > 0'
    )
    source.run("INSERT INTO \"or ders\" (id, name) VALUES (41, 'abc')", 'DELETE FROM "or ders"')
    return await source.describe("or ders")


async def test_columns_are_described(orders: TableSchema) -> None:
    named = {column.name: column for column in orders.columns}
    assert list(named) == ["id", "twice", "thrice", "name", "at", "sum", "price", "odd", "parent", "customer"]
    assert (named["id"].identity, named["id"].nullable) == ("BY DEFAULT", False)
    assert (named["twice"].generated, named["twice"].virtual) == ("id * 2", False)
    assert (named["thrice"].generated, named["thrice"].virtual) == ("id * 3", True)
    assert (named["name"].default, named["name"].collation) == ("'x''y, ('", "NOCASE")
    assert named["name"].value == ValueType(kind="text", length=20)
    assert named["sum"].default == "(1 + 2)"
    assert named["price"].value == ValueType(kind="decimal", precision=10, scale=2)
    assert (named["odd"].type, named["odd"].value.kind) == ("weird type", "other")


async def test_keys_checks_and_indexes_are_described(orders: TableSchema) -> None:
    assert orders.primary_key is not None
    assert orders.primary_key.columns == ["id"]
    assert [(key.name, key.columns) for key in orders.unique_keys] == [("once", ["name", "at"])]
    assert [(check.name, check.definition) for check in orders.checks] == [
        ("named", "CHECK (length(name) > 2)"),
        ("positive", "CHECK (id > 0 /* ) */)"),
        ("or ders_check3", "CHECK (price IS NULL OR price >= 0)"),
    ]
    by_name = {index.name: index for index in orders.indexes}
    assert (by_name["by_price"].columns, by_name["by_price"].descending) == (["price", "name"], ["price"])
    assert by_name["few"].partial
    (sequence,) = orders.sequences
    assert (sequence.column, sequence.last_value, sequence.is_called) == ("id", 41, True)


async def test_foreign_keys_are_described(orders: TableSchema) -> None:
    found = {key.name: key for key in orders.foreign_keys}
    parent, customer = found["parent_fk"], found["or ders_customer_fkey"]
    assert (parent.on_delete, parent.deferrable, parent.referenced_columns) == ("CASCADE", True, ["id"])
    assert customer.referenced == TableName(schema_name="", name="Customers")
    assert (customer.referenced_columns, customer.on_update) == (["number"], "SET NULL")


async def test_a_table_is_made_anew_as_it_is_declared(new_file: NewFile, orders: TableSchema) -> None:
    copy = new_file("copy")
    connector, name = copy.connector(), TableName(schema_name="", name="or ders")
    customers = TableName(schema_name="", name="Customers")
    names = {column.name: column.name for column in orders.columns}
    ddl = connector.table_ddl(orders, name, names, {customers: customers}, {customers: {"number": "number"}})
    copy.run("CREATE TABLE Customers (number INTEGER PRIMARY KEY)")
    assert await connector.create([ddl]) == {}
    assert await connector.create([ddl]) == {}
    statements = [*ddl.keys, *ddl.checks, *ddl.foreign_keys, *ddl.sequences]
    for _ in range(2):
        await connector.build(statements, 2)

    made = await copy.describe("or ders")
    assert [
        (column.name, column.type, column.default, column.generated, column.collation) for column in made.columns
    ] == [(column.name, column.type, column.default, column.generated, column.collation) for column in orders.columns]
    assert [key.columns for key in made.unique_keys] == [["name", "at"]]
    assert [check.definition for check in made.checks] == [check.definition for check in orders.checks]
    assert [index.name for index in made.indexes] == ["by_price"]
    assert "few" in [lost.object for lost in ddl.not_carried]
    assert len(made.foreign_keys) == 2
    copy.run("INSERT INTO \"or ders\" (name, price) VALUES ('next', 1)")
    assert copy.rows('SELECT id FROM "or ders"') == [(42,)]


async def test_rows_that_refer_to_nothing_are_found_when_foreign_keys_are_built(new_file: NewFile) -> None:
    source, copy = new_file("source"), new_file("copy")
    source.run("CREATE TABLE t (id INTEGER PRIMARY KEY, other INT REFERENCES t (id))")
    schema = await source.describe("t")
    connector = copy.connector()
    ddl = connector.table_ddl(schema, schema.name, {"id": "id", "other": "other"}, {}, {})
    await connector.create([ddl])
    copy.insert("t", [(1, 2), (2, 1), (3, None)])
    await connector.build(ddl.foreign_keys, 1)
    copy.insert("t", [(4, 9)])
    with pytest.raises(DataRejected, match="foreign keys of t: 1 rows refer to rows that do not exist"):
        await connector.build(ddl.foreign_keys, 1)


async def test_views_triggers_and_virtual_tables_are_listed_and_no_tables(new_file: NewFile) -> None:
    source = new_file("source")
    source.run(
        "CREATE TABLE t (id)",
        "CREATE TABLE sterna_ledger (id)",
        "CREATE VIEW v AS SELECT * FROM t",
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE words USING fts5(word)",
    )
    connector = source.connector()
    assert [str(name) for name in await connector.list_tables(["*"], [])] == ["t"]
    listed = {(lost.object, lost.kind) for lost in await connector.list_not_carried([])}
    assert listed == {("v", "view"), ("r", "trigger"), ("words", "virtual table")}


async def test_a_table_is_found_by_a_name_in_another_case(new_file: NewFile) -> None:
    database = new_file("destination")
    database.run("CREATE TABLE Users (id)")
    asked = TableName(schema_name="", name="USERS")
    assert (await database.connector().describe_tables([asked]))[asked].name.name == "Users"


async def _plan(database: Database, table: str, batch_rows: int | None, batch_bytes: int = 1_000_000) -> RangePlan:
    schema = await database.describe(table)
    return await database.connector().plan_ranges(
        schema, batch_rows=batch_rows, batch_bytes=batch_bytes, stable_pages=False
    )


@pytest.mark.parametrize(
    ("declared", "rows"),
    [
        ("id INTEGER PRIMARY KEY, v", [(number, "x") for number in (-(2**63), -5, 0, 7, 10**12, 2**63 - 1)]),
        ("id, rowid INTEGER", [(number, number) for number in range(1000)]),
        ("id INTEGER PRIMARY KEY, v", []),
        ("id TEXT PRIMARY KEY, v", [(str(number), None) for number in range(50)]),
    ],
)
async def test_ranges_cover_every_row_once(new_file: NewFile, declared: str, rows: list[tuple[object, ...]]) -> None:
    source = new_file("source")
    source.run(f"CREATE TABLE t ({declared})")
    if rows:
        source.insert("t", rows)
    plan = await _plan(source, "t", 10)

    assert plan.batches <= 110  # the file is too small for more rows than those of 110 batches
    found = [row["id"] for number in range(plan.batches) for row in await source.read("t", plan.range_of(number))]
    assert sorted(map(str, found)) == sorted(str(row[0]) for row in rows)


async def test_batches_are_of_about_the_rows_or_bytes_asked_for(new_file: NewFile) -> None:
    source = new_file("source")
    source.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    source.insert("t", [(number, "x" * 100) for number in range(10_000)])
    assert (await _plan(source, "t", 1000)).batches == 10
    assert 5 <= (await _plan(source, "t", None, 100_000)).batches <= 20


async def test_a_table_without_row_numbers_is_one_batch(new_file: NewFile) -> None:
    source = new_file("source")
    source.run("CREATE TABLE t (id TEXT PRIMARY KEY, v) WITHOUT ROWID")
    source.insert("t", [("a", 1), ("b", 2)])
    plan = await _plan(source, "t", 1)
    assert plan.batches == 1
    assert not isinstance(plan.range_of(0), KeyRange)
    assert not (await source.describe("t")).columns[0].nullable


async def test_a_destination_file_is_created_with_the_first_table(new_file: NewFile) -> None:
    arriving = Arriving(new_file("destination"), {"id": ValueType(kind="integer"), "Ä b": ValueType(kind="text")})
    assert await arriving.database.connector().describe_tables([arriving.name]) == {}
    await arriving.create()
    with closing(sqlite3.connect(arriving.database.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert [row[1:3] for row in connection.execute("PRAGMA table_info(t)")] == [("id", "INTEGER"), ("Ä b", "TEXT")]


async def test_columns_with_the_row_numbers_names_are_columns(new_file: NewFile) -> None:
    source = new_file("source")
    source.run(
        "CREATE TABLE taken (rowid TEXT, _rowid_ TEXT, oid TEXT)",
        "INSERT INTO taken VALUES ('a', 'b', 'c')",
        "CREATE TABLE numbered (id INTEGER PRIMARY KEY, rowid TEXT)",
        "INSERT INTO numbered VALUES (41, 'z')",
    )
    numbered = await source.describe("numbered")
    assert (numbered.estimated_rows, numbered.sequences[0].last_value) == (1, 41)
    assert await source.read("taken") == [{"rowid": "a", "_rowid_": "b", "oid": "c"}]
