"""Which trace the present work belongs to, for logs and answers. Also without exporter, so that a log can be found."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATOR = TraceContextTextMapPropagator()


def current_trace_id() -> str | None:
    """32 hex digits; None outside of a trace."""
    told = trace.get_current_span().get_span_context()
    return trace.format_trace_id(told.trace_id) if told.is_valid else None


@contextmanager
def serving_request(name: str, headers: Mapping[str, str], *, recorded: bool = True) -> Iterator[Span]:
    """A span for a request, in the trace that its `traceparent` names or a new one; the block's work belongs to it.

    Where no spans are made, or this one is not to be `recorded`, it has ids all the same.
    """
    given = PROPAGATOR.extract(headers)
    tracer = trace.get_tracer("sterna.api") if recorded else trace.NoOpTracer()
    span = tracer.start_span(name, given, kind=SpanKind.SERVER)
    if not recorded or not span.get_span_context().is_valid:
        new = SpanContext(
            secrets.randbits(128) or 1, secrets.randbits(64) or 1, is_remote=False, trace_flags=TraceFlags()
        )
        span = NonRecordingSpan(new)
    token = context.attach(trace.set_span_in_context(span, given))
    try:
        yield span
    finally:
        span.end()
        context.detach(token)
