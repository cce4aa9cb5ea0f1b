"""A plan for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.progress_text import format_bytes, format_rows


def plan_lines(answer: dict[str, Any]) -> Iterator[str]:
    """Each table with its columns, warnings and statements, then what cannot begin and what stays behind."""
    for position, table in enumerate(answer.get("tables", [])):
        if position:
            yield ""
        yield from _table_lines(table)
    problems = answer.get("problems", [])
    if problems:
        yield ""
    yield from (f"{problem['table']} cannot begin: {problem['reason']}" for problem in problems)
    yield from (_left_behind(item) for item in answer.get("notCarried", []))


def _table_lines(table: dict[str, Any]) -> Iterator[str]:
    size = f"{format_rows(table['estimatedRows'])}, {format_bytes(table['estimatedBytes'])}"
    batches = f"{table['batches']} {'batch' if table['batches'] == 1 else 'batches'}"
    yield f"{table['source']} → {table['destination']}: about {size}, {batches} ({table['batching']})"
    made = "created" if table["createsTable"] else "exists and is used"
    yield f"  the table is {made}; load mode {table['loadMode']}; rows travel by the path {table['path']}"
    yield from _column_lines(table["columns"])
    yield from _scan_lines(table.get("scan"))
    yield from (f"  warning: {warning}" for warning in table["warnings"])
    yield from (f"  {statement};" for statement in table["ddl"])
    yield from (f"  {_left_behind(item)}" for item in table["notCarried"])


def _column_lines(columns: list[dict[str, Any]]) -> Iterator[str]:
    """One aligned line for each column, then what it cannot hold."""
    named = [_renamed(column) for column in columns]
    name_width = max((len(name) for name in named), default=0)
    type_width = max((len(column["sourceType"]) for column in columns), default=0)
    arrival_width = max((len(column["destinationType"]) for column in columns), default=0)
    for name, column in zip(named, columns, strict=True):
        types = f"{column['sourceType']:<{type_width}} → {column['destinationType']:<{arrival_width}}"
        reason = f" ({column['reason']})" if column.get("reason") else ""
        yield f"  {name:<{name_width}}  {types}  {column['verdict']}{reason}"
        yield from (f"    {sentence}" for sentence in column.get("limitsInWords", []))


def _renamed(column: dict[str, Any]) -> str:
    source, destination = column["source"], column["destination"]
    return str(destination) if source in (None, destination) else f"{source} → {destination}"


def _scan_lines(scan: dict[str, Any] | None) -> Iterator[str]:
    if scan is None:
        return
    crossed = len(scan["violations"])
    if scan["rows"] is not None:
        found = {0: "every value fits", 1: "1 limit is crossed"}.get(crossed, f"{crossed} limits are crossed")
        yield f"  scanned {format_rows(scan['rows'])}: {found}"
    for violation in scan["violations"]:
        values = "1 value that" if violation["count"] == 1 else f"{violation['count']} values, each of which"
        yield f"    {violation['column']}: {values} {violation['words']}, e.g. {violation['example']!r}"
    if scan.get("problem"):
        yield f"  scan: {scan['problem']}"


def _left_behind(item: dict[str, Any]) -> str:
    return f"not carried: {item['kind']} {item['object']}: {item['reason']}"
