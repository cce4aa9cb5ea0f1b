"""The whole of Sterna on one machine: config store, Temporal, API and one worker process for each stage."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType

import asyncpg
import httpx

from api.client import ApiClient
from api.client_key import KEY_VARIABLE, read_access_key, write_access, write_private
from core.config_store.credentials import new_secret
from core.documents import DocumentStore
from core.encryption.data_keys import DataKeys
from core.encryption.field_cipher import FieldCipher
from core.encryption.key_ring import add_key, open_key_ring
from core.temporal_client import STAGES
from deploy.local.postgres_server import PostgresServer, end_with_parent, free_port
from deploy.local.supervised_process import Report, SupervisedProcess
from deploy.local.temporal_server import TemporalServer

API_STARTUP_SECONDS = 60.0
CONFIG_DATABASE = "sterna"


class LocalStack:
    """Starts, supervises and stops the processes; each has a name: `config-store`, `temporal`, `api`, `worker-load`…

    Everything listens on loopback. Each process writes `logs/{name}.log` in the folder, what the stack itself has to
    say is in `logs/stack.log`. Jobs survive a restart on the same folder. When the program that started the stack
    dies, however it dies, the kernel ends the processes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        process_environment: Mapping[str, Mapping[str, str]] | None = None,
        temporal_options: Sequence[str] = (),
        stages: Sequence[str] = STAGES,
        api_port: int = 0,
        ui_port: int = 0,
        temporal_port: int = 0,
        restart_dead: bool = True,
        on_report: Report = lambda text: None,
    ) -> None:
        """`environment` goes to API and workers, `process_environment` to single ones by name; port 0 is any free one.

        `stages` has one entry for each worker process, e.g. `("control", "extract,load", "load")`; a second process
        for the same stages is named `worker-load-2`. `restart_dead=False`: what dies stays dead until `restart`.
        `on_report` is told what is written into the stack's log.
        """
        self.folder = folder.absolute()
        self.logs = self.folder / "logs"
        self.documents = self.folder / "documents"
        self.staging = self.folder / "staging"
        self.key_file = self.folder / "keys"
        self.api_port = api_port or free_port()
        self.api_key = os.environ.get(KEY_VARIABLE) or read_access_key(self.folder) or new_secret()
        """Of an administrator; the same at each start on this folder."""
        self.config_store = PostgresServer(self.folder / "config-store")
        self.temporal = TemporalServer(
            self.folder / "temporal",
            port=temporal_port,
            ui_port=ui_port,
            options=temporal_options,
            restart_when_dead=restart_dead,
            report=self.report,
        )
        self._environment = dict(environment or {})
        self._process_environment = {name: dict(values) for name, values in (process_environment or {}).items()}
        self._restart_dead = restart_dead
        self._on_report = on_report
        self._report_lock = threading.Lock()
        self._processes = self._describe_processes(stages)

    @property
    def api_url(self) -> str:
        """Where the REST API is."""
        return f"http://127.0.0.1:{self.api_port}"

    def login_link(self) -> str:
        """An address that logs a browser in as administrator, once, within ten minutes."""
        with ApiClient(self.api_url, self.api_key) as client:
            return client.login_link("administrator", "admin")

    @property
    def admin_key_file(self) -> Path:
        """The administrator's key, for this user only."""
        return self.folder / "admin.key"

    @property
    def ui_url(self) -> str:
        """Where the Temporal Web UI is."""
        return self.temporal.ui_url

    @property
    def temporal_address(self) -> str:
        """What `temporal --address` wants."""
        return self.temporal.address

    @property
    def config_store_url(self) -> str:
        """SQLAlchemy URL of the config store."""
        return f"postgresql+asyncpg://{self.config_store.user}@127.0.0.1:{self.config_store.port}/{CONFIG_DATABASE}"

    @property
    def document_store(self) -> DocumentStore:
        """The documents of the stack's jobs, by the stack's keys."""
        fields = FieldCipher(open_key_ring(f"file:{self.key_file}"))
        return DocumentStore(self.documents, DataKeys(self.documents, fields))

    def start(self) -> None:
        """Returns when the API is ready. Raises RuntimeError that names the log of what did not start."""
        if os.geteuid() == 0:
            # PostgreSQL runs as another user then and must reach its folder.
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o755)
        for folder in (self.logs, self.documents, self.staging):
            folder.mkdir(parents=True, exist_ok=True)
        write_private(self.admin_key_file, self.api_key)
        write_access(self.folder, self.api_url, self.api_key)
        if not self.key_file.exists():
            add_key(self.key_file)
        try:
            in_parallel(self._start_config_store, self.temporal.start)
            in_parallel(*(self.process(name).start for name in self.own_programs))
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends every process: API and workers first, so that they can still say goodbye to Temporal."""
        in_parallel(*(self.process(name).stop for name in self.own_programs))
        in_parallel(self.process("temporal").stop, self.process("config-store").stop)

    def __enter__(self) -> LocalStack:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def names(self) -> list[str]:
        """Names of all processes."""
        return list(self._processes)

    @property
    def own_programs(self) -> list[str]:
        """Names of Sterna's own processes: API and workers."""
        return [name for name in self._processes if name not in ("config-store", "temporal")]

    def process(self, name: str) -> SupervisedProcess:
        """The process of that name. Raises KeyError that lists the names."""
        if name not in self._processes:
            raise KeyError(f"{name} is none of {', '.join(self._processes)}")
        return self._processes[name]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to one process. Where the stack restarts what dies, its successor comes after a second."""
        self.process(name).kill(number)

    def restart(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Starts one process again and returns when it is there (config store, Temporal and API: when it answers).
        `environment` is what an API or a worker gets from now on instead of its own part of `process_environment`."""
        if environment is not None:
            self._process_environment[name] = dict(environment)
        self.process(name).restart()
        waits = {
            "config-store": self.config_store.wait_until_ready,
            "temporal": self.temporal.wait_until_healthy,
            "api": self._wait_until_ready,
        }
        if name in waits:
            waits[name]()

    def raise_if_hopeless(self) -> None:
        """Raises RuntimeError with the end of its log where a process cannot live."""
        for name in self.own_programs:
            if self.process(name).hopeless:
                raise RuntimeError(f"{name} ends again and again. Its log ends:\n{end_of(self.log(name))}")

    def log(self, name: str) -> Path:
        """The file with what a process printed."""
        return {"config-store": self.config_store.log, "temporal": self.temporal.log}.get(
            name, self.logs / f"{name}.log"
        )

    def report(self, text: str) -> None:
        """Writes a line into the stack's own log."""
        self._on_report(text)
        with self._report_lock, (self.logs / "stack.log").open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {text}\n")

    def _describe_processes(self, stages: Sequence[str]) -> dict[str, SupervisedProcess]:
        processes = {
            "config-store": SupervisedProcess(
                "config-store",
                self.config_store.spawn,
                restart_when_dead=self._restart_dead,
                stop_signal=signal.SIGINT,
                report=self.report,
            ),
            "temporal": self.temporal.process,
        }
        self._add_program(processes, "api", ["api"])
        for stage in stages:
            self._add_program(processes, f"worker-{stage.replace(',', '-')}", ["worker", "--stages", stage])
        return processes

    def _add_program(self, processes: dict[str, SupervisedProcess], name: str, arguments: Sequence[str]) -> None:
        same = sum(other == name or other.startswith(f"{name}-") for other in processes)
        unique = f"{name}-{same + 1}" if name in processes else name
        processes[unique] = SupervisedProcess(
            unique,
            partial(self._spawn_program, unique, arguments),
            restart_when_dead=self._restart_dead,
            report=self.report,
        )

    def _spawn_program(self, name: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.log(name).open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "deploy.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._program_environment(name),
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def _program_environment(self, name: str) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("TEMPORAL_")}
        return {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_CONFIG_FILE": os.devnull,  # the user's own profile may name another server
            "STERNA_CONFIG_STORE": self.config_store_url,
            "STERNA_DOCUMENTS": str(self.documents),
            "STERNA_STAGING": str(self.staging),
            "STERNA_LEASES": str(self.folder / "leases"),
            "STERNA_ENCRYPTION_KEYS": f"file:{self.key_file}",
            "STERNA_CLOSED_FOLDERS": json.dumps([str(self.folder)]),
            "STERNA_API_HOST": "127.0.0.1",
            "STERNA_API_PORT": str(self.api_port),
            "STERNA_ADMIN_KEY_FILE": str(self.admin_key_file),
            "STERNA_LOG_FORMAT": os.environ.get("STERNA_LOG_FORMAT", "text"),  # people read these logs
            **self._environment,
            **self._process_environment.get(name, {}),
        }

    def _start_config_store(self) -> None:
        self.process("config-store").start()
        self.config_store.wait_until_ready()
        asyncio.run(create_database(self.config_store, CONFIG_DATABASE))

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + API_STARTUP_SECONDS
        answer = "nothing"
        api = self.process("api")
        while time.monotonic() < deadline and not api.hopeless and (api.running or self._restart_dead):
            try:
                response = httpx.get(f"{self.api_url}/readyz", timeout=5, trust_env=False)
                if response.is_success:
                    return
                answer = response.text
            except httpx.TransportError as error:
                answer = str(error)
            time.sleep(0.1)
        raise RuntimeError(f"the API is not ready ({answer}). Its log ends:\n{end_of(self.log('api'))}")


async def create_database(server: PostgresServer, name: str) -> None:
    """Creates a database where it is missing."""
    connection = await asyncpg.connect(host="127.0.0.1", port=server.port, user=server.user, database="postgres")
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


def in_parallel(*actions: Callable[[], None]) -> None:
    """Runs the actions at once, waits for all and raises the first failure."""
    with ThreadPoolExecutor(max_workers=max(len(actions), 1)) as threads:
        futures = [threads.submit(action) for action in actions]
    for future in futures:
        future.result()


def end_of(log: Path, characters: int = 2000) -> str:
    """The end of a log file, empty where there is none."""
    return log.read_text(encoding="utf-8", errors="replace")[-characters:] if log.exists() else ""
