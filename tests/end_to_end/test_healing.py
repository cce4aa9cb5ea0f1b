"""Rows that differ are reported by number and key, and loaded anew where the job says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.local.stack import LocalStack
from tests.end_to_end.conftest import Databases, Jobs
from tests.independent_comparison import assert_equal

ROWS = 5000
IDENTITY = [{"type": "EXPRESSION", "column": "name", "expression": "name"}]
MEDDLE = """
DELETE FROM public.items WHERE id = 10;
UPDATE public.items SET name = 'meddled' WHERE id IN (30, 31);
INSERT INTO public.items (id, name) SELECT id, 'foreign' FROM generate_series(9000, 9003) AS id;
"""


def prepare(databases: Databases, key: str, tag: str) -> None:
    """The destination's rows are changed when the key or index is built: after the last batch, before the proof."""
    databases.prepare(
        f"CREATE TABLE public.items (id int NOT NULL, name text); "
        f"INSERT INTO public.items SELECT i, 'name ' || i FROM generate_series(1, {ROWS}) AS i; {key}; "
        "ANALYZE public.items"
    )
    with databases.connect_destination() as destination:
        destination.execute(
            f"CREATE FUNCTION public.meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN {MEDDLE} END$$;"
            f"CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('{tag}') EXECUTE FUNCTION public.meddle()"
        )


def prepare_keyed(databases: Databases) -> None:
    prepare(databases, "ALTER TABLE public.items ADD PRIMARY KEY (id)", "ALTER TABLE")


def items(path: str, **more: Any) -> list[dict[str, Any]]:
    transformations = IDENTITY if path == "arrow" else []
    return [{"sourceTable": "items", "batchSize": 500, "transformations": transformations, **more}]


@pytest.mark.parametrize("path", ["native", "arrow"])
def test_just_the_rows_that_differ_are_loaded_anew_and_proved(databases: Databases, jobs: Jobs, path: str) -> None:
    prepare_keyed(databases)
    job_id = jobs.post(databases.spec(items(path, heal=True)))
    progress = jobs.wait(job_id)
    assert progress["status"] == "COMPLETED", progress
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.items")
        rewritten = destination.execute(
            "SELECT id FROM public.items JOIN public.sterna_ledger AS ledger "
            "ON transaction_id::xid = items.xmin WHERE rows < 0 ORDER BY id"
        ).fetchall()
    assert rewritten == [(10,), (30,), (31,)]
    certificate = jobs.certificate(job_id)
    (evidence,) = certificate["tables"]
    assert (certificate["verdict"], evidence["copies"]) == ("PROVED", 1)
    assert evidence["rows"]["inLedger"] == evidence["rows"]["extracted"] == ROWS
    (healed,) = evidence["healed"]
    found = [healed[name] for name in ("cause", "missing", "extra", "changed")]
    assert found == ["difference", 1, 4, 2]


def test_without_heal_the_difference_is_counted_and_its_keys_are_in_a_document(
    databases: Databases, jobs: Jobs, stack: LocalStack
) -> None:
    prepare_keyed(databases)
    job_id = jobs.post(databases.spec(items("native")))
    progress = jobs.wait(job_id)
    assert progress["status"] == "FAILED", progress
    assert "missing at the destination: 1, extra: 4, changed: 2" in progress["tables"][0]["message"]
    differing = jobs.certificate(job_id)["tables"][0]["differingRows"]
    assert (differing["missing"], differing["extra"], differing["changed"]) == (1, 4, 2)
    listed = json.loads(stack.document_store.read(differing["keys"]))["rows"]
    assert [row.get("key", row.get("from")) for row in listed if row["difference"] != "extra"] == [10, 30, 31]


def test_of_a_table_without_a_key_the_multiset_difference_is_counted(databases: Databases, jobs: Jobs) -> None:
    prepare(databases, "CREATE INDEX items_by_name ON public.items (name)", "CREATE INDEX")
    job_id = jobs.post(databases.spec(items("native")))
    assert jobs.wait(job_id)["status"] == "FAILED"
    differing = jobs.certificate(job_id)["tables"][0]["differingRows"]
    assert (differing["missing"], differing["extra"], differing["changed"]) == (3, 6, 0)


def test_a_table_without_a_key_is_copied_again_as_a_whole(databases: Databases, jobs: Jobs) -> None:
    prepare(databases, "CREATE INDEX items_by_name ON public.items (name)", "CREATE INDEX")
    job_id = jobs.post(databases.spec(items("native", heal=True)))
    progress = jobs.wait(job_id)
    assert progress["status"] == "COMPLETED", progress
    with databases.connect_source() as source, databases.connect_destination() as destination:
        assert_equal(source, destination, "public.items")
    (evidence,) = jobs.certificate(job_id)["tables"]
    assert (evidence["proved"], evidence["copies"], evidence["load"]) == (True, 2, 2)
