"""What orchestrators and Prometheus ask a worker process over HTTP: is it alive, can it work, what has it counted."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from core.errors import InvalidConfiguration
from core.meters import CONTENT_TYPE, Meters

OK = "ok"
LOOP_SECONDS = 10.0
"""Longer than the longest computation that may rightly hold up the event loop."""
RPC_TIMEOUT = timedelta(seconds=3)
SLOW_CLIENT_SECONDS = 10.0
log = logging.getLogger("sterna.worker")

Answer = tuple[HTTPStatus, dict[str, Any]]


class Health:
    """The state of a worker process. Its methods are called by the server's threads."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop, meters: Meters) -> None:
        self._client = client
        self._loop = loop
        self._workers: list[Worker] = []
        self._state = "the process begins"
        self.meters = meters

    def watch(self, worker: Worker) -> None:
        """From now on readiness asks for this worker too."""
        self._workers.append(worker)

    def begin(self) -> None:
        """All workers run."""
        self._state = OK

    def stop(self) -> None:
        """Not ready from now on."""
        self._state = "the process ends"

    def alive(self) -> Answer:
        """The event loop moves."""
        answer = self._ask(asyncio.sleep(0, OK), LOOP_SECONDS) or "the event loop does not move"
        return _answer({"eventLoop": answer})

    def ready(self) -> Answer:
        """Connected to Temporal, and every queue is polled."""
        temporal = self._ask(self._reaches_temporal(), LOOP_SECONDS) or "the event loop does not move"
        polled = all(worker.is_running for worker in self._workers)
        return _answer({"temporal": temporal, "polling": self._state if polled else "not all queues are polled"})

    async def _reaches_temporal(self) -> str:
        try:
            await self._client.service_client.check_health(timeout=RPC_TIMEOUT)
        except RPCError as error:
            return f"Temporal does not answer: {error.message}"
        return OK

    def _ask(self, question: Coroutine[Any, Any, str], seconds: float) -> str | None:
        future = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return future.result(seconds)
        except FutureTimeout:
            future.cancel()
            return None


@contextmanager
def serving(health: Health, host: str, port: int | None) -> Iterator[None]:
    """Answers `/healthz`, `/readyz` and `/metrics` on that port during the block, on any free one where it is 0,
    nowhere where it is None. Raises InvalidConfiguration where the port is taken."""
    if port is None:
        yield
        return
    try:
        server = _Server((host, port), _handler(health))
    except OSError as error:
        raise InvalidConfiguration(
            f"the worker cannot listen on {host}:{port}: {error.strerror}",
            remedy="Give it a port of its own by STERNA_METRICS_PORT; 0 is any free one",
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    log.info("health and metrics on http://%s:%d/metrics", host, server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    answers: dict[str, Callable[[], Answer]] = {"/healthz": health.alive, "/readyz": health.ready}

    class Handler(BaseHTTPRequestHandler):
        timeout = SLOW_CLIENT_SECONDS

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._send(HTTPStatus.OK, CONTENT_TYPE, health.meters.text())
            elif path in answers:
                status, body = answers[path]()
                self._send(status, "application/json", json.dumps(body).encode())
            else:
                self._send(HTTPStatus.NOT_FOUND, "text/plain", b"/healthz, /readyz and /metrics are here\n")

        def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Probes come every few seconds and tell nothing."""

    return Handler


def _answer(parts: dict[str, str]) -> Answer:
    if all(state == OK for state in parts.values()):
        return HTTPStatus.OK, {"status": OK, "parts": parts}
    return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "parts": parts}
