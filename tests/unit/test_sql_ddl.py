"""Tables of one database in the DDL of another: what is made, what stays behind and is named."""

from __future__ import annotations

import sqlite3

import duckdb
import pytest

from connectors.duckdb.dialect import DuckdbDialect
from connectors.mysql.dialect import MysqlDialect
from connectors.oracle.dialect import OracleDialect
from connectors.postgres.foreign_ddl import PostgresSqlDialect
from connectors.postgres.statements import target_of
from connectors.snowflake.dialect import SnowflakeDialect
from connectors.sql.constraint_names import ConstraintNames
from connectors.sql.ddl import table_ddl
from connectors.sql.dialect import SqlDialect
from connectors.sqlite.dialect import SqliteDialect
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

DIALECTS: dict[str, SqlDialect] = {
    "postgres": PostgresSqlDialect(),
    "mysql": MysqlDialect(),
    "oracle": OracleDialect(),
    "sqlite": SqliteDialect(),
    "duckdb": DuckdbDialect(),
    "snowflake": SnowflakeDialect(),
}
ORDERS, CUSTOMERS = TableName(schema_name="shop", name="orders"), TableName(schema_name="shop", name="customers")
INTEGER = ValueType(kind="integer", bits=64)
TEXT = ValueType(kind="text", length=20)
MONEY = ValueType(kind="decimal", precision=10, scale=2)


def orders(**changes: object) -> TableSchema:
    """A table with one of everything, as PostgreSQL describes it."""
    described = TableSchema(
        dialect="postgres",
        name=ORDERS,
        columns=[
            Column(name="id", type="bigint", value=INTEGER, nullable=False, identity="BY DEFAULT"),
            Column(name="customer", type="bigint", value=INTEGER),
            Column(name="price", type="numeric(10,2)", value=MONEY, default="0.50", nullable=False),
            Column(name="twice", type="numeric(10,2)", value=MONEY, generated="(price * (2)::numeric)"),
            Column(name="state", type="varchar(20)", value=TEXT, default="'new'::text", comment="It's new"),
            Column(name="mood", type="mood", value=ValueType(kind="enum", labels=("sad", "it's ok"))),
        ],
        primary_key=Key(name="orders_pkey", columns=["id"], definition="PRIMARY KEY (id)"),
        unique_keys=[Key(name="once", columns=["state", "customer"], definition="UNIQUE (state, customer)")],
        indexes=[
            Index(name="orders_price_idx", columns=["price", "state"], unique=False, definition="",
                  descending=["price"]),
            Index(name="some", columns=["state"], unique=False, definition="", partial=True),
            Index(name="lowered", columns=[""], unique=False, definition="", expression=True),
            Index(name="words", columns=["state"], unique=False, definition="", method="gin"),
            Index(name="needless", columns=["id"], unique=False, definition=""),
        ],
        checks=[
            Check(name="positive", definition="CHECK ((customer >= 0))", columns=["customer"]),
            Check(name="priced", definition="CHECK ((price < 1000.00))", columns=["price"]),
            Check(name="fancy", definition="CHECK ((state ~ '^n'::text))", columns=["state"]),
            Check(name="later", definition="CHECK ((customer >= 0)) NOT VALID", columns=["customer"]),
            Check(name="apart", definition="EXCLUDE USING gist (customer WITH =)", exclusion=True),
        ],
        foreign_keys=[
            ForeignKey(name="orders_customer_fkey", columns=["customer"], referenced=CUSTOMERS,
                       referenced_columns=["id"], on_delete="SET NULL", on_update="CASCADE", deferrable=True),
            ForeignKey(name="outside", columns=["customer"], referenced=TableName(schema_name="shop", name="gone"),
                       referenced_columns=["id"]),
        ],
        sequences=[
            Sequence(name=TableName(schema_name="shop", name="orders_id_seq"), column="id", identity=True,
                     options="INCREMENT BY 1", last_value=41, is_called=True)
        ],
        comment="Orders",
        partition_key="RANGE (id)",
    )  # fmt: skip
    return described.model_copy(update=changes)


def customers() -> TableSchema:
    """The table that orders refer to; it refers back."""
    return TableSchema(
        dialect="postgres",
        name=CUSTOMERS,
        columns=[
            Column(name="id", type="bigint", value=INTEGER, nullable=False),
            Column(name="latest", type="bigint", value=INTEGER),
        ],
        primary_key=Key(name="customers_pkey", columns=["id"], definition="PRIMARY KEY (id)"),
        foreign_keys=[
            ForeignKey(name="customers_latest_fkey", columns=["latest"], referenced=ORDERS, referenced_columns=["id"])
        ],
    )


def built(dialect: str, source: TableSchema | None = None, **renames: str) -> TableDdl:
    """DDL of a table (orders), in a job with the other one."""
    table = source or orders(dialect="duckdb" if dialect == "postgres" else "postgres")
    schema = "" if dialect == "sqlite" else "shop"
    names = {name: TableName(schema_name=schema, name=name.name) for name in (ORDERS, CUSTOMERS)}
    columns = {column.name: renames.get(column.name, column.name) for column in table.columns}
    others = {ORDERS: {"id": "id"}, CUSTOMERS: {"id": "id"}, table.name: columns}
    return table_ddl(DIALECTS[dialect], table, names[table.name], columns, names, others)


def statements(ddl: TableDdl) -> list[str]:
    """All of them, in the order in which they are executed."""
    parts = (ddl.schemas, ddl.tables, ddl.keys, ddl.checks, ddl.foreign_keys, ddl.sequences, ddl.comments)
    return [statement.sql for part in parts for statement in part]


def lost(ddl: TableDdl) -> dict[tuple[str, str], str]:
    """Reasons by kind and object."""
    return {(known.kind, known.object): known.reason for known in ddl.not_carried}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_cannot_be_carried_is_named_with_its_reason(dialect: str) -> None:
    reasons = lost(built(dialect))
    assert "method is gin" in reasons["index", "words"] or dialect == "snowflake"
    assert ("index", "some") in reasons
    assert ("index", "lowered") in reasons
    assert ("index", "needless") in reasons
    assert "not known to mean the same" in reasons["check", "fancy"] or dialect == "snowflake"
    assert "never validated" in reasons["check", "later"]
    assert ("exclusion", "apart") in reasons
    assert ("foreign key", "outside") in reasons
    assert ("partitioning", "shop.orders") in reasons


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("postgres", '"id" bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL'),
        ("mysql", "`id` bigint AUTO_INCREMENT NOT NULL"),
        ("oracle", '"id" NUMBER(19) GENERATED BY DEFAULT AS IDENTITY NOT NULL'),
        ("snowflake", '"id" NUMBER(19,0) AUTOINCREMENT START 42 INCREMENT 1 NOT NULL'),
        ("sqlite", '"id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL'),
        ("mysql", "COMMENT 'It''s new'"),
        ("mysql", "`twice` decimal(10,2) GENERATED ALWAYS AS (`price` * 2) STORED"),
        ("oracle", '"twice" NUMBER(10,2) GENERATED ALWAYS AS ("price" * 2) VIRTUAL'),
        ("postgres", '"price" numeric(10,2) DEFAULT 0.50 NOT NULL'),
        ("mysql", "CONSTRAINT `orders_pkey` PRIMARY KEY (`id`)"),
        ("postgres", 'ALTER TABLE "shop"."orders" ADD CONSTRAINT "orders_once" UNIQUE ("state", "customer")'),
        ("postgres", 'CREATE INDEX "orders_price_idx" ON "shop"."orders" USING btree ("price" DESC, "state")'),
        ("postgres", "ADD CONSTRAINT \"orders_mood_labels\" CHECK (\"mood\" IN ('sad', 'it''s ok'))"),
        ("sqlite", 'CONSTRAINT "orders_positive" CHECK ("customer" >= 0)'),
        ("oracle", 'REFERENCES "shop"."customers" ("id") ON DELETE SET NULL'),
        ("mysql", "REFERENCES `shop`.`customers` (`id`) ON UPDATE CASCADE ON DELETE SET NULL"),
        ("oracle", 'COMMENT ON COLUMN "shop"."orders"."state" IS \'It\'\'s new\''),
        ("mysql", "ALTER TABLE `shop`.`orders` AUTO_INCREMENT = 42"),
        ("oracle", 'ALTER TABLE "shop"."orders" MODIFY ("id" GENERATED BY DEFAULT AS IDENTITY (START WITH 42))'),
        ("postgres", "setval("),
    ],
)
def test_each_database_is_spoken_to_in_its_own_words(dialect: str, expected: str) -> None:
    assert any(expected in sql for sql in statements(built(dialect))), "\n".join(statements(built(dialect)))


def test_names_follow_the_renames_everywhere() -> None:
    sql = "\n".join(statements(built("mysql", price="PREIS", state="ZUSTAND", customer="KUNDE")))
    for old in ("`price`", "`state`", "`customer`"):
        assert old not in sql
    assert "GENERATED ALWAYS AS (`PREIS` * 2)" in sql
    assert "(`PREIS` DESC, `ZUSTAND`)" in sql
    assert "CHECK (`PREIS` < 1000.00)" in sql
    assert "FOREIGN KEY (`KUNDE`)" in sql


def test_what_needs_a_column_that_is_left_out_goes_with_it() -> None:
    carried = {"id": "id", "state": "state", "twice": "twice"}
    ddl = table_ddl(DIALECTS["mysql"], orders(), ORDERS, carried, {}, {})
    reasons = lost(ddl)
    for kind, name in (
        ("generated column", "twice"),
        ("key", "once"),
        ("index", "orders_price_idx"),
        ("check", "positive"),
    ):
        assert "not carried" in reasons[kind, name]
    assert "price" not in "\n".join(statements(ddl))


def test_a_foreign_key_to_a_column_that_is_left_out_is_named() -> None:
    names = {ORDERS: ORDERS, CUSTOMERS: CUSTOMERS}
    ddl = table_ddl(
        DIALECTS["postgres"],
        orders(),
        ORDERS,
        {"id": "id", "customer": "customer"},
        names,
        {CUSTOMERS: {"latest": "l"}},
    )
    assert "shop.customers.id" in lost(ddl)["foreign key", "orders_customer_fkey"]


def run_sqlite(*tables: TableDdl) -> sqlite3.Connection:
    session = sqlite3.connect(":memory:", isolation_level=None)
    for ddl in tables:
        for sql in statements(ddl):
            session.execute(sql)
    return session


def test_sqlite_takes_it_all_cyclic_foreign_keys_too() -> None:
    session = run_sqlite(built("sqlite"), built("sqlite", customers()))
    session.execute("PRAGMA foreign_keys = ON")
    session.execute("INSERT INTO orders (state) VALUES (NULL)")
    assert session.execute("SELECT id, price, mood FROM orders").fetchall() == [(42, "0.50", None)]
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        session.execute("INSERT INTO orders (customer) VALUES (5)")
    with pytest.raises(sqlite3.IntegrityError, match="orders_positive"):
        session.execute("INSERT INTO orders (customer) VALUES (-5)")
    with pytest.raises(sqlite3.IntegrityError, match="orders_mood_labels"):
        session.execute("INSERT INTO orders (mood) VALUES ('glad')")
    session.execute("INSERT INTO orders (state) VALUES ('x')")
    assert session.execute("SELECT max(id) FROM orders").fetchone() == (43,)


def test_duckdb_takes_it_all_and_numbers_rows_by_a_sequence() -> None:
    session = duckdb.connect(":memory:")
    for _ in range(2):  # what makes the sequence may be repeated
        ddl = built("duckdb")
        for sql in [statement.sql for statement in (*ddl.schemas, *ddl.tables[1:])] if _ else statements(ddl):
            session.execute(sql)
    session.execute("INSERT INTO shop.orders (state, mood) VALUES ('x', 'sad')")
    assert session.execute("SELECT id, twice FROM shop.orders").fetchall() == [(42, 1)]
    with pytest.raises(duckdb.ConstraintException, match="orders"):
        session.execute("INSERT INTO shop.orders (customer) VALUES (-5)")
    with pytest.raises(duckdb.ConstraintException, match="id"):
        session.execute("INSERT INTO shop.orders (id) VALUES (42)")


def test_mysql_gets_no_check_over_columns_that_it_changes_itself() -> None:
    counted = Check(name="counted", definition="CHECK ((id > 0))")
    ddl = built("mysql", orders(checks=[*orders().checks, counted]))
    reasons = lost(ddl)
    assert "changes by itself" in reasons["check", "counted"]  # its AUTO_INCREMENT
    assert "changes by itself" in reasons["check", "positive"]  # ON UPDATE CASCADE
    assert "priced" in ddl.tables[0].sql


def test_one_identity_is_kept_where_a_table_has_one_at_most() -> None:
    columns = [
        Column(name="a", type="bigint", value=INTEGER, nullable=False, identity="BY DEFAULT"),
        Column(name="b", type="bigint", value=INTEGER, nullable=False, identity="ALWAYS"),
    ]
    key = Key(name="k", columns=["b"], definition="")
    table = TableSchema(dialect="postgres", name=ORDERS, columns=columns, primary_key=key)
    reasons = lost(built("mysql", table))
    assert "one at most" in reasons["identity", "a"]
    assert "BY DEFAULT" in reasons["identity ALWAYS", "b"]
    assert lost(built("postgres", table.model_copy(update={"dialect": "oracle"}))).keys() == {("identity ALWAYS", "b")}


def test_a_sequence_that_others_may_use_is_not_made_an_identity() -> None:
    shared = Sequence(name=ORDERS, column="a", identity=False, options="", last_value=1, is_called=True, owned=False)
    column = Column(name="a", type="bigint", value=INTEGER, default="nextval('shop.orders'::regclass)")
    table = TableSchema(dialect="postgres", name=ORDERS, columns=[column], sequences=[shared])
    assert "others may use it" in lost(built("mysql", table))["default", "a"]
    own = table.model_copy(update={"sequences": [shared.model_copy(update={"owned": True})]})
    assert "IDENTITY" in statements(built("oracle", own))[0]


def test_unique_keys_that_see_null_otherwise_stay_behind() -> None:
    key = Key(name="u", columns=["a"], definition="UNIQUE NULLS NOT DISTINCT (a)")
    column = Column(name="a", type="bigint", value=INTEGER)
    table = TableSchema(dialect="postgres", name=ORDERS, columns=[column], unique_keys=[key])
    assert "NULL equals NULL" in lost(built("mysql", table))["key", "u"]
    strict = table.model_copy(update={"columns": [column.model_copy(update={"nullable": False})]})
    assert lost(built("mysql", strict)) == {}


def test_columns_that_an_index_only_stores_are_no_part_of_its_key() -> None:
    index = Index(name="i", columns=["a", "b"], included=["b"], unique=True, definition="")
    columns = [Column(name=name, type="bigint", value=INTEGER, nullable=False) for name in "ab"]
    table = TableSchema(dialect="postgres", name=ORDERS, columns=columns, indexes=[index])
    assert "CREATE UNIQUE INDEX `orders_i` ON `shop`.`orders` (`a`)" in statements(built("mysql", table))


def test_an_index_over_the_beginning_of_a_column_stays_with_its_own_dialect() -> None:
    index = Index(name="i", columns=["a"], prefixes={"a": 10}, unique=False, definition="")
    column = Column(name="a", type="longtext", value=ValueType(kind="text"))
    table = TableSchema(dialect="mysql", name=ORDERS, columns=[column], indexes=[index])
    assert "beginning" in lost(built("postgres", table))["index", "i"]
    assert "CREATE INDEX `i` ON `shop`.`orders` (`a`(10))" in statements(built("mysql", table))


def test_a_table_of_the_same_dialect_keeps_expressions_as_they_are() -> None:
    columns = [
        Column(name="a", type="bigint", value=INTEGER, default="(abs(random()) % 7)"),
        Column(name="b", type="TEXT", value=TEXT, generated="printf('%05d', a)"),
    ]
    check = Check(name="c", definition="CHECK (a GLOB '[0-9]*')")
    table = TableSchema(dialect="sqlite", name=ORDERS, columns=columns, checks=[check])
    session = run_sqlite(built("sqlite", table))
    session.execute("INSERT INTO orders DEFAULT VALUES")
    session.execute("INSERT INTO orders (a) VALUES (3)")
    assert session.execute("SELECT b FROM orders WHERE a = 3").fetchone() == ("00003",)


def test_postgresql_recognises_what_the_shared_builder_writes() -> None:
    ddl = built("postgres", orders(dialect="mysql"))
    made = [target_of(statement) for statement in (*ddl.keys, *ddl.checks, *ddl.foreign_keys)]
    assert all(target is not None and target.table == ORDERS for target in made)
    assert made[-1] is not None
    assert made[-1].referenced == CUSTOMERS


def test_constraint_names_are_short_unique_and_always_the_same() -> None:
    long = "x" * 200
    names = [ConstraintNames(DIALECTS["postgres"], "orders", kept=False) for _ in range(2)]
    first, again = ([made.take(name, "key") for name in (long, f"{long}y", "PRIMARY", "PRIMARY", "")] for made in names)
    assert first == again
    assert len(set(first)) == len(first)
    assert all(len(name.encode()) <= 63 for name in first)
    assert first[2:] == ["orders_key", "orders_key_2", "orders_key_3"]


@pytest.mark.parametrize(
    ("dialect", "table", "name", "expected"),
    [
        ("oracle", "ORDERS", "positive", "ORDERS_POSITIVE"),
        ("oracle", "ORDERS", "orders_positive", "ORDERS_POSITIVE"),
        ("postgres", "orders", "FK_ORDERS_CUSTOMER", "fk_orders_customer"),
        ("postgres", "Orders", "OneOff", "Orders_OneOff"),
        ("postgres", "order", "orders_x", "order_orders_x"),
        ("mysql", "orders", "SYS_C0012345", "orders_key"),
        ("postgres", "orders", "sqlite_autoindex_orders_1", "orders_key"),
    ],
)
def test_constraint_names_hold_their_table_s_and_take_its_case(
    dialect: str, table: str, name: str, expected: str
) -> None:
    assert ConstraintNames(DIALECTS[dialect], table, kept=False).take(name, "key") == expected
