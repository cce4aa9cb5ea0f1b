"""Transformed rows arrive as SQL on the source says they should; steps that do not fit park before a row moves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.conftest import Databases, Jobs
from tests.independent_comparison import assert_same_rows

USERS = """
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL, ssn varchar(11), pin char(6), note text,
    first_name text, last_name text, city text, price numeric(12,2), weight float8, born date, tags text[]
);
INSERT INTO users (email, ssn, pin, note, first_name, last_name, city, price, weight, born, tags)
SELECT 'user' || i || '@example.org',
       CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN '123-45-6' || (100 + i % 900) ELSE 'ä🙂' END,
       CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '12' ELSE '123456' END,
       CASE i % 5 WHEN 0 THEN NULL ELSE E'note\\n"' || i || '"' END,
       CASE i % 7 WHEN 0 THEN NULL ELSE 'Zoë ' || i END, 'Öz', CASE i % 3 WHEN 0 THEN '' ELSE ' Köln ' END,
       i / 3.0, CASE i % 3 WHEN 0 THEN '-0' WHEN 1 THEN 'NaN' ELSE i::text END::float8,
       CASE i % 4 WHEN 0 THEN date '0044-03-15 BC' ELSE date '2000-01-01' + i END,
       ARRAY[NULL, '', i::text]
FROM generate_series(1, 60) AS i;
"""
STEPS: list[dict[str, Any]] = [
    {"type": "COLUMN_MAP", "mapping": {"id": "CUST_ID", "email": "EMAIL_ADDR"}},
    {"type": "DATA_MASK", "columns": ["ssn"], "maskChar": "•", "keepLast": 4},
    {"type": "DATA_MASK", "columns": ["pin"], "keepFirst": 1},
    {"type": "CUSTOM_FUNCTION", "function": "sha256_hex", "columns": ["note"]},
    {"type": "CUSTOM_FUNCTION", "function": "null_if_empty", "columns": ["city"]},
    {"type": "CUSTOM_FUNCTION", "function": "trim", "columns": ["city"]},
    {
        "type": "EXPRESSION",
        "column": "full_name",
        "expression": "coalesce(first_name || ' ', '') || last_name",
        "resultType": "text",
    },
    {"type": "EXPRESSION", "column": "price", "expression": "CASE WHEN CUST_ID % 2 = 0 THEN price ELSE price * 2 END"},
    {"type": "EXPRESSION", "column": "born", "expression": "CASE WHEN CUST_ID = 7 THEN NULL ELSE born END"},
]
EXPECTED = """
SELECT id AS "CUST_ID", email AS "EMAIL_ADDR",
       (CASE WHEN length(ssn) <= 4 THEN repeat('•', length(ssn))
             ELSE repeat('•', length(ssn) - 4) || right(ssn, 4) END)::varchar(11) AS ssn,
       (CASE WHEN length(pin) <= 1 THEN repeat('X', length(pin))
             ELSE left(pin, 1) || repeat('X', length(pin) - 1) END)::char(6) AS pin,
       encode(sha256(convert_to(note, 'UTF8')), 'hex') AS note, first_name, last_name,
       btrim(nullif(city, '')) AS city,
       CASE WHEN id % 2 = 0 THEN price ELSE price * 2 END::numeric(12,2) AS price, weight,
       CASE WHEN id <> 7 THEN born END AS born, tags,
       coalesce(first_name || ' ', '') || last_name AS full_name
FROM users
"""
ARRIVED = """
SELECT "CUST_ID", "EMAIL_ADDR", ssn, pin, note, first_name, last_name, city, price, weight, born, tags, full_name
FROM crm."CUSTOMERS"
"""


def test_transformed_rows_are_what_sql_on_the_source_computes(databases: Databases, jobs: Jobs) -> None:
    databases.prepare(USERS)
    databases.prepare(
        "CREATE TABLE renamed (id int PRIMARY KEY, a text, b text); INSERT INTO renamed VALUES (1, 'a', 'b')"
    )
    tables = [
        {
            "sourceTable": "users",
            "destinationSchema": "crm",
            "destinationTable": "CUSTOMERS",
            "batchSize": 7,
            "transformations": STEPS,
        },
        {"sourceTable": "renamed", "transformations": [{"type": "COLUMN_MAP", "mapping": {"a": "b", "b": "a"}}]},
    ]
    progress = jobs.run(databases.spec(tables))
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert assert_same_rows(source, EXPECTED, destination, ARRIVED) == 60
        swapped = "SELECT id, b AS a, a AS b FROM renamed"
        assert assert_same_rows(source, swapped, destination, "SELECT id, a, b FROM renamed") == 1
    paths = {part["source"]: part["path"] for part in jobs.certificate(progress["jobId"])["tables"]}
    assert paths == {"public.users": "arrow", "public.renamed": "native"}


MISTAKES = {
    "mapped": ({"type": "COLUMN_MAP", "mapping": {"emial": "EMAIL"}}, ["emial", "Did you mean 'email'?"]),
    "masked": ({"type": "DATA_MASK", "columns": ["SSN"]}, ["SSN", "Did you mean 'ssn'?"]),
    "number_masked": ({"type": "DATA_MASK", "columns": ["id"]}, ["id"]),
    "unknown_in_expression": (
        {"type": "EXPRESSION", "column": "email", "expression": "lower(emale)"},
        ["emale", "Did you mean 'email'?"],
    ),
    "untyped": ({"type": "EXPRESSION", "column": "extra", "expression": "email"}, ["extra", "resultType"]),
    "wrong_type": ({"type": "EXPRESSION", "column": "id", "expression": "email"}, ["id", "CAST"]),
    "hashed": (
        {"type": "CUSTOM_FUNCTION", "function": "sha256_hex", "columns": ["mail"]},
        ["mail", "Did you mean 'email'?"],
    ),
}


def test_steps_that_do_not_fit_park_their_table_with_the_remedy(databases: Databases, jobs: Jobs) -> None:
    for name in MISTAKES:
        databases.prepare(f"CREATE TABLE {name} (id int, email text, ssn text)")
    tables = [{"sourceTable": name, "transformations": [step]} for name, (step, _) in MISTAKES.items()]
    job_id = jobs.post(
        databases.spec([*tables, {"sourceTable": "mapped", "destinationTable": "x", "columns": ["nope"]}])
    )
    progress = jobs.wait(job_id)
    assert progress["status"] == "ACTIVE"
    told = {table["name"]: table for table in progress["tables"]}
    assert {table["status"] for table in told.values()} == {"PARKED"}
    for name, (_, words) in MISTAKES.items():
        message = told[f"public.{name} → public.{name}"]["message"]
        assert all(word in message for word in ["transformation 1", *words]), message
    assert "has no column nope" in told["public.mapped → public.x"]["message"]
    with databases.connect_destination() as destination:
        assert destination.execute("SELECT FROM pg_tables WHERE schemaname = 'public'").fetchall() == []
    jobs.command(job_id, "cancel")


@pytest.mark.parametrize("name", ["sha256_hex", "null_if_empty", "trim"])
def test_the_functions_used_here_are_published(jobs: Jobs, name: str) -> None:
    assert name in jobs.http.get("/api/transformations").text
