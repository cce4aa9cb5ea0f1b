"""EXPRESSION: what is admitted, what is refused before any row, and what a batch can still do wrong."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from activities.transformations.base import TransformedColumn
from activities.transformations.chain import bind_chain
from activities.transformations.engine import locked_engine
from activities.transformations.expression_syntax import FUNCTIONS
from core.errors import DataRejected, InvalidConfiguration
from core.job_spec import TransformationSpec

TYPES = {
    "id": "integer",
    "name": "character varying(20)",
    "price": "numeric(10,2)",
    "exact": "numeric",
    "ratio": "double precision",
    "born": "date",
    "moment": "timestamp without time zone",
    "seen": "timestamp with time zone",
    "open": "time without time zone",
    "live": "boolean",
    "key": "uuid",
    "raw": "bytea",
    "profile": "jsonb",
    "code": "character(5)",
    "span": "interval",
    "Id": "text",
}
ROW = {
    "id": "7",
    "name": "Ann",
    "price": "1.10",
    "exact": "1.10",
    "ratio": "0.1",
    "born": "2020-01-31",
    "moment": "2020-01-31 10:00:00.5",
    "seen": "2020-01-31 10:00:00+00",
    "open": "23:00:00",
    "live": "t",
    "key": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "raw": "\\x00ff",
    "profile": '{"a": 1}',
    "code": "ab   ",
    "span": "1 day",
    "Id": "other",
}
COLUMNS = [TransformedColumn(name, native, name) for name, native in TYPES.items()]


def compute(expression: str, result: str | None = "text", column: str = "made", **changed: str) -> list[str | None]:
    fields = {"type": "EXPRESSION", "column": column, "expression": expression}
    spec = TransformationSpec.model_validate(fields | ({"resultType": result} if result else {}))
    row = ROW | changed
    batch = pa.record_batch({name: pa.array([row[name], None], pa.string()) for name in TYPES})
    values: list[str | None] = bind_chain([spec], COLUMNS).apply(batch).column(column).to_pylist()
    return values


@pytest.mark.parametrize(
    ("expression", "result", "expected"),
    [
        ("upper(name) || '!'", "text", ["ANN!", None]),
        ("coalesce(name, 'nobody')", "text", ["Ann", "nobody"]),
        ("concat_ws(' ', name, id)", "text", ["Ann 7", ""]),
        ("CASE WHEN id > 5 THEN 'many' WHEN id IS NULL THEN 'none' END", "text", ["many", "none"]),
        ("name LIKE 'A%' AND id IN (1, 7) OR NOT live", "boolean", ["t", None]),
        ("live IS NOT TRUE", "boolean", ["f", "t"]),
        ("id * 2 + 1", "bigint", ["15", None]),
        ("price * 3", "numeric(12,2)", ["3.30", None]),
        ("price / 3", "numeric(12,4)", ["0.3667", None]),
        ("ratio * 3", "double precision", ["0.30000000000000004", None]),
        ("ratio / 0", "double precision", ["Infinity", None]),
        ("CAST(exact AS DECIMAL(20,5)) + 1", "numeric", ["2.10000", None]),
        ("born + 1", "date", ["2020-02-01", None]),
        ("born - INTERVAL 3000 YEAR", "timestamp", ["0981-01-31 00:00:00 BC", None]),
        ("moment + INTERVAL 90 MINUTE", "timestamp", ["2020-01-31 11:30:00.5", None]),
        ("date_trunc('month', seen)", "timestamptz", ["2020-01-01 00:00:00+00", None]),
        ("strftime(moment, '%Y/%m')", "text", ["2020/01", None]),
        ("open + INTERVAL 30 MINUTE", "time", ["23:30:00", None]),
        ("upper(CAST(key AS VARCHAR))", "text", ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", None]),
        ("raw || encode('a')", "bytea", ["\\x00ff61", None]),
        ("json_extract_string(profile, '$.a')", "text", ["1", None]),
        ("code || '.'", "text", ["ab.", None]),
        ("code || 'c'", "character(5)", ["abc  ", None]),
        ("42", "integer", ["42", "42"]),
        ("NULL", "jsonb", [None, None]),
        ("'last' -- a comment", "text", ["last", "last"]),
        ('"Id"', "text", ["other", None]),
        ("NAME", "text", ["Ann", None]),
        ("upper(NAME) || name || Name", "text", ["ANNAnnAnn", None]),
    ],
)
def test_an_expression_gives_the_text_that_the_database_prints(
    expression: str, result: str, expected: list[str | None]
) -> None:
    assert compute(expression, result) == expected


def test_an_existing_column_keeps_its_place_and_type() -> None:
    spec = TransformationSpec.model_validate({"type": "EXPRESSION", "column": "price", "expression": "price * 2"})
    chain = bind_chain([spec], COLUMNS)
    changed = chain.columns[list(TYPES).index("price")]
    assert (changed.name, changed.type, changed.source, changed.values_changed) == (
        "price",
        "numeric(10,2)",
        "price",
        True,
    )


def test_the_result_type_is_named_as_the_catalog_names_it() -> None:
    for declared, printed in (
        ("int", "integer"),
        ("varchar(9)", "character varying(9)"),
        ("float8", "double precision"),
    ):
        fields = {"type": "EXPRESSION", "column": "made", "expression": "NULL", "resultType": declared}
        assert bind_chain([TransformationSpec.model_validate(fields)], COLUMNS).columns[-1].type == printed


def test_floating_point_results_are_hashed_by_their_bits() -> None:
    fields = {"type": "EXPRESSION", "column": "made", "expression": "ratio * 2", "resultType": "float4"}
    assert bind_chain([TransformationSpec.model_validate(fields)], COLUMNS).columns[-1].form == "float32"


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("(SELECT 1)", "a subquery"),
        ("name IN (SELECT 'x')", "a subquery"),
        ("EXISTS (SELECT 1)", "a subquery"),
        ("sum(id)", "sum is not a function"),
        ("count(*)", "count_star is not a function"),
        ("row_number() OVER ()", "a window function"),
        ("unnest([1, 2])", "not a function"),
        ("read_text('/etc/passwd')", "read_text is not a function"),
        ("getenv('HOME')", "getenv is not a function"),
        ("current_setting('threads')", "current_setting is not a function"),
        ("random()", "random is not a function"),
        ("uuid()", "uuid is not a function"),
        ("gen_random_uuid()", "is not a function"),
        ("now()", "now is not a function"),
        ("age(moment)", "age is not a function"),
        ("current_localtimestamp()", "is not a function"),
        ("nextval('s')", "nextval is not a function"),
        ("current_timestamp", "'current_timestamp' that is not there"),
        ("current_user", "'current_user' that is not there"),
        ("upper(DISTINCT name)", "like an aggregate"),
        ("upper(name) FILTER (WHERE live)", "like an aggregate"),
        ("pg_catalog.upper(name)", "called with a prefix"),
        ("name.upper()", "called with a prefix"),
        ("t.name", "not the name of a column"),
        ("*", "`\\*`"),
        ("#1", "a column by position"),
        ("$1", "a parameter"),
        ("1), (2", "more than one expression"),
        ("name) FROM (VALUES (1)", "more than one expression"),
        ("name) ORDER BY (1", "more than one expression"),
        ("name) LIMIT (1", "more than one expression"),
        ("name) UNION (SELECT 'x'", "more than one expression"),
        ("name); DROP TABLE (x", "cannot be used"),
        ("name); SELECT (1", "more than one expression"),
        ("name AS n", "syntax error"),
        ("upper(", "cannot be used"),
        ("", "expression"),
        ("NOT " * 900 + "live", "nested too deeply|depth"),
        ("NOT " * 4000 + "live", "nested too deeply|depth"),
        ("ID", "any of the columns id, Id"),
        ("name + 1", "does not fit the columns' types"),
        ("profile * 2", "does not fit the columns' types"),
        ("CASE WHEN name || 'x' THEN name ELSE name END", "condition after WHEN gives VARCHAR"),
        ("nothing_of_the_kind(name)", "is not a function"),
        ("id", "gives INTEGER, and column 'made' is text.*CAST\\(… AS VARCHAR\\)"),
    ],
)
def test_what_is_no_scalar_deterministic_expression_is_refused_before_any_row(expression: str, reason: str) -> None:
    with pytest.raises(InvalidConfiguration, match=f"(?s){reason}"):
        compute(expression)


@pytest.mark.parametrize(
    ("expression", "result", "reason"),
    [
        ("'{}'", "jsonb", "cannot be computed in the exact text"),
        ("profile || ''", "jsonb", "cannot be computed in the exact text"),
        ("INTERVAL 1 DAY", "interval", "cannot be computed in the exact text"),
        ("name", "integer", "gives VARCHAR"),
        ("ratio", "numeric", "gives DOUBLE"),
        ("ratio", "integer", "gives DOUBLE"),
        ("moment", "date", "gives TIMESTAMP"),
        ("moment", "timestamptz", "gives TIMESTAMP"),
        ("id", "no_such_type", "cannot be computed"),
    ],
)
def test_a_result_that_would_change_silently_is_refused(expression: str, result: str, reason: str) -> None:
    with pytest.raises(InvalidConfiguration, match=reason):
        compute(expression, result)


def test_a_new_column_needs_a_type() -> None:
    with pytest.raises(InvalidConfiguration, match="Give resultType"):
        compute("1", None)


@pytest.mark.parametrize(
    ("expression", "result", "changed", "message"),
    [
        ("CAST(name AS INTEGER)", "integer", {"name": "secret"}, "cannot be converted"),
        ("price * 1000", "numeric(5,2)", {"price": "98765.43"}, "does not fit"),
        ("CAST(id AS SMALLINT)", "smallint", {"id": "98765"}, "cannot be converted|out of range"),
        ("id * 1000", "integer", {"id": "98765432"}, "out of range"),
        ("id // (id - 98765)", "integer", {"id": "98765"}, "division by zero"),
        ("moment + INTERVAL 1 MICROSECOND", "timestamp(3)", {"moment": "1987-06-05 04:03:02"}, "fractional digits"),
        ("price * 2", "numeric(12,2)", {"price": "NaN"}, r"column price \(numeric\(10,2\)\) as DECIMAL\(10,2\)"),
        ("moment + INTERVAL 1 DAY", "timestamp", {"moment": "294276-06-05 04:03:02"}, "column moment .* as TIMESTAMP"),
    ],
)
def test_a_value_that_cannot_be_converted_is_rejected_without_showing_it(
    expression: str, result: str, changed: dict[str, str], message: str
) -> None:
    with pytest.raises(DataRejected, match=message) as caught:
        compute(expression, result, **changed)
    assert not any(value in str(caught.value) for value in changed.values() if value != "NaN")
    assert "column made" in str(caught.value)


def test_columns_that_are_not_named_are_not_read() -> None:
    assert compute("id + 1", "integer", price="no number", moment="no moment") == ["8", None]


def test_a_value_that_is_only_handed_on_is_not_converted() -> None:
    assert compute("CASE WHEN id = 7 THEN price ELSE 0 END", "numeric(10,2)", price="NaN") == ["NaN", "0.00"]
    assert compute("coalesce(moment, seen AT TIME ZONE 'UTC')", "timestamp", moment="294276-01-01 00:00:00") == [
        "294276-01-01 00:00:00",
        None,
    ]


def test_every_admitted_function_exists_and_none_is_volatile() -> None:
    listed = (
        locked_engine()
        .cursor()
        .execute(
            "SELECT function_name, list(DISTINCT coalesce(stability, function_type)) FROM duckdb_functions() "
            "WHERE function_type IN ('scalar', 'macro') GROUP BY 1"
        )
    )
    stabilities = dict(listed.fetchall())
    syntax = {"iif"}
    assert {name: stabilities.get(name) for name in FUNCTIONS - syntax} == {
        name: ["macro"] if stabilities.get(name) == ["macro"] else ["CONSISTENT"] for name in FUNCTIONS - syntax
    }


def test_the_engine_reaches_nothing_and_cannot_be_unlocked() -> None:
    engine = locked_engine()
    outside = pa.table({"a": [1]})
    for statement in (
        "SELECT * FROM '/etc/passwd'",
        "SELECT content FROM read_text('/etc/passwd')",
        "SELECT * FROM outside",
        "INSTALL httpfs",
        "LOAD httpfs",
        "ATTACH '/tmp/x.db'",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "SET enable_external_access = true",
        "SET threads = 8",
    ):
        with engine.cursor() as session, pytest.raises(duckdb.Error):
            session.execute(statement)
    assert outside.num_rows == 1


def test_an_empty_batch_stays_empty() -> None:
    spec = TransformationSpec.model_validate(
        {"type": "EXPRESSION", "column": "made", "expression": "id + 1", "resultType": "bigint"}
    )
    batch = pa.record_batch({name: pa.array([], pa.string()) for name in TYPES})
    after = bind_chain([spec], COLUMNS).apply(batch)
    assert (after.num_rows, after.schema.names[-1]) == (0, "made")
