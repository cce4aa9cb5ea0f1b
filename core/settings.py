"""One settings class for every process, read from STERNA_* environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
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
    preload: list[str] = ["POSTGRES"]
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

    # Encryption.
    encryption_keys: str | None = None
    """Where the keys are that encrypt documents, staging and values in Temporal's history: `file:PATH` or
    `env:VARIABLE`, the same keys for the API and every worker. `sterna keys new` makes them."""
    encrypt_staging: bool = False
    """Whether batches are encrypted while they lie between stages; documents always are."""
    api_tls_certificate: str | None = None
    """PEM file with the API's certificate and its chain; the API then serves HTTPS, and nothing else."""
    api_tls_key: str | None = None
    """PEM file with the certificate's private key, without passphrase; default: it is in the certificate's file."""
    api_trusted_proxies: list[str] = []
    """Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, as a JSON list."""
