"""Compares rows as multisets of exact values without a line of the product: psycopg and the server's own functions.

A value is the bytes that its type's send function gives: they tell 1.10 from 1.1, -0.0 from 0, '1 mon' from '30 days',
arrays of other bounds. Where these bytes hold object ids, which differ between databases (arrays and ranges of
user-defined types, composites, reg*), or where there is no send function, a value is the text of its output function.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

AnyConnection = psycopg.Connection[tuple[object, ...]]

FIRST_USER_OBJECT = 16384
ABSENT = "~"
TYPES = """
SELECT t.oid, quote_ident(s.nspname) || '.' || quote_ident(send.proname),
       quote_ident(o.nspname) || '.' || quote_ident(output.proname),
       format_type(t.oid, -1),
       send.oid IS NOT NULL AND t.typtype <> 'c' AND t.oid <> 'record'::regtype AND t.typname !~ '^_?reg'
       AND t.typelem < %(user)s AND coalesce(r.rngsubtype, 0) < %(user)s AND coalesce(m.rngsubtype, 0) < %(user)s
FROM pg_type AS t
JOIN pg_proc AS output ON output.oid = t.typoutput JOIN pg_namespace AS o ON o.oid = output.pronamespace
LEFT JOIN pg_proc AS send ON send.oid = t.typsend LEFT JOIN pg_namespace AS s ON s.oid = send.pronamespace
LEFT JOIN pg_range AS r ON r.rngtypid = t.oid
LEFT JOIN pg_range AS m ON m.rngmultitypid = t.oid
WHERE t.oid = ANY(%(oids)s)
"""


def multiset(connection: AnyConnection, table: str, columns: list[str] | None = None) -> tuple[int, str]:
    """Number of rows and one md5 over the sorted md5s of all rows. `table` is `schema.table`, unquoted.

    The rows of an inheritance parent are its own ones, those of a partitioned table are those of its partitions.
    """
    return multiset_of(connection, table_query(connection, table, columns))


def multiset_of(connection: AnyConnection, query: str) -> tuple[int, str]:
    """Number of rows and one md5 over the sorted md5s of all rows that a query gives."""
    return _hash(connection, query, _exact_values(connection, query))


def stored_columns(connection: AnyConnection, schema: str, name: str) -> list[str]:
    """Columns in their order, generated ones too: the destination must compute the same."""
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = format('%%I.%%I', %s::text, %s::text)::regclass "
        "AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (schema, name),
    ).fetchall()
    return [str(record[0]) for record in found]


def table_query(connection: AnyConnection, table: str, columns: list[str] | None = None) -> str:
    """The query that reads a table, `schema.table`, unquoted."""
    schema, name = table.split(".", 1)
    names = columns or stored_columns(connection, schema, name)
    kind = connection.execute(
        "SELECT relkind::text FROM pg_class WHERE oid = format('%%I.%%I', %s::text, %s::text)::regclass", (schema, name)
    ).fetchone()
    return (
        sql.SQL("SELECT {columns} FROM {only}{table}")
        .format(
            columns=sql.SQL(", ").join(map(sql.Identifier, names)),
            only=sql.SQL("ONLY " if kind == ("r",) else ""),
            table=sql.Identifier(schema, name),
        )
        .as_string(connection)
    )


def assert_equal(source: AnyConnection, destination: AnyConnection, table: str, other: str | None = None) -> int:
    """Fails unless both tables hold the same rows; returns their number."""
    columns = stored_columns(source, *table.split(".", 1))
    return assert_same_rows(
        source,
        table_query(source, table, columns),
        destination,
        table_query(destination, other or table, columns),
    )


def assert_same_rows(source: AnyConnection, query: str, destination: AnyConnection, other: str | None = None) -> int:
    """Fails unless both queries give the same rows, and names the columns that differ; returns their number."""
    other = other or query
    expected, found = multiset_of(source, query), multiset_of(destination, other)
    assert found == expected, _describe(source, query, destination, other)
    return expected[0]


def _exact_values(connection: AnyConnection, query: str) -> list[sql.Composable]:
    """For each column of the query, as `c0`, `c1` …, SQL of a text that two values share only if they are the same.

    The protocol describes columns of a domain by its base type, so domains need no care but a cast.
    """
    connection.execute(
        "SET timezone = 'UTC'; SET extra_float_digits = 3; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; "
        "SET bytea_output = 'hex'"
    )
    described = connection.execute(f"SELECT * FROM ({query}) AS rows LIMIT 0".encode()).description or []
    oids = [column.type_code for column in described]
    known = {
        record[0]: record[1:]
        for record in connection.execute(TYPES, {"oids": oids, "user": FIRST_USER_OBJECT}).fetchall()
    }
    values = []
    for position, oid in enumerate(oids):
        *functions, portable = known[oid]
        send, output, name = (sql.SQL(str(part)) for part in functions)
        column = sql.SQL("c{}::{}").format(sql.SQL(str(position)), name)
        if portable:
            exact = sql.SQL("encode({}({}), 'hex')").format(send, column)
        else:
            exact = sql.SQL("encode(convert_to({}({})::text, 'UTF8'), 'hex')").format(output, column)
        values.append(sql.SQL("coalesce({}, {})").format(exact, sql.Literal(ABSENT)))
    return values


def _hash(connection: AnyConnection, query: str, values: list[sql.Composable]) -> tuple[int, str]:
    """Hexadecimal digits and marks of absence, separated by commas, are unambiguous."""
    row = sql.SQL(" || ',' || ").join(values) if values else sql.SQL("''")
    names = sql.SQL(", ").join(sql.SQL(f"c{position}") for position in range(len(values)))
    rows = sql.SQL("({}) AS rows{}").format(
        sql.SQL(query),
        sql.SQL("({})").format(names) if values else sql.SQL(""),
    )
    statement: Any = sql.SQL(
        "SELECT count(*), md5(coalesce(string_agg(hash, '' ORDER BY hash COLLATE \"C\"), '')) "
        "FROM (SELECT md5({row}) AS hash FROM {rows}) AS hashed"
    ).format(row=row, rows=rows)
    found = connection.execute(statement).fetchone()
    assert found is not None
    return int(str(found[0])), str(found[1])


def _describe(source: AnyConnection, query: str, destination: AnyConnection, other: str) -> str:
    """Which columns differ by themselves; none do where values were swapped between rows."""
    columns = source.execute(f"SELECT * FROM ({query}) AS rows LIMIT 0".encode()).description or []
    ours, theirs = _exact_values(source, query), _exact_values(destination, other)
    rows = _hash(source, query, ours)[0], _hash(destination, other, theirs)[0]
    if len(ours) != len(theirs):
        return f"{query}: {len(ours)} columns at the source, {len(theirs)} at the destination"
    differing = [
        column.name
        for position, column in enumerate(columns)
        if _column_hash(source, query, ours, position) != _column_hash(destination, other, theirs, position)
    ]
    return f"{query}: {rows[0]} rows at the source, {rows[1]} at the destination; these columns differ: {differing}"


def _column_hash(connection: AnyConnection, query: str, values: list[sql.Composable], position: int) -> tuple[int, str]:
    """As `_hash`, of one column."""
    ignored: list[sql.Composable] = [sql.SQL("''") for _ in values]
    return _hash(connection, query, [*ignored[:position], values[position], *ignored[position + 1 :]])
