"""Spans around calls of a database, at the sessions' boundary: what was done and how long it took, never SQL or values.

A span is made inside of a recorded one only, so that without an exporter a call costs one look at the context.
Names and attributes are those of OpenTelemetry's semantic conventions for database clients.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, ParamSpec, TypeVar

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

P = ParamSpec("P")
T = TypeVar("T")

TRACER = "sterna.connectors"
SYSTEMS = {"postgres": "postgresql", "oracle": "oracle.db", "sqlalchemy": "other_sql"}
"""What the conventions call a database, where the connector's folder is named otherwise."""
CALLS = ("execute", "fetch", "insert", "copy_in", "digest", "commit")
STREAMS = ("stream", "rows")
LONGEST_KEYWORD = 20


@contextmanager
def database_span(system: str, operation: str) -> Iterator[None]:
    """The block is one call of a database."""
    if not trace.get_current_span().is_recording():
        yield
        return
    span = _start(system, operation)
    with trace.use_span(span, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except BaseException as error:
            _fail(span, error)
            raise
        finally:
            span.end()


def operation_of(sql: str) -> str:
    """A statement's first word: SELECT, COPY, SET …"""
    word = sql.split(None, 1)[0].strip("(;").upper() if sql.strip() else ""
    return word if word.isalpha() and len(word) <= LONGEST_KEYWORD else "statement"


def trace_session(session: type) -> None:
    """Puts spans around the calls that a class of sessions implements (CALLS and STREAMS)."""
    system = _system(session.__module__)
    for name in CALLS:
        if name in vars(session):
            setattr(session, name, _traced_call(system, name, vars(session)[name]))
    for name in STREAMS:
        if name in vars(session):
            setattr(session, name, _traced_stream(system, name, vars(session)[name]))


def _traced_call(system: str, name: str, call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    @functools.wraps(call)
    async def traced(*args: P.args, **kwargs: P.kwargs) -> T:
        with database_span(system, _operation(name, args)):
            return await call(*args, **kwargs)

    return traced


def _traced_stream(
    system: str, name: str, call: Callable[P, AsyncGenerator[T, None]]
) -> Callable[P, AsyncGenerator[T, None]]:
    """From the first row to the last, what is done with them meanwhile included. Not the current span: the context
    between two rows is that of who takes them."""

    @functools.wraps(call)
    async def traced(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        recorded = trace.get_current_span().is_recording()
        span = _start(system, _operation(name, args)) if recorded else None
        try:
            async with aclosing(call(*args, **kwargs)) as parts:
                async for part in parts:
                    yield part
        except BaseException as error:
            if span is not None and not isinstance(error, GeneratorExit):
                _fail(span, error)
            raise
        finally:
            if span is not None:
                span.end()

    return traced


def _operation(name: str, args: tuple[Any, ...]) -> str:
    if name in ("execute", "fetch", "stream") and len(args) > 1 and isinstance(args[1], str):
        return operation_of(args[1])
    return {"rows": "SELECT", "copy_in": "COPY"}.get(name, name.upper())


def _start(system: str, operation: str) -> Span:
    attributes = {"db.system.name": system, "db.operation.name": operation}
    return trace.get_tracer(TRACER).start_span(f"{operation} {system}", kind=SpanKind.CLIENT, attributes=attributes)


def _fail(span: Span, error: BaseException) -> None:
    """Its class only: messages of databases may quote values."""
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(Status(StatusCode.ERROR))


def _system(module: str) -> str:
    """Of `connectors.mysql.session` MySQL, of another package's module its own name."""
    parts = module.split(".")
    folder = parts[1] if parts[0] == "connectors" and len(parts) > 1 else parts[0]
    return SYSTEMS.get(folder, folder)
