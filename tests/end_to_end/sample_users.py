"""The table of the sample request, filled by psycopg and read back by psycopg and oracledb: no line of the product."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import closing
from decimal import Decimal
from typing import Any

import oracledb
import psycopg

ROWS = 4_000
"""The wire server takes a second of CPU for about 200 of these rows, counting all that is done with them."""
SOURCE = """
CREATE TABLE public.users (
    id bigint PRIMARY KEY, email varchar(120) NOT NULL UNIQUE, ssn varchar(20), full_name text, nickname varchar(40),
    balance numeric(38,10), visits integer NOT NULL, score double precision, active boolean, born date,
    created timestamptz(6), seen timestamp(3), wakes time(0), photo bytea, reference uuid, settings jsonb
);
INSERT INTO public.users SELECT
    i * 3 - 30000,
    CASE WHEN i % 1000 = 0 THEN 'O''Neil+' || i || '@žluťoučký.example' ELSE 'user' || i || '@example.com' END,
    CASE WHEN i % 7 = 0 THEN NULL WHEN i % 501 = 0 THEN '' WHEN i % 500 = 0 THEN '🐎é-' || i
         ELSE lpad((i % 1000)::text, 3, '0') || '-12-' || i END,
    CASE i % 8 WHEN 0 THEN NULL WHEN 1 THEN ''
         WHEN 2 THEN E'tab\\tline\\nend' || i WHEN 3 THEN E'back\\\\slash \\\\N' || i
         WHEN 4 THEN 'NULL' WHEN 5 THEN ' blank ' ELSE repeat('🐎 "quoted", ', i % 20) || i END,
    CASE WHEN i % 9 = 0 THEN '' WHEN i % 5 = 0 THEN NULL ELSE 'nick ' || i END,
    CASE WHEN i % 11 = 0 THEN NULL ELSE (i - 4000) * 123456789012345678901234.0123456789::numeric END,
    i % 2147483647,
    CASE i % 6 WHEN 0 THEN NULL WHEN 1 THEN '-0' WHEN 2 THEN 5e-324 WHEN 3 THEN 1.7976931348623157e308 ELSE i / 7.0 END,
    CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN true ELSE false END,
    CASE WHEN i % 13 = 0 THEN NULL ELSE date '1583-01-01' + (i % 3000) * 51 END,
    timestamptz '0001-01-02 00:00:00+00' + i * interval '151234567.654321 seconds' / 60,
    CASE WHEN i % 10 = 0 THEN NULL ELSE timestamp '1969-12-31 23:59:58.999' + i * interval '86399.977 seconds' END,
    CASE WHEN i % 4 = 0 THEN NULL ELSE time '00:00:01' + i * interval '4 seconds' END,
    CASE WHEN i % 12 = 0 THEN NULL WHEN i % 17 = 0 THEN ''::bytea ELSE decode(md5(i::text), 'hex') END,
    CASE WHEN i % 15 = 0 THEN NULL ELSE md5(i::text)::uuid END,
    CASE WHEN i % 20 = 0 THEN NULL ELSE
         jsonb_build_object('n', 1.10, 'text', 'ü' || i, 'list', '[1, null, {}]'::jsonb) END
FROM generate_series(1, {rows}) AS i;
GRANT SELECT ON public.users TO {reader};
ANALYZE public.users;
"""
Row = tuple[Any, ...]


def fill(connection: psycopg.Connection[tuple[object, ...]], reader: str) -> None:
    """Creates the table; `reader` may read it."""
    connection.execute(SOURCE.replace("{rows}", str(ROWS)).replace("{reader}", reader).encode())


def expected(connection: psycopg.Connection[tuple[object, ...]]) -> list[Row]:
    """What must stand at the destination, by key, from what stands at the source: masked, and as Oracle can hold it."""
    connection.execute("SET TIME ZONE 'UTC'")
    found = connection.execute("SELECT * FROM public.users ORDER BY id").fetchall()
    return [_arrived(row) for row in found]


def _arrived(row: Row) -> Row:
    key, email, ssn, full_name, nickname, balance, visits, score, active, born = row[:10]
    created, seen, wakes, photo, reference, settings = row[10:]
    return (
        *(key, email),
        "X" * len(ssn) if ssn else None,  # '' is NULL in a VARCHAR2
        full_name,  # a CLOB tells '' from NULL
        nickname or None,
        *(balance, visits),
        None if score is None else score + 0.0,  # -0 is 0
        None if active is None else int(active),
        None if born is None else dt.datetime.combine(born, dt.time()),
        created.astimezone(dt.UTC).replace(tzinfo=None),
        seen,
        None if wakes is None else dt.timedelta(hours=wakes.hour, minutes=wakes.minute, seconds=wakes.second),
        photo,
        None if reference is None else reference.bytes,
        settings,
    )


def found(connection: oracledb.Connection) -> list[Row]:
    """What stands at the destination, by key."""
    columns = (
        "CUST_ID, EMAIL_ADDR, SSN, FULL_NAME, NICKNAME, BALANCE, VISITS, SCORE, ACTIVE, BORN, CREATED, SEEN, WAKES, "
        "PHOTO, REFERENCE, SETTINGS"
    )
    oracledb.defaults.fetch_decimals, oracledb.defaults.fetch_lobs = True, False
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"SELECT {columns}, LENGTH(FULL_NAME), LENGTH(PHOTO) FROM CUSTOMERS ORDER BY CUST_ID")
        return [_plain(row) for row in cursor.fetchall()]


def _plain(row: Row) -> Row:
    plain = [int(value) if index in (0, 6, 8) and value is not None else value for index, value in enumerate(row[:16])]
    for index, length in ((3, row[16]), (13, row[17])):  # an empty LOB is fetched like NULL, but has a length
        if plain[index] is None and length == 0:
            plain[index] = b"" if index == 13 else ""
    plain[5] = None if row[5] is None else Decimal(row[5])
    plain[15] = None if row[15] is None else json.loads(row[15])
    return tuple(plain)
