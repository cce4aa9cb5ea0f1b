"""`sterna plan`: what people read of a plan."""

from __future__ import annotations

from typing import Any

from api.plan_text import plan_lines

EXACT = {
    "source": "id",
    "destination": "ID",
    "sourceType": "bigint",
    "destinationType": "NUMBER(19)",
    "verdict": "EXACT",
}
CONVERTED = {
    "source": "note",
    "destination": "note",
    "sourceType": "text",
    "destinationType": "CLOB",
    "verdict": "CONVERT",
    "reason": "'' is NULL there",
    "limitsInWords": ["a value that is empty is changed: becomes NULL"],
}
MADE = {
    "source": None,
    "destination": "n",
    "sourceType": "integer",
    "destinationType": "NUMBER(10)",
    "verdict": "EXACT",
}
TABLE: dict[str, Any] = {
    "source": "shop.users",
    "destination": "shop.CUSTOMERS",
    "estimatedRows": 1000,
    "estimatedBytes": 5_000_000,
    "batches": 3,
    "batching": "key ranges on id",
    "path": "arrow",
    "loadMode": "append",
    "createsTable": True,
    "columns": [EXACT, CONVERTED, MADE],
    "ddl": ["CREATE TABLE x ()"],
    "warnings": ["slow"],
    "notCarried": [{"kind": "trigger", "object": "t", "reason": "not moved"}],
}


def test_a_plan_reads_as_lines() -> None:
    answer = {
        "tables": [TABLE],
        "problems": [{"table": "shop.gone", "reason": "it does not exist"}],
        "notCarried": [{"kind": "view", "object": "shop.v", "reason": "views are not moved"}],
    }
    assert list(plan_lines(answer)) == [
        "shop.users → shop.CUSTOMERS: about 1,000 rows, 5.0 MB, 3 batches (key ranges on id)",
        "  the table is created; load mode append; rows travel by the path arrow",
        "  id → ID  bigint  → NUMBER(19)  EXACT",
        "  note     text    → CLOB        CONVERT ('' is NULL there)",
        "    a value that is empty is changed: becomes NULL",
        "  n        integer → NUMBER(10)  EXACT",
        "  warning: slow",
        "  CREATE TABLE x ();",
        "  not carried: trigger t: not moved",
        "",
        "shop.gone cannot begin: it does not exist",
        "not carried: view shop.v: views are not moved",
    ]


def test_a_scanned_plan_shows_counts_and_an_example_of_each_limit() -> None:
    violation = {
        "column": "note",
        "limit": "characters",
        "count": 2,
        "words": "has more than 3 characters",
        "example": "abcd",
    }
    table = {**TABLE, "scan": {"rows": 12, "violations": [violation], "problem": ""}}
    lines = list(plan_lines({"tables": [table]}))
    assert "  scanned 12 rows: 1 limit is crossed" in lines
    assert "    note: 2 values, each of which has more than 3 characters, e.g. 'abcd'" in lines


def test_a_scan_that_found_nothing_says_so() -> None:
    lines = list(plan_lines({"tables": [{**TABLE, "scan": {"rows": 12, "violations": [], "problem": ""}}]}))
    assert "  scanned 12 rows: every value fits" in lines
