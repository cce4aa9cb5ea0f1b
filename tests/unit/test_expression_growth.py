"""One expression outgrows its worker neither in memory nor in time, and reaches nothing but the rows it is given."""

from __future__ import annotations

import resource
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from activities.transformations.base import TransformedColumn
from activities.transformations.chain import bind_chain
from activities.transformations.engine import locked_engine
from activities.transformations.expression_growth import AT_ONCE_BYTES, limited, rows_at_once
from activities.transformations.expression_syntax import Syntax
from core.errors import DataRejected, InvalidConfiguration
from core.job_spec import TransformationSpec

COLUMNS = [TransformedColumn("name", "text", source="name"), TransformedColumn("id", "integer", source="id")]


def compute(expression: str, *names: str) -> list[str | None]:
    fields = {"type": "EXPRESSION", "column": "made", "expression": expression, "resultType": "text"}
    chain = bind_chain([TransformationSpec.model_validate(fields)], COLUMNS)
    arrays = [pa.array(names, pa.string()), pa.array([str(number) for number in range(len(names))], pa.string())]
    batch = pa.RecordBatch.from_arrays(arrays, names=["name", "id"])
    return list(chain.apply(batch).column("made").to_pylist())


@pytest.mark.parametrize(
    "expression",
    [
        "repeat('x', 300000000)",
        "repeat(repeat('x', 60000), 60000)",
        "repeat(name, 300000000)",
        "lpad('x', 300000000, 'y')",
        "rpad(name, 99999999, name)",
        "repeat('xx', 9223372036854775807)",
        "printf('%300000000d', 1)",
        "printf('%*d', 1, 1)",
        "printf(name, 1)",
        "format('{:300000000d}', 1)",
        "format('{:{}d}', 1, 300000000)",
    ],
)
def test_a_short_expression_makes_no_giant(expression: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((InvalidConfiguration, DataRejected)):
        compute(expression, "a" * 100)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"


def test_counts_that_masks_and_numbers_need_are_computed() -> None:
    assert compute("repeat('•', length(name)) || lpad(id::text, 4, '0')", "abc", "") == ["•••0000", "0001"]
    assert compute("printf('%05d', id) || format('{:>3}', name)", "b") == ["00000  b"]


def test_an_expression_that_multiplies_its_input_sees_fewer_rows_at_once() -> None:
    batch = 32 * 1024 * 1024
    tree = lambda text: Syntax(locked_engine(), text).root  # noqa: E731
    assert rows_at_once(tree("upper(name) || ' ' || trim(name)"), 100_000, batch) == 100_000
    for text in (f"concat({', '.join(['name'] * 2000)})", f"replace(name, 'a', '{'b' * 5000}')"):
        step = rows_at_once(tree(text), 100_000, batch)
        assert 1 <= step * (batch // 100_000) * 2000 <= AT_ONCE_BYTES
    doubled = compute("replace(" * 3 + "name" + ", 'a', 'aa')" * 3, *["a" * 3] * 5000)
    assert doubled == ["a" * 24] * 5000


def test_an_endless_computation_is_broken_off() -> None:
    with (
        pytest.raises(InvalidConfiguration, match="takes longer"),
        locked_engine().cursor() as session,
        limited(session, 0.2),
    ):
        session.execute("SELECT sum(sqrt(a.range + b.range)) FROM range(10000000) a, range(10000000) b").fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{file}.copy'",
        "ATTACH '{file}.db'",
        "EXPORT DATABASE '{file}.export'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_text('http://127.0.0.1:1/x')",
        "SET enable_external_access = true",
        "SET GLOBAL allowed_directories = ['/']",
        "RESET lock_configuration",
        "SET temp_directory = '/tmp'",
        "CREATE SECRET (TYPE s3)",
        "SELECT * FROM stolen",
    ],
)
def test_the_engine_itself_reaches_neither_files_nor_network_nor_its_own_locks(statement: str, tmp_path: Path) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("hunter2\n", encoding="utf-8")
    stolen = pa.table({"a": ["hunter2"]})
    with locked_engine().cursor() as session, pytest.raises(duckdb.Error) as refusal:
        session.execute(statement.format(file=file)).fetchall()
    assert "hunter2" not in str(refusal.value)
    assert len(stolen) == 1
    assert sorted(tmp_path.iterdir()) == [file]
