"""PostgreSQL's SQL that Oracle refuses and this server would run: refused, so that no test passes on it."""

from __future__ import annotations

import re

from seerdb.server.backend import BackendError

from tests.oracle_server.rewriting import QUOTED

FOREIGN = tuple(
    (re.compile(pattern, re.IGNORECASE), code, message)
    for pattern, code, message in (
        (r"\blimit\s+(?:\d+|:\w+|all\b)", 933, "SQL command not properly ended"),
        (r"\bon\s+conflict\b", 933, "SQL command not properly ended"),
        (r"::\s*\w", 911, "invalid character"),
        (r"\b(?:not\s+)?ilike\b", 936, "missing expression"),
        (r"\b(?:from|join)\s+[\w$#.]+\s+as\s+(?!of\b)\w", 933, "SQL command not properly ended"),
        (r"\bif\s+(?:not\s+)?exists\b", 922, "missing or invalid option"),
        (r"\badd\s+column\b", 904, "invalid identifier"),
        (r"\bon\s+(?:delete|update)\s+(?:restrict|no\s+action|set\s+default)\b", 905, "missing keyword"),
        (r"\bon\s+update\s+(?:cascade|set\s+null)\b", 905, "missing keyword"),
        (
            r"\b(?:md5|now|string_agg|array_agg|encode|decode_hex|to_hex|split_part|left|right|date_trunc|pg_\w+|age|"
            r"concat_ws|octet_length|generate_series|convert_to)\s*\(",
            904,
            "invalid identifier",
        ),
        (r";\s*$", 933, "SQL command not properly ended"),
    )
)
TYPES = re.compile(
    r"[(,]\s*[\w$#]+\s+(?:text|bigint|bytea|serial|timestamptz|int8|int4|int2|float8|float4|double(?!\s+precision)|string|"
    r"tinyint|datetime|uuid|jsonb|bit|varbinary|time)\b",
    re.IGNORECASE,
)
PROGRAMS = re.compile(
    r"\s*(?:begin|declare|call|create\s+(?:or\s+replace\s+)?(?:function|procedure|package|trigger))\b", re.I
)
LONGEST_NAME = 128


def refuse_foreign_sql(sql: str) -> None:
    """Raises the error that Oracle gives."""
    if PROGRAMS.match(sql):
        return
    code = QUOTED.sub(lambda quoted: "x" * len(quoted[0]), sql)
    for pattern, number, message in FOREIGN:
        if pattern.search(code):
            raise BackendError(message, ora_code=number)
    if any(len(name[0].encode()) > LONGEST_NAME + 2 for name in QUOTED.finditer(sql) if name[0].startswith('"')):
        raise BackendError("identifier is too long", ora_code=972)
    if re.match(r"\s*create\s+table\b", code, re.IGNORECASE) and TYPES.search(code):
        raise BackendError("invalid datatype", ora_code=902)
