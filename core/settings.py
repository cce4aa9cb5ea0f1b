"""One settings class for every process, read from STERNA_* environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from core.settings_files import FromFiles


class Settings(FromFiles):
    """What a process must be told. Temporal's address and TLS come from TEMPORAL_* (temporalio.envconfig)."""

    model_config = SettingsConfigDict(env_prefix="STERNA_", use_attribute_docstrings=True)

    config_store: str = "postgresql+asyncpg://sterna@127.0.0.1:5432/sterna"
    """SQLAlchemy URL of the PostgreSQL database with jobs. Only the API and control workers need it."""
    documents: Path = Path("var/documents")
    """Folder of plans, evidence and certificates, shared by all processes."""
    staging: Path = Path("var/staging")
    """Folder where batches lie between stages, shared by all workers."""
    task_queue_prefix: str = Field(default="sterna", pattern=r"^[\w.-]+$")
    """Task queues are named `{prefix}-{stage}`."""
    api_host: str = "127.0.0.1"
    """Address that the API listens on."""
    api_port: int = Field(default=8080, ge=0, le=65535)
    """Port that the API listens on."""
    extract_slots: int = Field(default=4, ge=1)
    """Activities at once in one extract worker."""
    transform_slots: int = Field(default=2, ge=1)
    """Activities at once in one transform worker."""
    load_slots: int = Field(default=4, ge=1)
    """Activities at once in one load worker, DDL included."""
    validate_slots: int = Field(default=2, ge=1)
    """Activities at once in one validate worker."""
    max_connections: int = Field(default=32, ge=2)
    """Sessions on one database at once, of all jobs and workers together, unless its connection says maxConnections.
    The same for all workers."""
    leases: Path = Path("var/leases")
    """Folder of the locks by which workers count sessions, shared by all workers; a machine with a folder of its own
    counts for itself."""
    preload: list[str] = Field(default=["POSTGRES"])
    """Connectors that workers import while they start rather than in their first job, as a JSON list of types."""
    graceful_shutdown_seconds: float = Field(default=10.0, ge=0)
    """How long a worker that is told to stop lets its activities run on."""
    log_level: str = "INFO"

    # What operators see of a process.
    metrics_host: str = "127.0.0.1"
    """Address on which a worker answers `/healthz`, `/readyz` and `/metrics`. The API answers them on its own."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of the same; 0 is any free one (the log tells which). Default: none, the worker listens nowhere."""
    log_format: Literal["auto", "text", "json"] = "auto"
    """Log lines for people (`text`), or one JSON object a line. `auto`: text on a terminal, else JSON."""

    secrets: Path | None = None
    """Folder with files that hold settings, each named as its variable in small letters, e.g. `sterna_config_store`:
    the way of containers to keep passwords out of the environment. The environment goes first."""

    # Who may ask the API.
    authentication: Literal["required", "off"] = "required"
    """`off`: everybody is an administrator; only for an API that listens on loopback."""
    admin_key_file: Path | None = None
    """File with one API key of an administrator, for the first start; others are made by `sterna keys create`."""
    session_hours: float = Field(default=8.0, gt=0)
    """How long a browser's session lasts."""
    requests_per_second: float = Field(default=100.0, gt=0)
    """What one principal may ask of one API process, over ten seconds; failed logins have a limit of their own."""
