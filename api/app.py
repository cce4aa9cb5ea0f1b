"""Composition root of the API: builds its parts, serves them, and keeps the reconciler running beside."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.telemetry import TelemetryConfig
from temporalio.client import Client

from api.access import build_authenticator, refuse_open_doors
from api.auth import ADMINISTER, FAILURES_AT_ONCE, FAILURES_PER_SECOND, READ_AND_OPERATE
from api.dependencies import Parts
from api.described_api import DescribedApi
from api.job_control import JobControl
from api.job_progress import ProgressReader
from api.job_rejects import JobRejects
from api.observer import Observer
from api.problems import ProblemDocument, add_problem_handlers
from api.profile_reader import ProfileReader
from api.queues import QueueReader
from api.rate_limit import RateLimit
from api.reconciler import Reconciler
from api.request_limits import RequestLimits
from api.request_telemetry import RequestTelemetry
from api.routes import (
    audit,
    catalog,
    health,
    job_commands,
    job_progress,
    jobs,
    keys,
    metrics,
    notices,
    plan,
    queues,
    rejects,
    schedules,
    session,
    watermarks,
)
from api.schedules import Schedules
from api.security_headers import SecurityHeaders
from api.serving import server_config
from core.config_store.sessions import open_engine
from core.config_store.store import ConfigStore
from core.documents import DocumentStore
from core.encryption.data_keys import DataKeys
from core.encryption.field_cipher import FieldCipher
from core.encryption.key_ring import KeyRing
from core.job_start import JobStarter
from core.logs import configure_logging
from core.meters import Meters
from core.notice_channels import NoticeChannels
from core.redaction import RedactsSecrets
from core.settings import Settings
from core.telemetry import Telemetry, telemetry
from core.temporal_client import connect

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 30.0
NO_SPANS_OF_ITS_OWN: TelemetryConfig = {
    "tracing": False,
    "operation_spans": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""FastAPI's own telemetry tells query strings and exception texts; RequestTelemetry does not."""
PROBLEM: dict[str, Any] = {"model": ProblemDocument, "description": "A problem document (RFC 9457)"}
WORK = (
    plan.router,
    jobs.router,
    job_commands.router,
    job_progress.router,
    schedules.router,
    rejects.router,
    watermarks.router,
    notices.router,
    catalog.router,
    queues.router,
)
"""A viewer reads, an operator changes."""
ADMINISTRATION = (audit.router, keys.router)
OPEN = (health.router, metrics.router, session.router)
"""No login is asked."""


def create_app(
    settings: Settings,
    store: ConfigStore,
    client: Client,
    documents: DocumentStore,
    fields: FieldCipher,
    begun: Telemetry | None = None,
) -> FastAPI:
    """The application on parts that the caller opened and will close. Its lifespan runs the reconciler."""
    meters = begun.meters if begun else Meters("api")
    queues = QueueReader(client, settings.task_queue_prefix)
    observer = Observer(store, client, queues, meters)
    starter = JobStarter(store, client, settings.task_queue_prefix, all_wait=settings.require_approval)
    progress = ProgressReader(client, documents)
    app = DescribedApi(
        title="Sterna",
        summary="Durable, proved batch migration of databases",
        version=version("sterna"),
        lifespan=_beside(
            Reconciler(store, client, starter).run,
            *([partial(observer.run, LOOK_SECONDS)] if begun and begun.pushes_metrics else []),
        ),
        responses=dict.fromkeys(("default", 422), PROBLEM),
        telemetry=NO_SPANS_OF_ITS_OWN,
    )
    app.state.parts = Parts(
        settings=settings,
        store=store,
        client=client,
        documents=documents,
        control=JobControl(store, client, starter, progress),
        progress=progress,
        profiles=ProfileReader(progress, documents),
        schedules=Schedules(store, client, settings.task_queue_prefix),
        rejects=JobRejects(store, client, documents, settings.task_queue_prefix),
        queues=queues,
        observer=observer,
        meters=meters,
        fields=fields,
    )
    app.state.is_stopping = lambda: False
    app.state.authenticator = build_authenticator(settings, store)
    app.state.login_attempts = RateLimit(FAILURES_PER_SECOND, FAILURES_AT_ONCE)
    for routers, needed in ((WORK, [Depends(READ_AND_OPERATE)]), (ADMINISTRATION, [Depends(ADMINISTER)]), (OPEN, [])):
        for router in routers:
            app.include_router(router, dependencies=needed)
    app.add_middleware(SecurityHeaders)
    add_problem_handlers(app)
    app.add_middleware(RequestLimits, most_bytes=settings.max_body_bytes)
    app.add_middleware(RequestTelemetry, meters=meters)  # last: it is around all others
    return app


async def serve(settings: Settings, keys: KeyRing) -> None:
    """Runs the API until the process is told to stop; `keys` open documents and sealed fields. Raises Unavailable
    where Temporal or the store is away, InvalidConfiguration where the channels of notices are wrong."""
    refuse_open_doors(settings)
    configure_logging(settings, [RedactsSecrets()])
    NoticeChannels(settings.notice_channels).read()
    fields = FieldCipher(keys)
    documents = DocumentStore(settings.documents, DataKeys(settings.documents, fields))
    with telemetry("api") as begun:
        client = await connect(patience=PATIENCE_SECONDS, runtime=begun.runtime, interceptors=begun.interceptors)
        store = ConfigStore(open_engine(settings.config_store))
        try:
            await store.upgrade()
            await _listen(settings, create_app(settings, store, client, documents, fields, begun))
        finally:
            await store.close()


async def _listen(settings: Settings, app: FastAPI) -> None:
    server = uvicorn.Server(server_config(app, settings))
    app.state.is_stopping = lambda: server.should_exit
    # When it has ended, uvicorn raises the signal that ended it again, which must not end the process before its last
    # words (uvicorn's source, Server.capture_signals).
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    await server.serve()


def _beside(*works: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work()) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    return lifespan
