"""Values that are easily changed on their way, by type: what `test_exact_arrival` moves. NULL comes with every type."""

from __future__ import annotations

LONG = "1234567890" * 10

TYPES = """
CREATE SCHEMA types;
CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
CREATE TYPE types.mood AS ENUM ('sad', 'it''s ok', 'naïve 🙂', 'a,b {}"\\');
CREATE DOMAIN types.mood_domain AS types.mood;
CREATE DOMAIN types.moods AS types.mood[] CHECK (cardinality(VALUE) < 5);
CREATE DOMAIN types.price AS numeric CHECK (VALUE <> 13);
CREATE DOMAIN types.code AS char(4);
CREATE TYPE types.pair AS (a int, b text);
CREATE TYPE types.nested AS (p types.pair, q types.pair[], n numeric, c char(5), f float8, m types.mood);
CREATE DOMAIN types.pair_domain AS types.pair CHECK ((VALUE).a IS DISTINCT FROM 13);
CREATE TYPE types.float_range AS RANGE (subtype = float8, subtype_diff = float8mi);
"""

Values = dict[str, list[str]]

NUMBERS: Values = {
    "smallint": ["-32768", "32767", "0"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807", "0"],
    "oid": ["0", "4294967295"],
    "boolean": ["t", "f"],
    "real": ["NaN", "Infinity", "-Infinity", "-0", "0", "1.4e-45", "1.1754942e-38", "3.4028235e38", "0.1", "16777217"],
    "double precision": [
        *("NaN", "Infinity", "-Infinity", "-0", "0", "4.9e-324", "2.2250738585072009e-308", "1.7976931348623157e308"),
        *("0.1", "0.30000000000000004", "1e-7", "123456789012345678", "1e15", "1e16", "100000"),
    ],
    "numeric": [
        *("1.10", "1.1", "NaN", "Infinity", "-Infinity", "0", "0.00", "-0.00", "1e-50", "1e1000", "100", "1e2"),
        *(LONG, f"-{LONG}.{LONG}", f"0.{LONG}", "1e131071"),
    ],
    "numeric(20,4)": ["1.1", "-0.00005", "NaN", "9999999999999999.9999"],
    "numeric(5,-2)": ["1234500", "-100"],
    "types.price": ["1.10", "1.1", "NaN"],
    "money": ["-92233720368547758.08", "92233720368547758.07", "0.10"],
}
TIMES: Values = {
    "date": ["0044-03-15 BC", "infinity", "-infinity", "5874897-12-31", "4713-01-01 BC", "1970-01-01", "0001-01-01"],
    "timestamp": [
        *("4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999", "infinity", "-infinity", "0001-12-31 00:00:00 BC"),
        *("2024-02-29 12:00:00.000001", "2024-02-29 24:00:00"),
    ],
    "timestamp(3)": ["2024-02-29 12:00:00.123", "0044-03-15 01:02:03.004 BC"],
    "timestamptz": [
        *("0044-03-15 12:00:00.123456+01 BC", "-infinity", "infinity", "294276-12-31 23:59:59.999999+00"),
        *("2024-03-31 02:30:00 Europe/Berlin", "1883-11-18 12:03:58-04:56:02"),
    ],
    "time": ["24:00:00", "00:00:00", "23:59:59.999999", "12:30:00.1"],
    "timetz": ["24:00:00+15:59", "12:00:00-15:59:59", "00:00:00+00", "11:00:00+01", "10:00:00+00"],
    "interval": [
        *("1 mon", "30 days", "720:00:00", "-1 year 2 mons -3 days 04:05:06.789", "178000000 years", "1 mon -30 days"),
        *("-00:00:00.000001", "0", "infinity", "-infinity", "24:00:00", "1 day"),
    ],
    "interval(3)": ["1.234 seconds"],
    "interval year to month": ["14 months"],
}
TEXTS: Values = {
    "text": [
        *(
            "",
            " ",
            "\t tab\t",
            "\n",
            "\r\n",
            "a\rb",
            "\\",
            "\\.",
            "\\N",
            "NULL",
            "null",
            '"',
            '""',
            "'",
            ",",
            ",,",
            "a,b",
        ),
        *("line 1\n\\.\nline 3", 'quote " and , and \n end', "🙂 emoji 👩‍👩‍👧", "é", "e\u0301", "\u0001\u001f\u007f"),
        *("\ufeffbom", "\u00a0\u2028\u202e", "x" * 100_000, "NaN", "0.10", "trailing ", "{}", "~", "0:"),
    ],
    "varchar": ["", "a ", "a"],
    "varchar(10)": ["", "ten chars!", "1234567   "],
    "char(5)": ["", "ab", "ab   ", "  ab", "🙂"],
    "bpchar": ["ab", "ab   ", ""],
    "types.code": ["x", "xyz "],
    "name": ["", "a name", "pg_class"],
    '"char"': ["", "a", "\\377", "\\", " "],
    "bytea": ["\\x", "\\x00", "\\xff00fe5c2e0a0d", "\\x5c2e0a", "\\x22"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "json": ['{"a": 1, "a": 2}', ' {"b" :\n\t1 } ', '"\\ud83d\\ude42 \\u0000"', "1.10", "1.1", "null", "[]", '""'],
    "jsonb": ['{"a": 1.10}', "1.1", "1.10", "null", '"null"', "{}", '"🙂"', '{"b": "\\"\\\\\\n", "a": null}', "-0.0"],
    "jsonpath": ["$.a[*] ? (@ > 1)", "lax $"],
    "tsvector": ["'a':1A,2 'it''s':3B", "", "'b' 'a'", "a:1 b:2 \\\\"],
    "tsquery": ["'a' & !'b' | 'c':*A", ""],
    "types.mood": ["sad", "it's ok", "naïve 🙂", 'a,b {}"\\'],
    "types.mood_domain": ["naïve 🙂"],
}
ARRAYS: Values = {
    "integer[]": ["{}", "[0:2]={1,2,3}", "{{1,2},{3,4}}", "[-1:0][2:3]={{1,2},{3,NULL}}", "{NULL}", "{1}", "[2:2]={1}"],
    "text[]": ["{}", '{"",NULL,"NULL","a\\"b\\\\c,{}"," ",null}', '[5:6]={"x\ny","\t"}', '{{"a"},{"🙂"}}'],
    "numeric[]": ["{1.10,1.1,NaN}", "{1.1,1.10,NaN}", "{1.10}", "{1.1}"],
    "double precision[]": ["{-0,NaN,Infinity,4.9e-324}", "{0}", "{-0}"],
    "interval[]": ["{1 mon,30 days}", "{30 days,1 mon}"],
    "char(3)[]": ['{a,"b  "}'],
    "date[]": ['{infinity,"0044-03-15 BC"}'],
    "bytea[]": ['{"\\\\x","\\\\x00ff"}'],
    "types.mood[]": ['{sad,NULL,"it\'s ok"}', '[3:3]={"a,b {}\\"\\\\"}'],
    "types.moods": ["{}", "{sad,sad}"],
    "types.pair[]": ['{"(1,)","(,\\"\\")",NULL}', "{}"],
    "public.vector(3)": ["[1,2,3]", "[-0,0,1e-40]"],
    "int2vector": ["1 2 3", ""],
}
STRUCTURES: Values = {
    "types.pair": ["(1,)", '(,"")', "(,)", '(1,"a ""b"" \\\\ c")', '(2,"line\nline")'],
    "types.pair_domain": ["(1,x)", "(,)"],
    "types.nested": [
        '("(1,x)","{""(,)"",NULL}",1.10,ab,-0,sad)',
        '("(1,x)","{""(,)"",NULL}",1.1,ab,0,sad)',
        '(,"{}",NaN,"",NaN,"naïve 🙂")',
        "(,,,,,)",
    ],
    "int4range": ["empty", "[1,5)", "(,)", "(,5)", "[3,)"],
    "numrange": ["[1.10,2.0]", "(1.1,2)", "[1.1,2)", "empty"],
    "tstzrange": ["[2020-01-01 00:00+00,infinity]", "(-infinity,2020-01-01 00:00+00)", "[2020-01-01 00:00+00,)"],
    "daterange": ["[0044-03-15 BC,2024-02-29]", "(,infinity]"],
    "types.float_range": ["[-0,0]", "[0,0]", "(-Infinity,NaN]"],
    "int8multirange": ["{}", "{[1,3),[5,9)}"],
    "nummultirange": ["{[1.10,2.0]}", "{[1.1,2.0]}"],
    "types.float_multirange": ["{[-0,0]}", "{[0,1),[2,3)}"],
}
REFERENCES: Values = {
    "inet": ["192.168.1.5/24", "10.0.0.1", "::1", "10.0.0.0/8", "10.0.0.0/32", "fe80::1/10"],
    "cidr": ["10.0.0.0/8", "::/0", "10.1.2.3/32"],
    "macaddr": ["08:00:2b:01:02:03"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "bit(3)": ["101", "000"],
    "varbit": ["", "0", "00", "10111"],
    "pg_lsn": ["0/0", "FFFFFFFF/FFFFFFFF"],
    "pg_snapshot": ["10:20:10,14,15"],
    "xid8": ["18446744073709551615"],
    "tid": ["(0,1)"],
    "point": ["(-0,1e-300)", "(NaN,Infinity)", "(0,0)"],
    "line": ["{1,2,3}"],
    "lseg": ["[(0,0),(1,1)]"],
    "box": ["(1,1),(0,0)"],
    "path": ["((0,0),(1,1))", "[(0,0),(1,1)]"],
    "polygon": ["((0,0),(1,1),(2,0))", "((-0,0),(1,1),(2,0))"],
    "circle": ["<(0,0),1>"],
}
OBJECTS: Values = {
    "regclass": ["pg_class", "types.numbers", '"Odd schéma"."Tä ""ble"'],
    "regtype": ["types.mood", "integer[]", "timestamp with time zone"],
    "regproc": ["pg_catalog.now"],
    "regclass[]": ["{pg_class,types.numbers}"],
    "oidvector": ["1 2 3"],
    "aclitem": ["=r/postgres"],
}
TABLES: dict[str, Values] = {
    "numbers": NUMBERS,
    "times": TIMES,
    "texts": TEXTS,
    "arrays": ARRAYS,
    "structures": STRUCTURES,
    "references": REFERENCES,
    "objects": OBJECTS,
}


def table_sql(name: str) -> str:
    """CREATE TABLE with a column for each type, and INSERTs that give every value of the longest column a row."""
    values = TABLES[name]
    columns = ", ".join(f'"{column_name(kind)}" {kind}' for kind in values)
    rows = max(len(literals) for literals in values.values()) + 1
    table = f'types."{name}"'
    inserted = ",\n".join(f"({', '.join(_literal(values[kind], row) for kind in values)})" for row in range(rows))
    return f"CREATE TABLE {table} ({columns});\nINSERT INTO {table} VALUES {inserted};"


def column_name(kind: str) -> str:
    """What the column of a type is called."""
    return kind.replace('"', "'")


def _literal(literals: list[str], row: int) -> str:
    """The literals in turn, then NULL; shorter columns begin again, so that NULLs and values stand side by side."""
    choices: list[str | None] = [*literals, None]
    chosen = choices[row % len(choices)]
    return "NULL" if chosen is None else "'" + chosen.replace("'", "''") + "'"
