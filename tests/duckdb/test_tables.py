"""What DuckDB's catalog says, and what is made there from another database's description."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from core.errors import AccessDenied, InvalidConfiguration
from core.schema import (
    Check,
    Column,
    Key,
    Sequence,
    TableName,
    TableSchema,
)
from core.value_type import ValueType
from tests.duckdb.conftest import NewFile

INTEGER = ValueType(kind="integer", bits=32)


async def test_a_table_is_described_with_all_it_has(new_file: NewFile) -> None:
    database = new_file("source")
    database.run(
        "CREATE SEQUENCE numbers START 5",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY DEFAULT nextval('numbers'), a DECIMAL(10,2) DEFAULT 1.5, "
        '"Odd ""name" VARCHAR NOT NULL, double_id BIGINT GENERATED ALWAYS AS (id * 2) VIRTUAL, '
        "p INTEGER REFERENCES parent(id), CHECK (a > 0), UNIQUE (a, p))",
        'CREATE INDEX by_name ON t ("Odd ""name")',
        "CREATE INDEX by_sum ON t ((a + 1))",
        "COMMENT ON TABLE t IS 'it''s'",
        "COMMENT ON COLUMN t.a IS 'price'",
        "CREATE VIEW v AS SELECT 1 AS one",
    )
    database.run("INSERT INTO parent VALUES (1)", "INSERT INTO t (\"Odd \"\"name\", a) VALUES ('x', 1), ('y', 2)")
    table = await database.describe("t")
    assert [column.name for column in table.columns] == ["id", "a", 'Odd "name', "double_id", "p"]
    assert table.primary_key is not None
    assert table.primary_key.columns == ["id"]
    assert [key.columns for key in table.unique_keys] == [["a", "p"]]
    assert [(index.name, index.columns, index.expression) for index in table.indexes] == [
        ("by_name", ['Odd "name'], False),
        ("by_sum", [""], True),
    ]
    assert [key.referenced.name for key in table.foreign_keys] == ["parent"]
    assert [check.columns for check in table.checks] == [["a"]]
    assert (table.comment, table.columns[1].comment) == ("it's", "price")
    assert (table.columns[0].identity, table.columns[0].default) == ("BY DEFAULT", None)
    assert (table.sequences[0].last_value, table.sequences[0].is_called) == (6, True)
    assert table.columns[3].virtual
    assert table.estimated_rows == 2
    listed = await database.connector().list_tables(["*"], ["main.p*"])
    assert [name.name for name in listed] == ["t"]
    assert [lost.object for lost in await database.connector().list_not_carried(["main"])] == ["main.v"]


async def test_keys_checks_and_numbering_of_another_database_are_made(new_file: NewFile) -> None:
    database = new_file("destination")
    name = TableName(schema_name="shop", name="orders")
    source = TableSchema(
        dialect="postgres",
        name=name,
        columns=[
            Column(name="id", type="integer", nullable=False, identity="ALWAYS", base_type="int4", value=INTEGER),
            Column(name="code", type="varchar(10)", base_type="varchar", value=ValueType(kind="text", length=10)),
            Column(name="n", type="integer", base_type="int4", value=INTEGER, default="7"),
        ],
        primary_key=Key(name="orders_pkey", columns=["id"], definition="PRIMARY KEY (id)"),
        unique_keys=[Key(name="orders_code_key", columns=["code"], definition="UNIQUE (code)")],
        checks=[Check(name="n_positive", definition="CHECK ((n > 0))", columns=["n"])],
        sequences=[
            Sequence(
                name=TableName(schema_name="shop", name="orders_id_seq"),
                column="id",
                identity=True,
                options="",
                last_value=41,
                is_called=True,
            )
        ],
        comment="all orders",
    )
    connector = database.connector()
    ddl = connector.table_ddl(source, name, {"id": "id", "code": "code", "n": "n"}, {}, {})
    for _ in range(2):
        assert await connector.create([ddl]) == {}
        await connector.build([*ddl.keys, *ddl.checks, *ddl.sequences, *ddl.comments], 4)
    database.run("INSERT INTO shop.orders (code) VALUES ('a')")
    assert database.rows("SELECT id, code, n FROM shop.orders") == [(42, "a", 7)]
    kinds = database.rows("SELECT constraint_type FROM duckdb_constraints() WHERE table_name = 'orders' ORDER BY 1")
    assert [kind for (kind,) in kinds if kind != "NOT NULL"] == ["CHECK", "PRIMARY KEY", "UNIQUE"]
    for refused in ("(42, 'b', 1)", "(1, 'a', 1)", "(2, 'c', 0)"):
        with pytest.raises(Exception, match="Constraint Error"):
            database.run(f"INSERT INTO shop.orders VALUES {refused}")


async def test_a_where_clause_is_one_condition(new_file: NewFile) -> None:
    from connectors.contract import Selection

    database = new_file("source")
    database.run("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    schema = await database.describe("t")
    for clause in ("1 = 1); DROP TABLE t; SELECT (1 = 1", "nothing_there = 1", "id ="):
        with pytest.raises(InvalidConfiguration):
            await database.connector().check_selection(Selection(schema, ["id"], where=clause, interchange=True))
    assert database.rows("SELECT count(*) FROM t") == [(1,)]


async def test_no_extension_is_ever_fetched(new_file: NewFile) -> None:
    from connectors.contract import Selection

    database = new_file("source")
    database.run("CREATE TABLE t (id INTEGER)")
    schema = await database.describe("t")
    clause = "EXISTS (SELECT 1 FROM sqlite_scan('/nowhere', 'x'))"
    with pytest.raises(InvalidConfiguration):
        await database.connector().check_selection(Selection(schema, ["id"], where=clause, interchange=True))


@pytest.mark.parametrize("path", [":memory:", "md:remote", "s3://bucket/file"])
def test_what_is_no_file_is_refused(path: str) -> None:
    from connectors.registry import parse_options

    with pytest.raises(ValueError, match="path must name a file"):
        parse_options("DUCKDB", {"path": path})


async def test_a_view_of_a_strangers_file_opens_no_other_file(new_file: NewFile, tmp_path: Path) -> None:
    database = new_file("source")
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nhunter2\n", encoding="utf-8")
    with duckdb.connect(str(database.path)) as stranger:
        stranger.execute(f"CREATE VIEW t AS SELECT * FROM read_csv('{secret}')")
        assert stranger.execute("SELECT word FROM t").fetchall() == [("hunter2",)]
    with pytest.raises(duckdb.Error, match="disabled"):
        database.rows("SELECT word FROM t")
    async with database.connector().open_reading_session("test") as session:
        with pytest.raises(AccessDenied):
            await session.fetch("SELECT word FROM t")
