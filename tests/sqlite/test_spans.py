"""What a session on `connectors/sql` tells to traces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from connectors.sqlite.options import SqliteOptions
from connectors.sqlite.session import open_session
from connectors.tracing import operation_of
from core.errors import MigrationError

VALUE = "somebody@example.com"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Keeps the spans of one test."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield kept
    provider.shutdown()


async def some_work(folder: Path) -> None:
    async with open_session(SqliteOptions(path=str(folder / "db")), read_only=False) as session:
        await session.execute("CREATE TABLE people (mail TEXT UNIQUE)")
        await session.execute(f"INSERT INTO people VALUES ('{VALUE}')")
        with pytest.raises(MigrationError):
            await session.execute(f"INSERT INTO people VALUES ('{VALUE}')")
        assert await session.fetch("SELECT mail FROM people WHERE mail = ?", [VALUE]) == [(VALUE,)]
        streamed = [
            part async for part in session.stream("SELECT mail FROM people", pa.schema([("mail", pa.string())]))
        ]
        assert sum(part.num_rows for part in streamed) == 1


async def test_each_call_is_a_span_in_the_present_one_without_sql_or_values(
    exporter: InMemorySpanExporter, tmp_path: Path
) -> None:
    with trace.get_tracer("test").start_as_current_span("activity") as activity:
        await some_work(tmp_path)
    spans: list[ReadableSpan] = [span for span in exporter.get_finished_spans() if span.name != "activity"]
    names = [span.name for span in spans]
    assert names.count("INSERT sqlite") == 2
    assert names.count("SELECT sqlite") >= 2
    assert "CREATE sqlite" in names
    assert all(span.parent and span.context for span in spans)
    traces = {span.context.trace_id for span in spans if span.context}
    assert traces == {activity.get_span_context().trace_id}
    [failed] = [span for span in spans if span.attributes and "error.type" in span.attributes]
    assert failed.name == "INSERT sqlite"
    assert not any(VALUE in span.to_json() or "people" in span.to_json() for span in spans)


async def test_outside_of_a_recorded_span_there_is_none(exporter: InMemorySpanExporter, tmp_path: Path) -> None:
    await some_work(tmp_path)
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(
    ("sql", "operation"),
    [
        ("SELECT 1", "SELECT"),
        ("\n  insert into t values (1)", "INSERT"),
        ("(SELECT 1)", "SELECT"),
        ("'somebody@example.com'", "statement"),
        ("", "statement"),
    ],
)
def test_an_operation_is_the_first_word_and_nothing_else(sql: str, operation: str) -> None:
    assert operation_of(sql) == operation
