"""Audit events as text for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable

from core.audit import AuditRecord

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula (OWASP, CSV Injection)."""
COLUMNS = [field.alias or name for name, field in AuditRecord.model_fields.items()]


async def json_lines(events: AsyncIterator[AuditRecord]) -> AsyncIterator[str]:
    """One object a line, with the hashes and all that they cover."""
    async for event in events:
        yield event.model_dump_json(by_alias=True) + "\n"


async def csv_lines(events: AsyncIterator[AuditRecord]) -> AsyncIterator[str]:
    """RFC 4180 with a header. A cell that a spreadsheet would compute begins with an apostrophe."""
    yield _row(COLUMNS)
    async for event in events:
        cells = event.model_dump(mode="json", by_alias=True)
        yield _row([_cell(cells[name]) for name in COLUMNS])


FORMATS: dict[str, tuple[str, Callable[[AsyncIterator[AuditRecord]], AsyncIterator[str]]]] = {
    "jsonl": ("application/x-ndjson", json_lines),
    "csv": ("text/csv; charset=utf-8", csv_lines),
}


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _row(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
