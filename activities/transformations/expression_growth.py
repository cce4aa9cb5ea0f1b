"""Keeps one expression from outgrowing its worker, in memory and in time.

DuckDB's memory_limit does not count what its functions make of text (1.5.5: `repeat('x', 300000000)` under a limit of
100 MB), and an interrupt is felt between vectors only. So texts made by a count are bounded, an expression that
multiplies its input sees fewer rows at once, and one that takes too long is broken off.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from core.errors import InvalidConfiguration

Node = dict[str, Any]

LONGEST_MADE = 65_536
"""Characters that a count may make of one value."""
AT_ONCE_BYTES = 256 * 1024 * 1024
LONGEST_SECONDS = 300.0
COUNTED = {
    "repeat": "CASE WHEN strlen(CAST(made_of AS VARCHAR)) * CAST(times AS HUGEINT) > {most} "
    "THEN error('a text is made too long') ELSE times END",
    "lpad": "CASE WHEN times > {most} THEN error('a text is made too long') ELSE times END",
    "rpad": "CASE WHEN times > {most} THEN error('a text is made too long') ELSE times END",
}
"""Functions whose second argument is a count, and what stands in its place."""
FORMATS = ("printf", "format")
REPLACING = ("replace", "regexp_replace")
UNKNOWN_REPLACEMENT = 100


def bounded(node: Node, parse: Callable[[str], Node]) -> Node:
    """A copy of the tree whose counts raise an error where they would make too much. `parse` gives the tree of an
    expression. Raises InvalidConfiguration for a format that is no constant or names a long width."""
    tree = copy.deepcopy(node)
    for call in list(_calls(tree)):
        arguments = call["arguments"]
        name = call["function_name"].lower()
        if name in COUNTED and len(arguments) > 1:
            parts = {"made_of": arguments[0]["expression"], "times": arguments[1]["expression"]}
            arguments[1]["expression"] = _filled(parse(COUNTED[name].format(most=LONGEST_MADE)), parts)
        elif name in FORMATS and arguments:
            _check_format(name, arguments[0]["expression"])
    return tree


def rows_at_once(node: Node, rows: int, size: int) -> int:
    """How many of so many rows of that size in bytes the expression may see at once: all, for all but odd ones."""
    factor, made, columns = 1, 0, 0
    for part in _nodes(node):
        columns += part["class"] == "COLUMN_REF"
        if part["class"] != "FUNCTION":
            continue
        name = part["function_name"].lower()
        made += LONGEST_MADE * (name in COUNTED)
        if name in REPLACING and len(part["arguments"]) > 2:
            factor = min(factor * _length(part["arguments"][2]["expression"]), AT_ONCE_BYTES)
    grown = (size // max(rows, 1) * columns + made) * factor
    return max(1, min(rows, AT_ONCE_BYTES // max(grown, 1)))


@contextmanager
def limited(session: duckdb.DuckDBPyConnection, seconds: float = LONGEST_SECONDS) -> Iterator[None]:
    """Breaks off what the block has DuckDB do, with InvalidConfiguration, when it takes longer."""
    timer = threading.Timer(seconds, session.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.InterruptException:
        raise InvalidConfiguration(
            f"the expression takes longer than {seconds:.0f} s", remedy="Write it with fewer and simpler functions"
        ) from None
    finally:
        timer.cancel()


def _check_format(name: str, node: Node) -> None:
    if node["class"] != "CONSTANT":
        raise InvalidConfiguration(
            f"the expression cannot be used: the format of {name} is no constant", remedy="Write the format itself"
        )
    text = str(node.get("literal", node.get("value", {})))
    digits = "".join(character if character.isdigit() else " " for character in text).split()
    nested = name == "format" and any("{" in part for part in text.split("{:")[1:])
    if "*" in text or nested or any(len(number) > 4 for number in digits):
        raise InvalidConfiguration(
            f"the expression cannot be used: the format of {name} has a width that is no small number",
            remedy="Write widths of at most four digits",
        )


def _length(replacement: Node) -> int:
    if replacement["class"] != "CONSTANT":
        return UNKNOWN_REPLACEMENT
    return max(1, len(str(replacement.get("literal", replacement.get("value", "")))))


def _filled(tree: Node, parts: dict[str, Node]) -> Node:
    if isinstance(tree, dict) and tree.get("class") == "COLUMN_REF":
        return copy.deepcopy(parts[tree["column_names"][0]])
    if isinstance(tree, dict):
        return {key: _filled(value, parts) for key, value in tree.items()}
    return [_filled(value, parts) for value in tree] if isinstance(tree, list) else tree


def _calls(tree: Node) -> Iterator[Node]:
    return (node for node in _nodes(tree) if node["class"] == "FUNCTION")


def _nodes(tree: Any) -> Iterator[Node]:
    """Inner nodes first, so that what is put into an outer one is bounded already."""
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _nodes(value)
        if "class" in tree:
            yield tree
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)
