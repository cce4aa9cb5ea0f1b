"""A whereClause is one condition over its own table's columns: everything else is refused before a database sees it."""

from __future__ import annotations

import pytest

from connectors.sql.where_clause import WhereClauses
from core.errors import InvalidConfiguration

COLUMNS = ["id", "a", "b", "d", "x", "Mixed Case", "body"]

REFUSED = {
    "postgres": [
        "",
        "id =",
        "id = 1; DROP TABLE users",
        "id = 1; --",
        "true) OR (true",
        "true) UNION SELECT 1 WHERE (true",
        "id = 1 UNION SELECT 2",
        "id = 1 ORDER BY id",
        "id = 1 LIMIT 1",
        "id = 1 /* open",
        "id = 1 /* a /* b */ c */",
        "id = 1\x00",
        "id\u00a0= 1",
        "id IN (SELECT id FROM secrets)",
        "EXISTS (SELECT 1 FROM secrets)",
        "id = ANY (ARRAY(SELECT id FROM secrets))",
        "(SELECT pg_sleep(9)) IS NULL",
        "pg_sleep(9) IS NULL",
        "pg_catalog.pg_sleep(9) IS NULL",
        '"pg_sleep"(9) IS NULL',
        "pg_read_file('/etc/passwd') LIKE 'root%'",
        "lo_import('/etc/passwd') > 0",
        "dblink('host=evil', 'select 1') IS NULL",
        "nextval('numbers') > 0",
        "query_to_xml('select 1', true, true, '') IS NULL",
        "set_config('x', 'y', false) = 'y'",
        "public.wipe()",
        "users.wipe",
        "(users).wipe",
        "id = $1",
        "id = :id",
        "now() > d",
        "CURRENT_TIMESTAMP > d",
        "CURRENT_USER = a",
        "session_user = a",
        "d > 'now'::timestamp",
        "random() < 0.5",
        "count(*) > 1",
        "row_number() OVER () = 1",
        "ctid > '(0,1)'",
        "a = $$x$$",
        "a = E'\\''",
        "a = U&'x'",
        "COPY users TO PROGRAM 'id'",
        "DELETE FROM users",
        "(" * 150 + "true" + ")" * 150,
    ],
    "mysql": [
        "SLEEP(5) = 0",
        "BENCHMARK(1000000, SHA1('x')) = 0",
        "LOAD_FILE('/etc/passwd') IS NOT NULL",
        "id = 1 /*! OR SLEEP(5) */",
        "id = 1 /*M! OR SLEEP(5) */",
        "id = 1 # hidden",
        "@x := 1",
        "@@version = 'x'",
        "GET_LOCK('a', 10) = 1",
        "id = 1 INTO OUTFILE '/tmp/x'",
        "id IN (SELECT id FROM mysql.user)",
        "UUID() = a",
    ],
    "oracle": [
        "UTL_HTTP.REQUEST('http://evil') IS NOT NULL",
        "DBMS_LOCK.SLEEP(5) = 1",
        "numbers.NEXTVAL > 0",
        "SYSDATE > d",
        "ROWNUM < 5",
        "USER = a",
        "a = q'[x]'",
        "SYS_CONTEXT('USERENV', 'HOST') = a",
        "HTTPURITYPE('http://evil').getclob() IS NULL",
    ],
    "duckdb": [
        "id IN (FROM read_csv('/etc/passwd'))",
        "getenv('HOME') = a",
        "read_text('/etc/passwd') IS NULL",
        "COLUMNS(*) IS NULL",
        "ATTACH 'x.db'",
        "nextval('numbers') > 0",
    ],
    "sqlite": [
        "load_extension('evil.so')",
        "id IN a",
        "id NOT IN main.secrets",
        "readfile('/etc/passwd') IS NULL",
        "writefile('x', 'y') > 0",
        "randomblob(9) IS NULL",
        "date('now') > d",
        "PRAGMA journal_mode",
        "edit(a) = ''",
    ],
    "snowflake": ["SYSTEM$WAIT(5) = 'x'", "numbers.NEXTVAL > 1", "id IN (SELECT $1 FROM @stage)"],
    "sqlalchemy+firebird": ["GEN_ID(numbers, 1) > 0", "RDB$GET_CONTEXT('SYSTEM', 'DB_NAME') = a"],
}
ADMITTED = {
    "postgres": [
        "id > 10 AND a <> ''",
        "id < 5 OR id > 55 -- the ends",
        "a = ';' /* plain */ AND b = '--'",
        "name_is_not_checked_here IS NULL",
        "d >= DATE '2024-01-01' AND d < '2025-01-01'::date - interval '1 day'",
        "lower(a) ~ '^x' AND a NOT LIKE 'y!%' ESCAPE '!' AND coalesce(a, b) IS NOT NULL",
        "body->>'k' = 'v' AND body @> '{\"a\": 1}'::jsonb",
        "id = ANY('{1,2}'::int[]) AND id IN (1, 2) AND id % 7 = 0",
        "extract(year FROM d) = 2020 AND date_trunc('day', d) = d AND CASE WHEN id = 1 THEN true ELSE false END",
        "\"Mixed Case\" IS DISTINCT FROM a AND ID BETWEEN 1 AND 2 AND NOT (a || b) = 'ab'",
        "a = 'now'",
    ],
    "mysql": ["`a` <=> 'x' AND a REGEXP 'y' AND YEAR(d) = 2020 AND d > DATE_SUB('2020-01-01', INTERVAL 1 DAY)"],
    "oracle": ["NVL(a, b) = 'x' AND d >= TO_DATE('2020', 'YYYY') AND REGEXP_LIKE(a, 'x') AND MOD(id, 2) = 0"],
    "duckdb": ["list_contains(x, 1) OR x[1] = 2"],
    "sqlite": ["date(d) > '2020-01-01' AND a GLOB 'x*' AND length(a) > 2"],
    "snowflake": ["a ILIKE 'x%' AND TO_DATE(a) > '2020-01-01'::date AND body:k::string = 'v'"],
    "sqlalchemy+firebird": ["a LIKE 'x%' AND id > 1"],
}


def _cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(dialect, clause) for dialect, clauses in table.items() for clause in clauses]


@pytest.mark.parametrize(("dialect", "clause"), _cases(REFUSED))
def test_what_is_no_plain_condition_is_refused(dialect: str, clause: str) -> None:
    with pytest.raises(InvalidConfiguration, match="whereClause is refused") as refusal:
        WhereClauses().check(clause, dialect, COLUMNS)
    assert refusal.value.remedy


@pytest.mark.parametrize(("dialect", "clause"), _cases(ADMITTED))
def test_a_plain_condition_is_admitted(dialect: str, clause: str) -> None:
    WhereClauses().check(clause, dialect)


def test_columns_are_those_of_the_table_where_they_are_known() -> None:
    WhereClauses().check('ID = 1 AND "Mixed Case" = 2', "postgres", COLUMNS)
    for clause in ("nobody = 1", '"ID" = 1'):
        with pytest.raises(InvalidConfiguration, match="no column of the table"):
            WhereClauses().check(clause, "postgres", COLUMNS)


def test_an_administrator_admits_functions_and_their_arguments_are_judged_all_the_same() -> None:
    judge = WhereClauses(functions=["Sales.Is_Active", "own"])
    judge.check("sales.is_active(id) AND own(a) = 1", "postgres", COLUMNS)
    for clause in ("other.is_active(id)", "is_active(id)", "sales.is_active(pg_sleep(1))", "own(now()) = 1"):
        with pytest.raises(InvalidConfiguration):
            judge.check(clause, "postgres", COLUMNS)


def test_a_trusted_clause_is_left_to_the_database() -> None:
    WhereClauses(trusted=True).check("id IN (SELECT id FROM parents)", "postgres", COLUMNS)
