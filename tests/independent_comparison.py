"""Compares tables as multisets of rows without a line of the product: psycopg, sorted md5 of each value's text."""

from __future__ import annotations

import psycopg
from psycopg import sql

AnyConnection = psycopg.Connection[tuple[object, ...]]


def multiset(connection: AnyConnection, table: str, columns: list[str] | None = None) -> tuple[int, str]:
    """Number of rows and one md5 over the sorted md5s of all rows. `table` is `schema.table`, unquoted.

    Values are taken as the bytes that the type's send function gives, so that nothing that `=` calls equal is
    overlooked; types without an exact send function are taken as text.
    """
    schema, name = table.split(".", 1)
    identifier = sql.Identifier(schema, name)
    names = columns or stored_columns(connection, schema, name)
    values = sql.SQL(", ").join(sql.SQL("{}").format(sql.Identifier(column)) for column in names)
    connection.execute("SET timezone = 'UTC'; SET extra_float_digits = 3; SET datestyle = 'ISO'")
    found = connection.execute(
        sql.SQL(
            "SELECT count(*), md5(coalesce(string_agg(hash, '' ORDER BY hash), '')) "
            "FROM (SELECT md5(record_out(ROW({values}))::text) AS hash FROM {table}) AS rows"
        ).format(values=values, table=identifier)
    ).fetchone()
    assert found is not None
    return int(str(found[0])), str(found[1])


def stored_columns(connection: AnyConnection, schema: str, name: str) -> list[str]:
    """Columns in their order, generated ones too: the destination must compute the same."""
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = format('%%I.%%I', %s::text, %s::text)::regclass "
        "AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (schema, name),
    ).fetchall()
    return [str(record[0]) for record in found]


def assert_equal(source: AnyConnection, destination: AnyConnection, table: str, other: str | None = None) -> int:
    """Fails unless both tables hold the same rows; returns their number."""
    schema, name = table.split(".", 1)
    columns = stored_columns(source, schema, name)
    expected = multiset(source, table, columns)
    found = multiset(destination, other or table, columns)
    assert found == expected, f"{table}: source {expected}, destination {found}"
    return expected[0]
