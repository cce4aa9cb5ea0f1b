"""Where batches wait for workers, an urgent job and a small job of another source pass a huge one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from core.settings import Settings
from core.temporal_client import job_workflow_id
from deploy.local.postgres_server import PostgresServer
from tests.api.conftest import Json, status_becomes, until, worker_process
from tests.conftest import NewDatabase, connect

HUGE_TABLES, BATCHES, AT_ONCE = 3, 56, 50
QUEUED = HUGE_TABLES * AT_ONCE
FIRST_PART = QUEUED // 2
PATIENCE = 120
HASTY = {"STERNA_GRACEFUL_SHUTDOWN_SECONDS": "0"}
SOURCE = "CREATE TABLE {name} (id int PRIMARY KEY); INSERT INTO {name} SELECT generate_series(1, {rows})"
SLOW_DESTINATION = """
CREATE TABLE {name} (id int PRIMARY KEY);
CREATE FUNCTION brake_{name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END';
CREATE TRIGGER brake AFTER INSERT ON {name} FOR EACH STATEMENT EXECUTE FUNCTION brake_{name}();
"""


@dataclass(frozen=True)
class Jobs:
    """Posts jobs between databases of one server, and asks Temporal in which order their batches were served."""

    api: httpx.AsyncClient
    client: Client
    settings: Settings
    postgres: PostgresServer
    destination: str

    async def post(self, source: str, names: list[str], rows: int, *, slow: bool = False, priority: int = 5) -> str:
        """A job of tables that are made for it; its loads are slow where that is wanted."""
        for name in names:
            with connect(self.postgres, source) as session:
                session.execute(SOURCE.format(name=name, rows=rows))  # type: ignore[arg-type]
            if slow:
                with connect(self.postgres, self.destination) as session:
                    session.execute(SLOW_DESTINATION.format(name=name))  # type: ignore[arg-type]
        body = {
            "name": names[0],
            "priority": priority,
            "source": self._side(source),
            "destination": self._side(self.destination),
            "tables": [{"sourceTable": name, "batchSize": 10} for name in names],
            "options": {"parallelBatches": AT_ONCE},
        }
        answer = await self.api.post("/api/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["jobId"])

    def _side(self, database: str) -> Json:
        server = {"host": "127.0.0.1", "port": self.postgres.port, "user": self.postgres.user}
        return {"type": "POSTGRES", "database": database, **server}

    async def waiting_extracts(self) -> int:
        """Activities that wait for an extract worker."""
        request = DescribeTaskQueueRequest(
            namespace=self.client.namespace,
            task_queue=TaskQueue(name=f"{self.settings.task_queue_prefix}-extract"),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_stats=True,
        )
        found = await self.client.workflow_service.describe_task_queue(request)
        return int(found.stats.approximate_backlog_count)

    async def extracts(self, job_id: str) -> list[datetime]:
        """When the job's extracts that have ended were given to a worker."""
        job = (await self.api.get(f"/api/jobs/{job_id}")).json()
        moments = []
        for table in job["tables"]:
            handle = self.client.get_workflow_handle(f"migration/{job_id}/{table['tableId']}")
            scheduled = set()
            async for event in handle.fetch_history_events():
                asked = event.activity_task_scheduled_event_attributes
                if asked.activity_type.name == "extract_batches":
                    scheduled.add(event.event_id)
                if event.activity_task_started_event_attributes.scheduled_event_id in scheduled:
                    moments.append(event.event_time.ToDatetime())
        return sorted(moments)

    async def done(self, job_id: str) -> int:
        """Batches of the job that are loaded."""
        progress = (await self.api.get(f"/api/jobs/{job_id}/progress")).json()
        return sum(table["batchesDone"] for table in progress["tables"])


async def test_a_small_job_of_another_source_and_an_urgent_one_pass_a_huge_job_that_waits(
    api: httpx.AsyncClient,
    client: Client,
    settings: Settings,
    postgres: PostgresServer,
    new_database: NewDatabase,
    tmp_path: Path,
) -> None:
    jobs = Jobs(api, client, settings, postgres, new_database())
    one, another = new_database(), new_database()
    others = ["control", "transform", "load", "validate"]
    with worker_process(settings, client, tmp_path / "others.log", others, **HASTY, STERNA_LOAD_SLOTS="2"):
        huge = await jobs.post(one, [f"huge_{n}" for n in range(HUGE_TABLES)], 10 * BATCHES, slow=True)

        async def waits(count: int) -> None:
            async def look() -> bool:
                return await jobs.waiting_extracts() >= count

            await until(look, seconds=PATIENCE)

        await waits(QUEUED)
        behind = await jobs.post(one, ["behind"], 20)
        urgent = await jobs.post(one, ["urgent"], 20, priority=1)
        other = await jobs.post(another, ["other"], 20)
        await waits(QUEUED + 3)
        with worker_process(settings, client, tmp_path / "extract.log", ["extract"], **HASTY, STERNA_EXTRACT_SLOTS="1"):
            for passing in (urgent, other):
                await status_becomes(api, passing, "COMPLETED", seconds=PATIENCE)
            assert await jobs.done(huge) < HUGE_TABLES * BATCHES // 2
            served = await jobs.extracts(huge)
            for passing in (urgent, other):
                last = (await jobs.extracts(passing))[-1]
                assert len([moment for moment in served if moment < last]) < FIRST_PART
            for moment in await jobs.extracts(behind):
                assert len([earlier for earlier in served if earlier < moment]) > QUEUED - FIRST_PART
            for left in (huge, behind):
                await client.get_workflow_handle(job_workflow_id(left)).terminate()
