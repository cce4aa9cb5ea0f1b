"""Statements that create sequences and set them past the data."""

from __future__ import annotations

from connectors.postgres.sql import identifier, literal, qualified
from core.schema import Sequence, Statement, TableName


def create_sequence(known: Sequence, name: TableName) -> Statement:
    """Left alone where it exists: tables may share a sequence."""
    return Statement(sql=f"CREATE SEQUENCE IF NOT EXISTS {qualified(name)} {known.options}", purpose=f"sequence {name}")


def set_sequence_owner(name: TableName, table: TableName, column: str) -> Statement:
    """The sequence goes when the column goes."""
    return Statement(
        sql=f"ALTER SEQUENCE {qualified(name)} OWNED BY {qualified(table)}.{identifier(column)}",
        purpose=f"owner of sequence {name}",
    )


def set_sequence(known: Sequence, name: TableName, table: TableName, column: str, *, numeric: bool) -> Statement:
    """Sets it to the furthest of: the source's value, the column's values where they are `numeric`, its own value.

    An owned sequence is found through its column, so that a table that existed before keeps its own sequence. A
    cycling sequence has no furthest value: it gets the source's. Values outside its bounds are not its doing.
    """
    if known.owned:
        found = f"pg_get_serial_sequence({literal(qualified(table))}, {literal(column)})::regclass"
    else:
        found = f"to_regclass({literal(qualified(name))})"
    candidates = [f"SELECT {known.last_value}::numeric, {str(known.is_called).lower()}"]
    if known.options.endswith("NO CYCLE"):
        candidates.append("SELECT pg_sequence_last_value(s.seqrelid)::numeric, true")
        if numeric:
            furthest = "min" if "INCREMENT BY -" in known.options else "max"
            candidates.append(f"SELECT {furthest}({identifier(column)})::numeric, true FROM {qualified(table)}")
    sql = (
        "SELECT setval(s.seqrelid::regclass, known.value::bigint, known.called) FROM pg_sequence AS s "
        f"CROSS JOIN LATERAL (SELECT * FROM ({' UNION ALL '.join(candidates)}) AS candidate(value, called) "
        "WHERE value BETWEEN s.seqmin AND s.seqmax "
        "ORDER BY value * sign(s.seqincrement) DESC, called DESC LIMIT 1) AS known "
        f"WHERE s.seqrelid = {found}"
    )
    return Statement(sql=sql, purpose=f"sequence of {table}.{column}")
