"""Checks, defaults and generated columns between dialects: what means the same is carried, nothing else."""

from __future__ import annotations

import pytest

from connectors.duckdb.dialect import DuckdbDialect
from connectors.mysql.dialect import MysqlDialect
from connectors.oracle.dialect import OracleDialect
from connectors.postgres.foreign_ddl import PostgresSqlDialect
from connectors.snowflake.dialect import SnowflakeDialect
from connectors.sql.defaults import default_sql
from connectors.sql.dialect import SqlDialect
from connectors.sql.expressions import Untranslatable, column_names, operand, translate
from connectors.sqlite.dialect import SqliteDialect
from core.schema import Column
from core.value_type import ValueType

DIALECTS: dict[str, SqlDialect] = {
    "postgres": PostgresSqlDialect(),
    "mysql": MysqlDialect(),
    "oracle": OracleDialect(),
    "sqlite": SqliteDialect(),
    "duckdb": DuckdbDialect(),
    "snowflake": SnowflakeDialect(),
}
VALUES = {
    "id": ValueType(kind="integer", bits=32),
    "price": ValueType(kind="decimal", precision=10, scale=2),
    "rate": ValueType(kind="float64"),
    "name": ValueType(kind="text", length=20),
    "city": ValueType(kind="text", length=20),
    "code": ValueType(kind="char", length=3),
    "mood": ValueType(kind="enum", labels=("sad", "ok")),
    "active": ValueType(kind="boolean"),
    "day": ValueType(kind="date"),
    "at": ValueType(kind="timestamp"),
    "at_utc": ValueType(kind="timestamp_tz"),
    "uid": ValueType(kind="uuid"),
    "Odd name": ValueType(kind="integer"),
}


def column(name: str, default: str | None = None, *, deterministic: bool = True) -> Column:
    return Column(name=name, type="native", value=VALUES[name], default=default, deterministic=deterministic)


def translated(expression: str, source: str, destination: str, **renames: str) -> str:
    dialect = DIALECTS[destination]
    operands = {
        name: operand(column(name), renames.get(name, name), dialect.arrival(column(name), None, key=False))
        for name in VALUES
    }
    return translate(expression, source, dialect, operands, list(VALUES)).sql


CARRIED = [
    ("postgres", "(price >= (0)::numeric)", "mysql", "`price` >= 0"),
    ("postgres", "((price >= (0)::numeric) AND (price <= 99.5))", "oracle", '("price" >= 0) AND ("price" <= 99.5)'),
    ("postgres", "((name)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))", "mysql",
     "`name` IN ('a', 'b')"),
    ("postgres", "(id <> ALL (ARRAY[1, 2]))", "sqlite", '"id" NOT IN (1, 2)'),
    ("postgres", "(code = 'EUR'::bpchar)", "oracle", "\"code\" = 'EUR'"),
    ("postgres", "(mood = 'sad'::types.mood)", "mysql", "`mood` = 'sad'"),
    ("postgres", "(name IS NOT NULL)", "duckdb", '"name" IS NOT NULL'),
    ("postgres", "((day > '2000-01-01'::date) OR (day IS NULL))", "duckdb",
     "(\"day\" > DATE '2000-01-01') OR (\"day\" IS NULL)"),
    ("postgres", "(day > '2000-01-01'::date)", "mysql", "`day` > '2000-01-01'"),
    ("postgres", "(at >= '2000-01-01 10:00:00.50'::timestamp without time zone)", "oracle",
     "\"at\" >= TIMESTAMP '2000-01-01 10:00:00.5'"),
    ("postgres", "(length(name) > 2)", "mysql", "CHAR_LENGTH(`name`) > 2"),
    ("postgres", "(char_length(name) < 5)", "sqlite", 'LENGTH("name") < 5'),
    ("postgres", "(name = lower(name))", "snowflake", '"name" = LOWER("name")'),
    ("postgres", "(((name)::text || ' '::text) || (city)::text)", "mysql",
     "CONCAT((CONCAT(`name`, ' ')), `city`)"),
    ("postgres", "COALESCE(price, 0.0)", "oracle", 'COALESCE("price", 0.0)'),
    ("postgres", "((price + (id)::numeric) * 2.5)", "duckdb", '("price" + "id") * 2.5'),
    ("postgres", "(NOT (id = 1))", "oracle", 'NOT ("id" = 1)'),
    ("postgres", "(active OR (id > '-5'::integer))", "snowflake", '"active" OR ("id" > -5)'),
    ("postgres", "CASE WHEN (id > 0) THEN 'plus'::text ELSE 'minus'::text END", "duckdb",
     "CASE WHEN (\"id\" > 0) THEN 'plus' ELSE 'minus' END"),
    ("postgres", "(abs(rate) < '0.5'::double precision)", "mysql", "ABS(`rate`) < 0.5"),
    ("postgres", "(- (- id))", "mysql", "-(-`id`)"),
    ("mysql", "`price` between 1 and 5", "postgres", '"price" BETWEEN 1 AND 5'),
    ("mysql", "char_length(`name`) > 3 and `id` > 0", "postgres", 'LENGTH("name") > 3 AND "id" > 0'),
    ("mysql", "concat(`name`,' ',`city`)", "postgres", "\"name\" || ' ' || \"city\""),
    ("mysql", "concat(`name`,' ',`city`)", "sqlite", "\"name\" || ' ' || \"city\""),
    ("mysql", "`name` in ('it\\'s','b\\\\c')", "postgres", "\"name\" IN ('it''s', E'b\\\\c')"),
    ("mysql", "`price` * 2", "oracle", '"price" * 2'),
    ("oracle", "salary > 0 AND \"PRICE\" IN (1,2)", "postgres", None),
    ("oracle", "PRICE > 0", "postgres", '"price" > 0'),
    ("oracle", "NVL(ID,0) <> 7", "postgres", 'COALESCE("id", 0) <> 7'),
    ("oracle", "DAY >= DATE '2000-01-01'", "postgres", None),
    ("sqlite", "length(Name) > 0", "postgres", 'LENGTH("name") > 0'),
    ("sqlite", "[Odd name] > 3", "mysql", "`Odd name` > 3"),
    ("sqlite", 'price > "no column"', "postgres", None),
    ("duckdb", "(name IN ('x', 'y'))", "postgres", "\"name\" IN ('x', 'y')"),
    ("duckdb", "(CAST(price AS DECIMAL) > 0)", "mysql", None),
    ("snowflake", "UPPER(NAME)", "postgres", 'UPPER("name")'),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expression", "destination", "expected"), CARRIED)
def test_an_expression_that_means_the_same_is_carried(
    source: str, expression: str, destination: str, expected: str | None
) -> None:
    if expected is None:
        with pytest.raises(Untranslatable):
            translated(expression, source, destination)
    else:
        assert translated(expression, source, destination) == expected


STAYS = [
    ("postgres", "(name ~~ 'x%'::text)", "mysql", "LIKE"),
    ("postgres", "(name ~ '^x'::text)", "mysql", "not known"),
    ("postgres", "(name > 'm'::text)", "mysql", "order of texts"),
    ("postgres", "(code > 'm'::bpchar)", "mysql", "order of texts"),
    ("postgres", "(price / (2)::numeric)", "mysql", "DIV"),
    ("postgres", "(id % 2)", "mysql", "MOD"),
    ("postgres", "((price)::integer = 1)", "mysql", "a cast to INT"),
    ("postgres", "((name)::character varying(2) = 'ab')", "mysql", "a cast to"),
    ("postgres", "(id = (name)::integer)", "mysql", "a cast to"),
    ("postgres", "(uid = '00000000-0000-0000-0000-000000000000'::uuid)", "mysql", "a constant"),
    ("postgres", "(uid <> uid)", "oracle", "do not compare"),
    ("postgres", "(price > 0.5)", "sqlite", "do not compare"),  # kept as text there
    ("postgres", "(active AND (id > 0))", "mysql", "do not compare"),  # tinyint there
    ("postgres", "(name <> ''::text)", "oracle", "empty string"),
    ("postgres", "(name IS NOT NULL)", "oracle", "empty string"),
    ("postgres", "(lower(name) = name)", "sqlite", "folds"),
    ("postgres", "(day > '2000-01-01'::date)", "sqlite", "no date"),
    ("postgres", "(at > now())", "mysql", "not known"),
    ("postgres", "((id = 1) = active)", "mysql", "do not compare"),
    ("postgres", "(id = ANY (ARRAY[]::integer[]))", "mysql", "array"),
    ("postgres", "(id <> ANY (ARRAY[1, 2]))", "mysql", "array"),
    ("postgres", "(SELECT 1)", "mysql", "not known"),
    ("postgres", "public.checked(id)", "mysql", "not known"),
    ("postgres", "concat(name, city)", "mysql", "coalesce"),
    ("postgres", "(code || name)", "mysql", "do not compare"),
    ("postgres", "(((", "mysql", "cannot read"),
    ("mysql", "length(`name`) > 3", "postgres", "binary"),
    ("mysql", "`name` || `city`", "postgres", "conditions"),
    ("mysql", "json_valid(`name`)", "postgres", "not known"),
    ("oracle", "\"name\" || 'x'", "postgres", "concatenation"),
    ("oracle", "REGEXP_LIKE(NAME, 'x')", "postgres", "not known"),
    ("sqlite", "lower(name) = name", "postgres", "folds"),
    ("sqlite", "name GLOB 'x*'", "postgres", "not known"),
    ("firebird", "CHAR_LENGTH(name) > 1", "postgres", "length"),
]


@pytest.mark.parametrize(("source", "expression", "destination", "reason"), STAYS)
def test_an_expression_that_may_mean_something_else_stays_behind(
    source: str, expression: str, destination: str, reason: str
) -> None:
    with pytest.raises(Untranslatable, match=reason):
        translated(expression, source, destination)


def test_columns_get_their_new_names_quoted_as_the_destination_quotes() -> None:
    assert translated("(price > (id)::numeric)", "postgres", "mysql", price="Pr`ice", id="n") == "`Pr``ice` > `n`"
    assert translated("(\"Odd name\" > 1)", "postgres", "oracle", **{"Odd name": "ODD"}) == '"ODD" > 1'  # fmt: skip


def test_a_text_that_compares_by_rules_of_its_own_is_not_compared_elsewhere() -> None:
    dialect = DIALECTS["postgres"]
    loose = column("name", deterministic=False)
    operands = {"name": operand(loose, "name", dialect.arrival(loose, None, key=False))}
    with pytest.raises(Untranslatable, match="do not compare"):
        translate("`name` in ('a','b')", "mysql", dialect, operands, ["name"])


def test_an_expression_over_a_column_that_is_not_carried_names_it() -> None:
    dialect = DIALECTS["mysql"]
    operands = {"id": operand(column("id"), "id", dialect.arrival(column("id"), None, key=False))}
    with pytest.raises(Untranslatable, match="not carried: price"):
        translate("(id > (price)::integer)", "postgres", dialect, operands, list(VALUES))
    assert column_names("(id > (price)::integer)", "postgres", list(VALUES)) == {"id", "price"}


DEFAULTS = [
    ("postgres", "name", "'it''s'::text", "mysql", "'it''s'"),
    ("postgres", "name", "'a\\b'::text", "mysql", "'a\\\\b'"),
    ("postgres", "name", "''::text", "oracle", Untranslatable),
    ("postgres", "name", "NULL::character varying", "mysql", None),
    ("postgres", "price", "0.50", "oracle", "0.50"),
    ("postgres", "price", "'-1.5'::numeric", "mysql", "-1.5"),
    ("postgres", "price", "(1.5 * 2)", "mysql", "(1.5 * 2)"),
    ("postgres", "price", "0.50", "sqlite", "('0.50')"),
    ("postgres", "active", "true", "oracle", "1"),
    ("postgres", "active", "false", "duckdb", "FALSE"),
    ("postgres", "day", "'2024-02-29'::date", "oracle", "DATE '2024-02-29'"),
    ("postgres", "day", "'2024-02-29'::date", "mysql", "'2024-02-29'"),
    ("postgres", "day", "'infinity'::date", "mysql", Untranslatable),
    ("postgres", "day", "CURRENT_DATE", "oracle", "TRUNC(CURRENT_DATE)"),
    ("postgres", "at", "now()", "mysql", "(CURRENT_TIMESTAMP(6))"),
    ("postgres", "at", "now()", "oracle", "LOCALTIMESTAMP"),
    ("postgres", "at", "LOCALTIMESTAMP", "duckdb", "LOCALTIMESTAMP"),
    ("postgres", "at_utc", "now()", "mysql", "(UTC_TIMESTAMP(6))"),
    ("postgres", "at_utc", "CURRENT_TIMESTAMP", "snowflake", "CURRENT_TIMESTAMP()"),
    ("postgres", "at", "now()", "sqlite", Untranslatable),  # its clock is UTC
    ("postgres", "at", "clock_timestamp()", "mysql", Untranslatable),
    ("postgres", "at", "timezone('utc'::text, now())", "mysql", Untranslatable),
    ("postgres", "mood", "'sad'::types.mood", "mysql", "'sad'"),
    ("postgres", "uid", "gen_random_uuid()", "mysql", Untranslatable),
    ("postgres", "id", "nextval('s.seq'::regclass)", "mysql", Untranslatable),
    ("postgres", "id", "'7'::text", "mysql", "7"),
    ("postgres", "id", "'seven'::text", "mysql", Untranslatable),
    ("mysql", "at", "current_timestamp(6)", "postgres", "LOCALTIMESTAMP"),
    ("mysql", "at_utc", "current_timestamp()", "postgres", "CURRENT_TIMESTAMP"),
    ("mysql", "at", "utc_timestamp()", "postgres", Untranslatable),
    ("mysql", "at", "'2024-01-01 00:00:00.000000'", "postgres", "TIMESTAMP '2024-01-01 00:00:00'"),
    ("mysql", "day", "'0000-00-00'", "postgres", Untranslatable),
    ("mysql", "name", "'x'", "postgres", "'x'"),
    ("mysql", "name", "_utf8mb4'x'", "postgres", "'x'"),
    ("mysql", "active", "b'1'", "postgres", "TRUE"),
    ("oracle", "at", "SYSTIMESTAMP", "postgres", "LOCALTIMESTAMP"),
    ("oracle", "name", "'abc' ", "postgres", "'abc'"),
    ("oracle", "id", '"S"."SEQ"."NEXTVAL"', "postgres", Untranslatable),
    ("sqlite", "at", "CURRENT_TIMESTAMP", "postgres", Untranslatable),
    ("duckdb", "name", "CAST('abc' AS VARCHAR)", "postgres", "'abc'"),
    ("duckdb", "active", "CAST('t' AS BOOLEAN)", "mysql", "1"),
    ("duckdb", "at", "get_current_timestamp()", "postgres", "LOCALTIMESTAMP"),
    ("snowflake", "name", "'x'", "mysql", "'x'"),
]


@pytest.mark.parametrize(("source", "name", "default", "destination", "expected"), DEFAULTS)
def test_a_default_is_carried_where_it_means_the_same(
    source: str, name: str, default: str, destination: str, expected: str | type[Exception] | None
) -> None:
    dialect = DIALECTS[destination]
    known = column(name, default)
    arrival = dialect.arrival(known, None, key=False)
    if isinstance(expected, type):
        with pytest.raises(expected):
            default_sql(known, source, dialect, arrival)
    else:
        assert default_sql(known, source, dialect, arrival) == expected
