"""The queries and statements that connectors of blocking drivers share, on a dialect of the simplest kind."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import DigestColumn, DigestMethod, Selection
from connectors.sql import query
from connectors.sql.create import build, create, drop_foreign_keys
from connectors.sql.ledger import SqlLedger
from connectors.sql.ranges import integer_key, plan_key_ranges
from connectors.sql.session import ObjectExists
from connectors.sqlite.dialect import SqliteDialect
from core.errors import AccessDenied, Defect, InvalidConfiguration, NotFound
from core.ranges import KeyRange
from core.schema import (
    Column,
    ForeignKey,
    Index,
    Key,
    Statement,
    TableDdl,
    TableName,
    TableSchema,
)
from core.value_type import ValueType

NAME = TableName(schema_name="", name="t")
DIALECT = SqliteDialect()


class Told:
    """A session that only notes what it is told, and answers as it was told to."""

    def __init__(self, **answers: Any) -> None:
        self.said: list[str] = []
        self.answers = answers

    async def execute(self, sql: str, parameters: Any = ()) -> int:
        self.said.append(sql)
        answer = self.answers.get(sql.split(" ", 1)[0])
        if isinstance(answer, Exception):
            raise answer
        return 0

    async def fetch(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        self.said.append(sql)
        return [(self.answers["max" if "max(" in sql else "min"],)]

    async def __aenter__(self) -> Told:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.said.append("closed")


def _table(rows: int = 0, size: int = 0, **keys: Any) -> TableSchema:
    return TableSchema(
        dialect="x",
        name=NAME,
        columns=[
            Column(name="id", type="INT", nullable=False, value=ValueType(kind="integer")),
            Column(name="maybe", type="INT", value=ValueType(kind="integer")),
            Column(name="number", type="NUMBER(10)", nullable=False, value=ValueType(kind="decimal", precision=10)),
            Column(name="sum", type="NUMBER", nullable=False, value=ValueType(kind="decimal")),
        ],
        estimated_rows=rows,
        estimated_bytes=size,
        **keys,
    )


def _key(*columns: str) -> Key:
    return Key(name="k", columns=list(columns), definition="")


def test_a_where_clause_stays_within_its_parentheses() -> None:
    table = _table()
    conditions = [
        *query.range_conditions(DIALECT, KeyRange(column="id", low=1, high=5)),
        query.predicate("a OR b -- c"),
    ]
    sql = query.select(DIALECT, query.selected_columns(Selection(table, ["id"])), "t", conditions)
    assert sql == 'SELECT `id` AS "c0" FROM t WHERE (`id` >= 1 AND `id` < 5) AND (\na OR b -- c\n)'


def test_unknown_columns_are_named() -> None:
    with pytest.raises(InvalidConfiguration, match="the table t has no column nope"):
        query.selected_columns(Selection(_table(), ["nope"]))
    with pytest.raises(Defect, match="column id"):
        query.proved_columns(DigestMethod("x", (DigestColumn("id", "text"),)))


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"primary_key": _key("id")}, "id"),
        ({"primary_key": _key("id", "number")}, "id"),
        ({"primary_key": _key("id", "number"), "unique_keys": [_key("number")]}, "number"),
        ({"primary_key": _key("maybe", "id")}, None),
        ({"primary_key": _key("sum"), "unique_keys": [_key("maybe"), _key("number")]}, "number"),
        ({"unique_keys": [_key("maybe")]}, None),
        ({}, None),
    ],
)
def test_the_range_key_begins_a_key_and_has_an_integer_in_every_row(keys: dict[str, Any], found: str | None) -> None:
    assert integer_key(_table(**keys)) == found


@pytest.mark.parametrize(
    ("low", "high", "rows", "batch_rows", "batches"),
    [
        (1, 1000, 1000, 100, 10),
        (1, 10**12, 1000, 100, 10),
        (-(2**63), 2**64 - 1, 1000, 100, 10),
        (5, 5, 10_000, 1, 1),
        (1, 1000, 4000, 100, 40),  # several rows have the same one
        (1, 1000, 0, 100, 10),
        (1, 10**12, 0, 100, 1000),
        (Decimal(7), Decimal(9), 3, 1, 3),
    ],
)
async def test_batches_follow_rows_and_not_the_width_of_the_key(
    low: Any, high: Any, rows: int, batch_rows: int, batches: int
) -> None:
    session: Any = Told(min=low, max=high)
    plan = await plan_key_ranges(DIALECT, session, _table(rows), "id", batch_rows=batch_rows, batch_bytes=1)
    assert plan.batches == batches


async def test_an_empty_table_or_a_key_of_other_things_is_one_batch() -> None:
    for end in (None, "abc", 1.5, float("inf"), "7"):
        session: Any = Told(min=end, max=end)
        plan = await plan_key_ranges(DIALECT, session, _table(5), "id", batch_rows=1, batch_bytes=1)
        assert plan.batches == 1


async def nothing(names: Sequence[TableName]) -> dict[TableName, TableSchema]:
    """A catalog without any table."""
    return {}


async def test_creation_goes_on_beside_what_exists_and_names_what_an_operator_must_mend() -> None:
    ddl = TableDdl(
        table=NAME,
        schemas=[Statement(sql="SCHEMA s", purpose="schema s")],
        tables=[Statement(sql="TABLE t", purpose="table t"), Statement(sql="IDENTITY i", purpose="identity i")],
    )
    session: Any = Told(SCHEMA=ObjectExists(), TABLE=ObjectExists())
    assert await create(session, [ddl], nothing) == {}
    assert session.said == ["SCHEMA s", "TABLE t", "IDENTITY i"]
    session = Told(TABLE=AccessDenied("no right to create tables"))
    assert await create(session, [ddl, ddl.model_copy(update={"tables": []})], nothing) == {
        0: "building table t: no right to create tables"
    }


async def test_when_one_statement_fails_the_others_are_still_built() -> None:
    session: Any = Told(FIRST=AccessDenied("no"), SECOND=ObjectExists())
    statements = [Statement(sql=f"{word} x", purpose=word) for word in ("FIRST", "SECOND", "THIRD")]
    with pytest.raises(AccessDenied, match="building FIRST: no"):
        await build(lambda: session, statements, 2, nothing)
    assert session.said.count("closed") == 3
    assert "THIRD x" in session.said


OTHERS = Key(name="t_old_u", columns=["b"], definition="")
OWN = Key(name="t_u", columns=["a", "b"], definition="")
UNIQUE = 'ALTER TABLE "s"."t" ADD CONSTRAINT "t_u" UNIQUE ("a", "b")'
INDEX = "CREATE UNIQUE INDEX `t_i` ON `s`.`t` USING btree (`a`(10), `b` DESC)"


@pytest.mark.parametrize(
    ("sql", "standing", "built"),
    [
        (UNIQUE, {"unique_keys": [OWN]}, True),
        (UNIQUE, {"unique_keys": [OWN.model_copy(update={"name": "named_by_the_database"})]}, True),
        (UNIQUE, {"unique_keys": [OTHERS]}, False),
        (UNIQUE, {"indexes": [Index(name="t_u", columns=["a", "b"], definition="", unique=False)]}, False),
        (INDEX, {"indexes": [Index(name="T_I", columns=["a", "b"], definition="", unique=True)]}, True),
        (INDEX, {"unique_keys": [OWN]}, True),
        (INDEX, {}, False),
        ('ALTER TABLE "t" ADD CONSTRAINT "t_pkey" PRIMARY KEY ("a")', {"primary_key": OTHERS}, False),
        ('CREATE TABLE "t" (a int)', {}, True),
        ('CREATE TABLE "t" (a int)', None, False),
    ],
)
async def test_a_name_that_belongs_to_something_else_is_not_taken_for_what_was_built(
    sql: str, standing: dict[str, Any] | None, built: bool
) -> None:
    asked = []

    async def catalog(names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        asked.extend(names)
        return {} if standing is None else {NAME: TableSchema(dialect="low", name=NAME, columns=[], **standing)}

    statement = Statement(sql=sql, purpose="it")
    session: Any = Told(ALTER=ObjectExists(), CREATE=ObjectExists())
    work = build(lambda: session, [statement], 1, catalog)
    if built:
        await work
    else:
        with pytest.raises(InvalidConfiguration, match=r"building it: the name .* belongs to something else"):
            await work
    assert [name.name for name in asked] == ["t"]


@pytest.mark.parametrize(
    ("name", "columns", "referenced", "dropped"),
    [
        ("k", ["x"], "o", True),
        ("SYS_C0012", ["x"], "o", True),
        ("SYS_C0012", ["z"], "o", False),
        ("SYS_C0012", ["x"], "p", False),
        ("K", ["x"], "o", False),
    ],
)
async def test_foreign_keys_are_dropped_by_the_catalogs_names_for_them(
    name: str, columns: list[str], referenced: str, dropped: bool
) -> None:
    """The statement's own, or one that the database gave to a key between the same columns."""
    keys = [
        Statement(
            sql='ALTER TABLE "s"."a ""b" ADD CONSTRAINT "k" FOREIGN KEY (`x`) REFERENCES "o" (`y`)', purpose="k on a"
        ),
        Statement(sql="PRAGMA foreign_key_check(t)", purpose="a check"),
    ]

    async def catalog(names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        other = TableName(schema_name="", name=referenced)
        key = ForeignKey(name=name, columns=columns, referenced=other, referenced_columns=["y"])
        return {table: TableSchema(dialect="low", name=table, columns=[], foreign_keys=[key]) for table in names}

    session: Any = Told()
    assert await drop_foreign_keys(lambda: session, DIALECT, keys, catalog) == (["k on a"] if dropped else [])
    drop = f'ALTER TABLE "s"."a ""b" DROP CONSTRAINT {DIALECT.identifier(name)}'
    assert session.said == [*([drop] if dropped else []), "closed"]
    session = Told(ALTER=NotFound("no such constraint"))
    assert await drop_foreign_keys(lambda: session, DIALECT, keys, catalog) == []


def test_the_ledger_has_the_databases_case_and_its_types() -> None:
    definition = SqlLedger(DIALECT, "").definition()
    assert definition.startswith('CREATE TABLE "sterna_ledger" (`job_id` TEXT NOT NULL, `table_id` TEXT NOT NULL')
    assert definition.endswith("PRIMARY KEY (`job_id`, `table_id`, `load`, `number`))")
