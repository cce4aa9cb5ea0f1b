"""PostgreSQL's text of arrays, for those whose lower bounds are not 1: `[0:1]={a,b}` (manual, "Arrays")."""

from __future__ import annotations

import json
import re

BOUNDS = re.compile(r"(\[-?\d+:-?\d+\])+=")
TOKEN = re.compile(
    r'\s*(?:(?P<mark>[{},])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^{},"\\]+(?:\\.[^{},"\\]*)*))', re.DOTALL
)
JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
NUMBER_TYPES = ("smallint", "integer", "bigint", "numeric", "real", "double precision")


def has_bounds(text: str) -> bool:
    """The text begins with bounds, so it is PostgreSQL's and no JSON."""
    return BOUNDS.match(text) is not None


def without_bounds(text: str, native: str) -> str:
    """The array as JSON, as to_jsonb() spells it, its lower bounds dropped. `native` is the array's type, which says
    how elements are written. Raises ValueError for what is no array."""
    found = BOUNDS.match(text)
    tokens = list(TOKEN.finditer(text, found.end() if found else 0))
    element = native.split("[", 1)[0].split("(", 1)[0].strip()
    pieces = []
    for token in tokens:
        mark = token["mark"]
        if mark is not None:
            pieces.append({"{": "[", "}": "]", ",": ","}[mark])
        elif token["quoted"] is not None:
            pieces.append(_element(re.sub(r"\\(.)", r"\1", token["quoted"], flags=re.DOTALL), element))
        else:
            plain = token["plain"].strip()
            pieces.append("null" if plain.upper() == "NULL" else _element(plain, element))
    written = "".join(pieces)
    json.loads(written)
    return written


def _element(text: str, native: str) -> str:
    if native in NUMBER_TYPES and JSON_NUMBER.fullmatch(text):
        return text
    if native == "boolean" and text in ("t", "f"):
        return "true" if text == "t" else "false"
    if native in ("json", "jsonb"):
        return text
    return json.dumps(text, ensure_ascii=False)
