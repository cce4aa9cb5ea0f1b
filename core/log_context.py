"""What the present work is: job, table, batch …, told once where it begins and written into every line of its log."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from core.trace_context import current_trace_id

FIELDS = ("job", "table", "batch", "stage", "attempt", "worker", "traceId")
"""In this order. `worker` is the identity that Temporal shows."""
NOTHING: Mapping[str, str] = {}

_work: ContextVar[Mapping[str, str]] = ContextVar("work", default=NOTHING)


@contextmanager
def working_on(**fields: str | None) -> Iterator[None]:
    """Lines that are logged inside the block, in its tasks and threads too, have these fields (FIELDS)."""
    token = _work.set({**_work.get(), **{name: value for name, value in fields.items() if value}})
    try:
        yield
    finally:
        _work.reset(token)


def job_and_table(workflow_id: str | None) -> dict[str, str]:
    """What the id of a workflow says: `migration/{job}`, `migration/{job}/{table}`, `replay/{job}` …"""
    parts = (workflow_id or "").split("/")
    if parts[0] not in ("migration", "replay", "schedule"):
        return {}
    return dict(zip(("job", "table"), parts[1:3], strict=False))


class WorkContext(logging.Filter):
    """Gives each record the attribute `work`: the fields that are known. Lets all pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Inside of a workflow, the SDK's logger says which."""
        told = getattr(record, "temporal_workflow", None)
        fields = {**_work.get()}
        if isinstance(told, Mapping):
            fields |= job_and_table(str(told.get("workflow_id", "")))
        trace_id = current_trace_id()
        if trace_id:
            fields["traceId"] = trace_id
        record.work = {name: fields[name] for name in FIELDS if name in fields}
        return True
