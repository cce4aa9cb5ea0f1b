"""Reads an expression with the engine's own parser and admits only what is scalar, row-wise and deterministic.

The engine's catalog cannot be asked: it calls functions of the clock consistent (`current_localtime`, one-argument
`age`). So functions are admitted by name.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import duckdb

from activities.transformations.expression_growth import bounded
from core.errors import InvalidConfiguration

Node = dict[str, Any]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NODES = _words("BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION OPERATOR TYPE")
REFUSED_NODES = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window function",
    "STAR": "`*`",
    "LAMBDA": "a lambda",
    "PARAMETER": "a parameter",
    "POSITIONAL_REFERENCE": "a column by position",
    "DEFAULT": "DEFAULT",
}

OPERATORS = _words(
    "+ - * / // % ^ ** || & | << >> ~ @ ! ^@ -> ->> ~~ !~~ ~~* !~~* ~~~ like_escape not_like_escape ilike_escape "
    "not_ilike_escape regexp_matches regexp_full_match"
)
NUMBERS = _words(
    "abs acos acosh add asin asinh atan atan2 atanh bit_count cbrt ceil ceiling cos cosh cot degrees divide even "
    "exp factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor isfinite isinf isnan lcm least "
    "least_common_multiple lgamma ln log log10 log2 mod multiply nextafter pi pow power radians round round_even "
    "roundbankers sign signbit sin sinh sqrt subtract tan tanh trunc xor"
)
TEXTS = _words(
    "ascii bar base64 bin bit_length char_length character_length chr concat concat_ws contains damerau_levenshtein "
    "decode editdist3 encode ends_with format from_base64 from_binary from_hex hamming hex instr jaccard "
    "jaro_similarity jaro_winkler_similarity lcase left left_grapheme len length length_grapheme levenshtein lower "
    "lpad ltrim md5 nfc_normalize octet_length ord overlay position prefix printf regexp_escape regexp_extract "
    "regexp_replace repeat replace reverse right right_grapheme rpad rtrim sha1 sha256 split_part starts_with "
    "strip_accents strlen strpos substr substring substring_grapheme suffix to_base to_base64 to_binary to_hex "
    "translate trim ucase unbin unhex unicode upper url_decode url_encode"
)
MOMENTS = _words(
    "century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname "
    "dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_us era hour isodow isoyear last_day "
    "make_date make_time make_timestamp make_timestamptz microsecond millennium millisecond minute month monthname "
    "quarter second strftime strptime time_bucket timezone to_centuries to_days to_decades to_hours to_microseconds "
    "to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years "
    "try_strptime week weekday weekofyear year yearweek"
)
CONDITIONS_AND_JSON = _words(
    "if iif json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text "
    "json_extract_string json_type json_valid json_value nullif"
)
FUNCTIONS = NUMBERS | TEXTS | MOMENTS | CONDITIONS_AND_JSON


class Syntax:
    """One expression as a tree, and the way back from a tree to SQL."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, expression: str) -> None:
        """Raises InvalidConfiguration where it is not one scalar, row-wise, deterministic expression."""
        self._engine = engine
        self._frame = self._parse("1")
        statement = self._parse(expression)
        for node in nodes(statement["statements"][0]["node"].get("select_list", [])):
            _admit(node)
        if _frame_of(statement) != _frame_of(self._frame):
            raise _refused("it is more than one expression")
        root: Node = statement["statements"][0]["node"]["select_list"][0]
        self.root = bounded(root, self._expression)

    def sql(self, node: Node) -> str:
        """The tree as SQL, in parentheses."""
        statement = copy.deepcopy(self._frame)
        statement["statements"][0]["node"]["select_list"] = [node]
        written = self._ask("json_deserialize_sql", json.dumps(statement))
        return f"({written.removeprefix('SELECT ')})"

    def _expression(self, text: str) -> Node:
        root: Node = self._parse(text)["statements"][0]["node"]["select_list"][0]
        return root

    def _parse(self, expression: str) -> Node:
        # A line break of its own ends a trailing comment; parentheses keep clauses of SELECT out.
        answer = self._ask("json_serialize_sql", f"SELECT (\n{expression}\n)")
        statement: Node = json.loads(answer)
        if statement.get("error"):
            raise _refused(str(statement["error_message"]).splitlines()[0])
        return statement

    def _ask(self, function: str, argument: str) -> str:
        with self._engine.cursor() as session:
            try:
                row = session.execute(f"SELECT {function}(?)", [argument]).fetchone()
            except duckdb.Error as error:
                raise _refused(str(error).splitlines()[0]) from None
        assert row is not None
        return str(row[0])


def nodes(tree: Any) -> Iterator[Node]:
    """Every expression node of the tree, its root first."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from nodes(value)


def column_names(tree: Node) -> list[str]:
    """The column names in the tree, each once, in the order of their appearance."""
    return list(dict.fromkeys(node["column_names"][0] for node in nodes(tree) if node["class"] == "COLUMN_REF"))


def with_columns(tree: Node, rename: Callable[[str], str]) -> Node:
    """A copy of the tree in which every column has another name."""
    renamed = copy.deepcopy(tree)
    for node in nodes(renamed):
        if node["class"] == "COLUMN_REF":
            node["column_names"] = [rename(node["column_names"][0])]
    return renamed


def _admit(node: Node) -> None:
    kind = node["class"]
    if kind not in NODES:
        raise _refused(f"it contains {REFUSED_NODES.get(kind, kind.lower())}")
    if kind == "COLUMN_REF" and len(node["column_names"]) != 1:
        raise _refused(f"'{'.'.join(node['column_names'])}' is not the name of a column; write the name alone")
    if kind == "TYPE" and (node.get("schema") or node.get("catalog")):
        raise _refused("a type is named with a schema")
    if kind == "FUNCTION":
        _admit_function(node)


def _admit_function(node: Node) -> None:
    name = node["function_name"].lower()
    if node.get("schema") or node.get("catalog"):
        raise _refused(f"{name} is called with a prefix; write {name}(…) alone")
    if name not in FUNCTIONS and name not in OPERATORS:
        raise _refused(f"{name} is not a function that gives one value for one row, the same at every time")
    if node.get("filter") or node.get("distinct") or (node.get("order_bys") or {}).get("orders"):
        raise _refused(f"{name} is called like an aggregate")


def _frame_of(statement: Node) -> Node:
    """All of the statement but its one expression and the positions in the text."""
    frame = copy.deepcopy(statement)
    for part in frame["statements"]:
        expressions = part["node"].get("select_list", [])
        part["node"]["select_list"] = [expression["alias"] for expression in expressions]
    return dict(_without_positions(frame))


def _without_positions(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_positions(value) for key, value in tree.items() if not key.startswith("query_location")}
    return [_without_positions(value) for value in tree] if isinstance(tree, list) else tree


def _refused(reason: str) -> InvalidConfiguration:
    return InvalidConfiguration(
        f"the expression cannot be used: {reason}",
        remedy="Write one SQL expression over the row's columns, with functions that depend on their arguments only",
    )
