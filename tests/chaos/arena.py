"""Everything that faults strike: a stack, two database servers behind proxies, and jobs whose outcome is known."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from temporalio.client import Client
from temporalio.service import RPCError

from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.chaos.clock import JumpingClock
from tests.chaos.cutting_proxy import CuttingProxy, commits_in_postgres
from tests.conftest import connect
from tests.end_to_end.conftest import Jobs
from tests.end_to_end.observation import in_flight, open_client

STAGES = ("control", "extract", "extract", "transform", "load", "load", "validate")
"""Of the two whose workers are stopped there are two: the other one goes on."""
STAGING_MEGABYTES = 64
SOURCE = """
CREATE TABLE public.items (id bigint PRIMARY KEY, word text NOT NULL, amount numeric(12,2), made timestamptz);
CREATE TABLE public.notes (number int NOT NULL, note text, weight float8);
INSERT INTO public.items
  SELECT i, md5((i * {seed})::text), i * {seed} % 100000 / 7.0, timestamptz 'epoch' + i * interval '1 s'
  FROM generate_series(1::bigint, {rows}) AS i;
INSERT INTO public.notes SELECT i % 500, repeat('x', i % 40) || i % 97, i / 3.0 FROM generate_series(1, {keyless}) AS i;
ANALYZE;
"""
DESTINATION = """
CREATE TABLE public.items (id bigint, word text NOT NULL, amount numeric(12,2), made timestamptz);
CREATE TABLE public.remarks (number int NOT NULL, remark text, weight float8);
CREATE SCHEMA chaos;
CREATE TABLE chaos.armed (sqlstate text NOT NULL);
CREATE SEQUENCE chaos.raised;
CREATE FUNCTION chaos.disturb() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wanted text; number bigint;
BEGIN
  PERFORM pg_sleep({brake});
  SELECT sqlstate INTO wanted FROM chaos.armed;
  IF FOUND THEN
    number := nextval('chaos.raised');
    RAISE EXCEPTION 'planted fault' USING ERRCODE = wanted;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER disturb AFTER INSERT ON public.items FOR EACH STATEMENT EXECUTE FUNCTION chaos.disturb();
CREATE TRIGGER disturb AFTER INSERT ON public.remarks FOR EACH STATEMENT EXECUTE FUNCTION chaos.disturb();
"""
COMPARED = {
    "public.items": (
        "SELECT id, word, amount, made FROM public.items",
        "SELECT id, word, amount, made FROM public.items",
    ),
    "public.notes": (
        "SELECT number, upper(note) AS remark, weight FROM public.notes",
        "SELECT number, remark, weight FROM public.remarks",
    ),
}
"""By source table: what must come, and where it is looked for."""
KEYLESS_SHARE = 10
"""What the keyed table has for each row of the other one, which is copied anew whenever its snapshot is lost."""
BATCH_ROWS = 200
BRAKE_SECONDS = 0.15
SLOW_READING = "(SELECT pg_catalog.pg_sleep(0.2)::text) IS NOT NULL"


class Arena:
    """Servers and stack, for as long as the block lasts. `environment` goes to the workers."""

    def __init__(self, folder: Path, seed: int, *, environment: Mapping[str, str] | None = None) -> None:
        self.chance = random.Random(seed)
        self.source = PostgresServer(folder / "source")
        self.destination = PostgresServer(folder / "destination")
        self.to_source = CuttingProxy(self.source.port, commits_in_postgres, cut_anywhere=self._cuts_source)
        self.to_destination = CuttingProxy(
            self.destination.port,
            commits_in_postgres,
            cut_commit=self._cuts_commit,
            cut_anywhere=self._cuts_destination,
        )
        self.clock = JumpingClock(folder / "clock")
        self.stack = LocalStack(
            folder / "stack",
            stages=STAGES,
            restart_dead=False,
            environment={"STERNA_WHERE_CLAUSES": "trusted", **self.clock.environment, **(environment or {})},
        )
        self.armed = {"source": 0, "destination": 0, "commit": 0}
        """Cuts that the proxies still owe."""
        self.small_staging = False
        self.working: dict[int, str] = {}
        """Ids of the jobs that may be struck, by number."""
        self._seen: dict[int, dict[str, Any] | None] = {}
        self.jobs: Jobs

    def __enter__(self) -> Arena:
        self.source.start()
        self.destination.start()
        self.to_source.__enter__()
        self.to_destination.__enter__()
        self.small_staging = _mount(self.stack.staging)
        self.stack.start()
        self.jobs = Jobs(self.stack)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.stop()
        if self.small_staging:
            subprocess.run(["umount", str(self.stack.staging)], check=False)
        for each in (self.to_source, self.to_destination):
            each.__exit__(kind, error, trace)
        self.source.stop()
        self.destination.stop()

    def make_databases(self, number: int, rows: int) -> None:
        """A new pair, for one job; what an attempt that was struck left is made anew."""
        database = f"chaos_{number}"
        for server in (self.source, self.destination):
            with connect(server, "postgres") as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {database}".encode())
                connection.execute(f"CREATE DATABASE {database}".encode())
        with connect(self.source, database) as connection:
            connection.execute(SOURCE.format(rows=rows, keyless=rows // KEYLESS_SHARE, seed=3 + 7919 * number).encode())
        with connect(self.destination, database) as connection:
            connection.execute(DESTINATION.format(brake=BRAKE_SECONDS).encode())

    def start_job(self, number: int, rows: int) -> str:
        """A keyed table as it is, one without a key transformed. Asked twice, it is one job."""
        database = f"chaos_{number}"
        batches = {"batchSize": BATCH_ROWS, "whereClause": SLOW_READING}
        transformed = [
            {"type": "COLUMN_MAP", "mapping": {"note": "remark"}},
            {"type": "EXPRESSION", "column": "remark", "expression": "upper(remark)"},
        ]
        answer = self.jobs.http.post(
            "/api/jobs",
            json={
                "name": f"chaos {number}",
                "source": self._side(self.source, self.to_source.port, database),
                "destination": self._side(self.destination, self.to_destination.port, database),
                "tables": [
                    {"sourceTable": "items", **batches},
                    {
                        "sourceTable": "notes",
                        "destinationTable": "remarks",
                        "transformations": transformed,
                        **batches,
                    },
                ],
                "options": {"parallelBatches": 4, "parallelTables": 2, "validation": "checksum"},
            },
            headers={"Idempotency-Key": f"chaos {number}"},
        )
        assert answer.is_success, answer.text
        return str(answer.json()["jobId"])

    def look(self, number: int, job_id: str) -> dict[str, Any] | None:
        """A job's progress; None while nobody answers, as after a fault."""
        found = None
        with contextlib.suppress(Exception):
            found = self.jobs.progress(job_id)
        self._seen[number] = found
        return found

    def loading(self) -> list[int]:
        """Numbers of the jobs that have begun to load and have batches left; while nobody answers, of all."""
        found = self._last_seen()
        if None in found.values():
            return list(found)
        return [number for number, progress in found.items() if progress and _loads(progress)]

    def all_progress(self) -> list[dict[str, Any]]:
        """Of the jobs that may be struck, as far as somebody answered."""
        return [progress for progress in self._last_seen().values() if progress is not None]

    def _last_seen(self) -> dict[int, dict[str, Any] | None]:
        """What their operators saw last: asking for it again and again would be most of what this machine does."""
        return {number: self._seen[number] for number in list(self.working) if number in self._seen}

    def connect(self, server: PostgresServer, number: int) -> psycopg.Connection[tuple[object, ...]]:
        """Past the proxies."""
        return connect(server, f"chaos_{number}")

    def work_in_hand(self, process: str | None = None, seconds: float = 4.0) -> list[str]:
        """Activities that a worker (None: any) works on, as Temporal knows it; waits for some."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(RPCError, RuntimeError, ProcessLookupError, OSError):
                if found := asyncio.run(self._in_hand(process)):
                    return found
            time.sleep(0.05)
        return []

    async def _in_hand(self, process: str | None) -> list[str]:
        client = await asyncio.wait_for(open_client(self.stack), 3)
        workers = [name for name in self.stack.own_programs if name.startswith("worker")]
        pids = [self.stack.process(name).pid for name in (workers if process is None else [process])]
        asked = [in_flight(client, workflow_id, *pids) for workflow_id in await workflows(client)]
        return [activity for found in await asyncio.gather(*asked) for activity in found]

    def _side(self, server: PostgresServer, port: int, database: str) -> dict[str, Any]:
        return {"type": "POSTGRES", "host": "127.0.0.1", "port": port, "user": server.user, "database": database}

    def _owes(self, what: str) -> bool:
        if self.armed[what] and self.chance.random() < 0.3:
            self.armed[what] -= 1
            return True
        return False

    def _cuts_source(self) -> bool:
        return self._owes("source")

    def _cuts_destination(self) -> bool:
        return self._owes("destination")

    def _cuts_commit(self) -> bool:
        return self._owes("commit")


def _loads(progress: dict[str, Any]) -> bool:
    done = sum(table["batchesDone"] for table in progress["tables"])
    return 0 < done < sum(table["batches"] or 0 for table in progress["tables"]) - 1


async def workflows(client: Client, job_id: str = "") -> list[str]:
    """Ids of the running workflows of a job (without: of all) and of its tables."""
    query = f"WorkflowId STARTS_WITH 'migration/{job_id}' AND ExecutionStatus = 'Running'"
    return [found.id async for found in client.list_workflows(query)]


def _mount(folder: Path) -> bool:
    """A file system of its own for staging, so small that it can be filled; False where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={STAGING_MEGABYTES}m,mode=755", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
