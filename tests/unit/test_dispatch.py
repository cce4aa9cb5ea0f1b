"""Priorities and fairness keys as Temporal takes them."""

from __future__ import annotations

from typing import Any

import pytest

from core.dispatch import fairness_key, priority_key
from core.job_spec import ConnectionSpec


@pytest.mark.parametrize(
    ("job", "table", "key"),
    [(5, 5, 3), (1, 5, 1), (2, 5, 1), (3, 5, 2), (10, 5, 5), (5, 1, 1), (5, 10, 5), (1, 10, 3), (10, 1, 3), (1, 1, 1)],
)
def test_a_tables_priority_moves_it_around_its_jobs(job: int, table: int, key: int) -> None:
    assert priority_key(job, table) == key


def source(**options: Any) -> ConnectionSpec:
    return ConnectionSpec.model_validate({"type": "POSTGRES", "host": "db", "database": "shop", **options})


def test_jobs_share_a_key_when_they_read_one_database_and_the_key_does_not_tell_which() -> None:
    key = fairness_key(source())
    assert fairness_key(source(host="DB", user="ann", secretsRef="vault:/db/shop")) == key
    assert (
        len({key, *(fairness_key(source(**other)) for other in ({"host": "d2"}, {"database": "x"}, {"port": 1}))}) == 4
    )
    assert "db" not in key or "shop" not in key
    assert len(key) == 16
