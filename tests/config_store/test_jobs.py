"""The config store keeps what was posted, finds it again and refuses what a job's state forbids."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from core.config_store.store import ConfigStore
from core.config_store.stored import Actor, Idempotency, JobFilter
from core.errors import Conflict, InvalidConfiguration, NotFound
from core.job_spec import JobSpec, JobStatus, TableSpec
from core.models import StatusUpdate
from tests.config_store.conftest import Database
from tests.config_store.specs import sample
from tests.sample_request import SAMPLE

FULL = {
    "description": "Größe ✓ 'quoted' \\ 100 %",
    "priority": 2,
    "source": {
        "type": "POSTGRES",
        "host": "h",
        "port": 5433,
        "database": "d",
        "role": "reader",
        "tls": {"mode": "require"},
    },
    "tables": [
        {
            "sourceSchema": "Sales Data",
            "sourceTable": "order",
            "destinationSchema": "",
            "destinationTable": "ORDERS",
            "columns": ["id", "größe"],
            "batchSize": 7,
            "whereClause": "id > 10 AND note <> ''",
            "priority": 1,
            "loadMode": "upsert",
            "incremental": {"column": "updated_at", "overlap": "5 minutes"},
            "heal": True,
            "transformations": [{"type": "EXPRESSION", "expressions": {"a": "b + 1"}, "nested": [1, {"x": None}]}],
        },
        {"sourceTable": "a"},
        {"sourceTable": "b"},
    ],
    "options": {"consistency": "batch", "parallelTables": 2, "notify": [{"channel": "ops", "on": ["failed"]}]},
}


@pytest.mark.parametrize(
    "changes",
    [{}, FULL, {"tables": {"include": ["public.*"], "exclude": ["*.tmp_*"]}}],
    ids=["sample", "all", "pattern"],
)
async def test_a_specification_comes_back_as_it_was_posted(store: ConfigStore, changes: dict[str, object]) -> None:
    spec = sample(**changes)
    job_id = (await store.create_job(spec)).job.job_id
    assert (await store.get_job(job_id)).spec == spec


async def test_rows_are_those_of_the_design(store: ConfigStore, look: Database) -> None:
    job = (await store.create_job(sample())).job
    rows = look.execute("SELECT name, status, priority, current_run FROM migration_job").fetchall()
    assert rows == [("Prod Customer Migration", "DRAFT", 5, 0)]
    sides = look.execute(
        "SELECT type, connector_type, config_json, secrets_ref FROM connector_config ORDER BY type DESC"
    ).fetchall()
    assert sides == [
        ("SOURCE", "POSTGRES", {"host": "pg-db.example.com", "database": "customers"}, "vault:/databases/pg-prod"),
        (
            "DESTINATION",
            "ORACLE",
            {"host": "oracle-db.example.com", "serviceName": "ORCL", "walletPath": "/secure/wallets/oracle"},
            None,
        ),
    ]
    tables = look.execute(
        "SELECT table_id, source_schema, source_table, destination_schema, destination_table, batch_size, priority"
        " FROM table_config"
    ).fetchall()
    table_id = uuid.UUID(job.tables[0].table_id)
    assert tables == [(table_id, "public", "users", None, "CUSTOMERS", None, 5)]
    steps = look.execute(
        "SELECT table_id, type, config_json, sequence FROM transformation_config ORDER BY 4"
    ).fetchall()
    assert steps == [
        (table_id, "COLUMN_MAP", {"mapping": {"id": "CUST_ID", "email": "EMAIL_ADDR"}}, 0),
        (table_id, "DATA_MASK", {"columns": ["ssn"], "maskChar": "X"}, 1),
    ]


async def test_a_silent_insert_gets_the_columns_own_default_batch_size(store: ConfigStore, look: Database) -> None:
    job = (await store.create_job(sample())).job
    look.execute(
        "INSERT INTO table_config (table_id, job_id, source_table) VALUES (gen_random_uuid(), %s, 'x')", (job.job_id,)
    )
    row = look.execute("SELECT batch_size, priority FROM table_config WHERE source_table = 'x'").fetchone()
    assert row == (5000, 5)


async def test_an_edited_draft_leaves_nothing_of_the_old_one(store: ConfigStore, look: Database) -> None:
    job_id = (await store.create_job(sample(**FULL))).job.job_id
    edited = sample(name="Second thoughts", tables=[{"sourceTable": "only"}])
    assert (await store.update_draft(job_id, edited)).spec == edited
    assert (await store.get_job(job_id)).spec == edited
    counts = look.execute(
        "SELECT (SELECT count(*) FROM table_config), (SELECT count(*) FROM connector_config),"
        " (SELECT count(*) FROM transformation_config)"
    ).fetchone()
    assert counts == (1, 2, 0)


async def test_only_drafts_are_edited_and_running_jobs_are_not_deleted(store: ConfigStore) -> None:
    job_id = (await store.create_job(sample())).job.job_id
    await store.begin_run(job_id)
    with pytest.raises(Conflict, match="only a DRAFT"):
        await store.update_draft(job_id, sample(name="x"))
    with pytest.raises(Conflict, match="while it runs"):
        await store.delete_job(job_id)
    assert (await store.get_job(job_id)).name == "Prod Customer Migration"


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED])
async def test_finished_jobs_are_deleted_with_all_that_hangs_on_them(
    store: ConfigStore, look: Database, status: JobStatus
) -> None:
    job_id = (await store.create_job(sample())).job.job_id
    run = await store.begin_run(job_id)
    await store.record_status(StatusUpdate(job_id=job_id, run=run.run, status=status))
    await store.delete_job(job_id, actor=Actor("ann", "10.0.0.9"))
    with pytest.raises(NotFound):
        await store.get_job(job_id)
    for table in ("migration_job", "connector_config", "table_config", "transformation_config", "migration_run"):
        assert look.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # type: ignore[arg-type]
    trail = look.execute("SELECT action, actor, address, job_id FROM audit_event ORDER BY event_id").fetchall()
    unasked = [("cancel", "temporal", None, uuid.UUID(job_id))] if status is JobStatus.CANCELLED else []
    assert trail == [
        ("create", "sterna", None, uuid.UUID(job_id)),
        ("start", "sterna", None, uuid.UUID(job_id)),
        *unasked,
        ("delete", "ann", "10.0.0.9", uuid.UUID(job_id)),
    ]


@pytest.mark.parametrize("job_id", ["nonsense", str(uuid.UUID(int=1)), "", "x' OR 1=1 --", "\x00"])
async def test_what_does_not_exist_is_not_found(store: ConfigStore, job_id: str) -> None:
    with pytest.raises(NotFound):
        await store.get_job(job_id)


async def test_lists_newest_first_page_by_page_and_by_filter(store: ConfigStore) -> None:
    ids = [(await store.create_job(sample(name=f"job {number} 50%_off"))).job.job_id for number in range(5)]
    await store.begin_run(ids[1])
    seen: list[str] = []
    cursor = None
    for expected in (2, 2, 1):
        page = await store.list_jobs(JobFilter(), limit=2, cursor=cursor)
        assert len(page.jobs) == expected
        seen += [job.job_id for job in page.jobs]
        cursor = page.next_cursor
    assert cursor is None
    assert seen == ids[::-1]
    active = await store.list_jobs(JobFilter(statuses=[JobStatus.ACTIVE]))
    assert [job.job_id for job in active.jobs] == [ids[1]]
    assert [job.job_id for job in (await store.list_jobs(JobFilter(name="JOB 3"))).jobs] == [ids[3]]
    assert len((await store.list_jobs(JobFilter(name="0%_o"))).jobs) == 5
    assert (await store.list_jobs(JobFilter(name="5_%_o"))).jobs == []


@pytest.mark.parametrize("cursor", ["", "???", "bm90IGEgZGF0ZQ==", "MjAyNi0wMS0wMSBub3BlIHg="])
async def test_a_made_up_cursor_is_refused(store: ConfigStore, cursor: str) -> None:
    with pytest.raises(InvalidConfiguration, match="cursor"):
        await store.list_jobs(JobFilter(), cursor=cursor)


async def test_a_key_makes_one_job_also_when_requests_come_at_once(store: ConfigStore, look: Database) -> None:
    key = Idempotency("key-1", "hash")
    created = await asyncio.gather(*(store.create_job(sample(), idempotency=key) for _ in range(10)))
    assert sorted(outcome.new for outcome in created) == [False] * 9 + [True]
    assert len({outcome.job.job_id for outcome in created}) == 1
    assert look.execute("SELECT count(*) FROM migration_job").fetchone() == (1,)


async def test_a_key_of_another_request_or_of_a_deleted_job_is_refused(store: ConfigStore) -> None:
    job = (await store.create_job(sample(), idempotency=Idempotency("key", "one"))).job
    with pytest.raises(Conflict, match="another request"):
        await store.create_job(sample(), idempotency=Idempotency("key", "two"))
    await store.delete_job(job.job_id)
    with pytest.raises(Conflict, match="deleted"):
        await store.create_job(sample(), idempotency=Idempotency("key", "one"))


async def test_a_failed_creation_leaves_its_key_free(store: ConfigStore) -> None:
    broken = JobSpec.model_validate({**SAMPLE, "description": "\x00"})
    key = Idempotency("key", "hash")
    with pytest.raises(Exception, match=r"Unicode|0x00"):
        await store.create_job(broken, idempotency=key)
    assert (await store.create_job(sample(), idempotency=key)).new


async def test_tables_of_a_pattern_keep_their_ids(store: ConfigStore) -> None:
    spec = sample(tables={"include": ["public.*"]})
    job_id = (await store.create_job(spec)).job.job_id
    found = [TableSpec(source_schema="public", source_table=name) for name in ("a", "b")]
    first = await store.resolve_tables(job_id, found)
    later = [found[1], TableSpec(source_schema="public", source_table="c"), found[0]]
    second = await store.resolve_tables(job_id, later)
    assert [table.spec for table in second] == later
    assert [second[2].table_id, second[0].table_id] == [table.table_id for table in first]
    job = await store.get_job(job_id)
    assert job.spec == spec
    assert [table.source for table in job.tables] == ["public.a", "public.b", "public.c"]
