"""Wrong fields, each with its path in the request, what is wrong and what to do. Values are never repeated."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.base_model import Model

TABLE_VARIANTS = ("list[TableSpec]", "TableSelection")
NAMED_FIELD = re.compile(r"^the field '([^']+)' ")
REMEDIES = {
    "missing": "Add it",
    "extra_forbidden": "Remove it or correct its spelling",
    "string_too_short": "Write at least one character",
    "too_short": "Add at least one entry",
}

Location = tuple[int | str, ...]


class FieldError(Model):
    """One wrong field."""

    field: str
    """Path in the request, e.g. `tables[0].transformations[1].maskChar`; '' for the request as a whole."""
    message: str
    remedy: str = ""


def field_errors(
    found: Iterable[Mapping[str, Any]], *, body: object = None, schema: dict[str, Any] | None = None, under: str = ""
) -> list[FieldError]:
    """Pydantic's errors in the API's words.

    `body` is what was sent and `schema` its JSON Schema, both to tell more precisely; `under` is the path of the
    object that was checked.
    """
    errors = []
    for entry in found:
        location = _in_request(entry["loc"], body)
        if location is None:
            continue
        message, remedy = _words(entry, location, schema)
        path = join_path(under, location)
        named = NAMED_FIELD.match(message)
        if named:
            path = join_path(path, (named.group(1),))
        errors.append(FieldError(field=path, message=message, remedy=remedy))
    return errors


def join_path(under: str, location: Location) -> str:
    """`tables` and (0, 'batchSize') make `tables[0].batchSize`."""
    path = under
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def split_remedy(text: str) -> tuple[str, str]:
    """Message and remedy of an error of ours: two sentences, or one that says both."""
    message, _, remedy = text.partition(". ")
    return message, remedy or "Change it as the message says"


def _in_request(location: Location, body: object) -> Location | None:
    """Without pydantic's own steps; None for an alternative that was not meant."""
    if location and location[0] in ("body", "query", "path", "header"):
        location = location[1:]
    for variant in TABLE_VARIANTS:
        if variant in location:
            tables = body.get("tables") if isinstance(body, dict) else None
            meant = TABLE_VARIANTS[1] if isinstance(tables, dict) else TABLE_VARIANTS[0]
            return tuple(part for part in location if part != variant) if variant == meant else None
    return location


def _words(entry: Mapping[str, Any], location: Location, schema: dict[str, Any] | None) -> tuple[str, str]:
    kind = str(entry["type"])
    if kind == "value_error":
        return split_remedy(str(entry["msg"]).removeprefix("Value error, "))
    remedy = REMEDIES.get(kind, "Correct the value")
    if kind == "extra_forbidden":
        known = _fields_beside(location, schema)
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        return "there is no such field", f"Did you mean {near[0]}?" if near else _listing(remedy, known)
    message = str(entry["msg"])
    return message[:1].lower() + message[1:], remedy


def _listing(remedy: str, known: Sequence[str]) -> str:
    return f"{remedy}. Fields here: {', '.join(known)}" if known else remedy


def _fields_beside(location: Location, schema: dict[str, Any] | None) -> list[str]:
    """Names of the fields that the object around a location may have, by JSON Schema."""
    if schema is None:
        return []
    nodes = [schema]
    for part in location[:-1]:
        nodes = [below for node in _variants(nodes, schema) for below in _below(node, part)]
    return sorted({name for node in _variants(nodes, schema) for name in node.get("properties", {})})


def _variants(nodes: Iterable[dict[str, Any]], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """References followed and alternatives spread out."""
    variants = []
    for node in nodes:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        variants += _variants(node["anyOf"], schema) if "anyOf" in node else [node]
    return variants


def _below(node: dict[str, Any], part: int | str) -> list[dict[str, Any]]:
    found = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
    return [found] if isinstance(found, dict) else []
