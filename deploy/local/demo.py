"""`sterna demo`: a sample shop is migrated on this machine by the same processes as in production."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from api.client import ApiClient, ApiProblem, ApiUnreachable
from api.progress_display import display_for
from api.progress_text import format_duration, format_rate, format_rows, table_line, waiting_tables
from core.job_spec import JobStatus
from core.progress import JobProgress, TableStatus
from deploy.local.sample_shop import DESTINATION_DATABASE, SOURCE_DATABASE, SampleDatabases, psql_command
from deploy.local.stack import LocalStack, in_parallel

POLL_SECONDS = 0.5
STUCK_SECONDS = 20.0
KEPT_CERTIFICATE = Path("var/demo/certificate.json")
UNDECIDED = (TableStatus.PENDING, TableStatus.RUNNING)


@dataclass
class DemoRun:
    """What came of the job."""

    job_id: str
    progress: JobProgress
    seconds: float

    @property
    def succeeded(self) -> bool:
        """The job is COMPLETED and every table of it is COMPLETED and proved."""
        tables = self.progress.tables
        return (
            self.progress.status is JobStatus.COMPLETED
            and bool(tables)
            and all(table.status is TableStatus.COMPLETED and table.proved for table in tables)
        )


class Demo:
    """The stack, the two sample databases and what is told about them on the console."""

    def __init__(self, rows: int, patience: float, console: Console) -> None:
        """`patience` is the number of seconds after which an unfinished job counts as failed."""
        self._rows = rows
        self._patience = patience
        self._console = console
        self._folder = Path(tempfile.mkdtemp(prefix="sterna-demo-"))
        self._folder.chmod(0o755)
        self._databases = SampleDatabases(self._folder)
        self._stack = LocalStack(self._folder / "stack", environment=self._databases.environment, on_report=self._say)

    def run(self, *, keep: bool) -> bool:
        """Migrates the shop; True where everything is COMPLETED and proved. `keep`: stays up until Ctrl-C."""
        succeeded = False
        try:
            self._start()
            run = self._migrate()
            succeeded = run.succeeded
            self._tell(run)
            if keep:
                self._stay_up()
        except (ApiProblem, ApiUnreachable, RuntimeError) as error:
            for line in error.lines() if isinstance(error, ApiProblem) else [str(error)]:
                self._say(line)
        finally:
            self._stop(keep_logs=not succeeded)
        return succeeded

    def _start(self) -> None:
        self._say(f"Starting Sterna and filling a shop with {format_rows(self._rows)}")
        began = time.monotonic()
        in_parallel(self._stack.start, lambda: self._databases.start(self._rows))
        self._say(f"Ready after {format_duration(time.monotonic() - began)}")
        self._say(f"  API docs         {self._stack.api_url}/docs")
        self._say(f"  Temporal Web UI  {self._stack.ui_url}")

    def _migrate(self) -> DemoRun:
        with ApiClient(self._stack.api_url, self._stack.api_key) as client:
            began = time.monotonic()
            job_id = str(client.submit(self._databases.job())["jobId"])
            self._say(f"Job {job_id} is posted")
            progress = self._follow(client, job_id, deadline=began + self._patience)
            return DemoRun(job_id, progress, time.monotonic() - began)

    def _follow(self, client: ApiClient, job_id: str, deadline: float) -> JobProgress:
        stuck_since: float | None = None
        with display_for(self._console) as display:
            while True:
                self._stack.raise_if_hopeless()
                progress = client.progress(job_id)
                display.show(progress)
                now = time.monotonic()
                stuck_since = (stuck_since or now) if is_stuck(progress) else None
                given_up = stuck_since is not None and now - stuck_since > STUCK_SECONDS
                if progress.status.final or given_up or now > deadline:
                    return progress
                time.sleep(POLL_SECONDS)

    def _tell(self, run: DemoRun) -> None:
        if run.succeeded:
            self._tell_success(run)
            return
        self._say("")
        self._say(f"The demo FAILED: the job is {run.progress.status.value} after {format_duration(run.seconds)}")
        if run.progress.attention:
            self._say(f"  Attention: {run.progress.attention}")
        for table in waiting_tables(run.progress):
            self._say(f"  {table_line(table)}")

    def _tell_success(self, run: DemoRun) -> None:
        rows = sum(table.rows for table in run.progress.tables)
        rate = format_rate(rows / max(run.seconds, 0.001))
        certificate = self._keep_certificate(run.progress)
        self._say("")
        self._say(f"Moved            {format_rows(rows)} in {format_duration(run.seconds)} ({rate})")
        self._say(f"Validation       checksum: all {len(run.progress.tables)} tables are proved equal to their source")
        self._say(f"Certificate      {certificate}")
        self._say(f"API docs         {self._stack.api_url}/docs")
        self._say(f"Temporal Web UI  {self._stack.ui_url}")

    def _keep_certificate(self, progress: JobProgress) -> str:
        if progress.certificate is None:
            raise RuntimeError("the job is COMPLETED but has no certificate")
        KEPT_CERTIFICATE.parent.mkdir(parents=True, exist_ok=True)
        KEPT_CERTIFICATE.write_text(self._stack.document_store.read(progress.certificate), encoding="utf-8")
        return str(KEPT_CERTIFICATE)

    def _stay_up(self) -> None:
        databases = self._databases
        self._say("")
        self._say("Everything stays up until Ctrl-C. Look around:")
        self._say(f"  source           {psql_command(databases.source, SOURCE_DATABASE)}")
        self._say(f"  destination      {psql_command(databases.destination, DESTINATION_DATABASE)}")
        self._say(f"  log in, once     {self._stack.login_link()}")
        self._say(f"  command line     export STERNA_API={self._stack.api_url}")
        self._say(f"                   export STERNA_API_KEY_FILE={self._stack.admin_key_file}")
        self._say("                   sterna jobs")
        self._say(f"  temporal         temporal workflow list --address {self._stack.temporal_address}")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            self._say("Stopping")

    def _stop(self, *, keep_logs: bool) -> None:
        self._stack.stop()
        self._databases.stop()
        if keep_logs:
            self._say(f"Logs of every process are in {self._stack.logs}")
        else:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def is_stuck(progress: JobProgress) -> bool:
    """The job waits for an operator, and nothing else of it goes on."""
    return bool(progress.attention) and not any(table.status in UNDECIDED for table in progress.tables)
