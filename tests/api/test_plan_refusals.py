"""What only the worker can judge of a whereClause is refused there: the names of the table's columns."""

from __future__ import annotations

import pytest

from tests.api.conftest import Json, Live


@pytest.mark.parametrize("clause", ["ctid > '(0,0)'", "tableoid > 0", '"ID" = 1'])
async def test_names_that_are_no_columns_of_the_table_are_refused_before_the_source_sees_them(
    live: Live, request_body: Json, clause: str
) -> None:
    """PostgreSQL itself would take the first two."""
    request_body["tables"] = [{"sourceTable": "users", "whereClause": clause}, {"sourceTable": "notes"}]
    answer = await live.api.post("/api/jobs/plan", json=request_body, timeout=60)
    plan = answer.raise_for_status().json()
    [problem] = plan["problems"]
    assert "is no column of the table" in problem["reason"], plan
