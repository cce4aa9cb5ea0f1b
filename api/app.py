"""Composition root of the API: builds its parts, serves them, and keeps the reconciler running beside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

import uvicorn
from fastapi import FastAPI
from temporalio.client import Client

from api.dependencies import Parts
from api.described_api import DescribedApi
from api.job_control import JobControl
from api.job_progress import ProgressReader
from api.job_rejects import JobRejects
from api.problems import ProblemDocument, add_problem_handlers
from api.profile_reader import ProfileReader
from api.reconciler import Reconciler
from api.request_limits import RequestLimits
from api.routes import catalog, health, job_commands, job_progress, jobs, plan, rejects, schedules
from api.schedules import Schedules
from core.config_store.sessions import open_engine
from core.config_store.store import ConfigStore
from core.documents import DocumentStore
from core.job_start import JobStarter
from core.settings import Settings
from core.temporal_client import connect

PATIENCE_SECONDS = 60.0
CLOSING_SECONDS = 6  # longer than a query to a workflow that no worker answers
PROBLEM: dict[str, Any] = {"model": ProblemDocument, "description": "A problem document (RFC 9457)"}
ROUTERS = (
    plan.router,
    jobs.router,
    job_commands.router,
    job_progress.router,
    schedules.router,
    rejects.router,
    catalog.router,
    health.router,
)


def create_app(settings: Settings, store: ConfigStore, client: Client, documents: DocumentStore) -> FastAPI:
    """The application on parts that the caller opened and will close. Its lifespan runs the reconciler."""
    starter = JobStarter(store, client, settings.task_queue_prefix)
    progress = ProgressReader(client, documents)
    app = DescribedApi(
        title="Sterna",
        summary="Durable, proved batch migration of databases",
        version=version("sterna"),
        lifespan=_reconciling(Reconciler(store, client, starter)),
        responses=dict.fromkeys(("default", 422), PROBLEM),
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
    )
    app.state.is_stopping = lambda: False
    for router in ROUTERS:
        app.include_router(router)
    add_problem_handlers(app)
    app.add_middleware(RequestLimits, most_bytes=settings.max_body_bytes)
    return app


async def serve(settings: Settings) -> None:
    """Runs the API until the process is told to stop. Raises Unavailable where Temporal or the store is away."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    client = await connect(patience=PATIENCE_SECONDS)
    store = ConfigStore(open_engine(settings.config_store))
    try:
        await store.upgrade()
        app = create_app(settings, store, client, DocumentStore(settings.documents))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=settings.api_host,
                port=settings.api_port,
                log_level=settings.log_level.lower(),
                timeout_graceful_shutdown=CLOSING_SECONDS,
            )
        )
        app.state.is_stopping = lambda: server.should_exit
        await server.serve()
    finally:
        await store.close()


def _reconciling(reconciler: Reconciler) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(reconciler.run(), name="reconciler")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return lifespan
