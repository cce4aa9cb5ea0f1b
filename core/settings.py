"""One settings class for every process, read from STERNA_* environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.host_patterns import check_patterns

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


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
    preload: list[str] = Field(default=["POSTGRES"])
    """Connectors that workers import while they start rather than in their first job, as a JSON list of types."""
    graceful_shutdown_seconds: float = Field(default=10.0, ge=0)
    """How long a worker that is told to stop lets its activities run on."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING, ERROR or CRITICAL."""

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
    """File with one API key of an administrator, for the first start; others are made by `sterna api-keys create`."""
    session_hours: float = Field(default=8.0, gt=0)
    """How long a browser's session lasts."""
    oidc_issuer: str | None = None
    """URL of the OpenID Connect provider whose bearer tokens are taken, as its discovery document writes it."""
    oidc_audience: str | None = None
    """What tokens must be meant for; goes with the issuer."""
    oidc_role_claim: str = "roles"
    """Claim of tokens that gives roles: a list or words, or a path to one such as `realm_access.roles`."""
    oidc_roles: dict[str, Literal["viewer", "operator", "admin"]] = Field(
        default={"sterna-viewer": "viewer", "sterna-operator": "operator", "sterna-admin": "admin"}
    )
    """Which role each value of the claim gives, as a JSON object."""
    requests_per_second: float = Field(default=100.0, gt=0)
    """What one principal may ask of one API process, over ten seconds; failed logins have a limit of their own."""

    # What requests may ask for.
    where_clauses: Literal["strict", "trusted"] = "strict"
    """What jobs may write as whereClause. strict: one condition over the table's columns, with functions that only
    compute. trusted: any expression that the source takes in a transaction that reads only, subqueries included.
    The same for API and workers."""
    where_functions: list[str] = Field(default_factory=list)
    """Functions that a strict whereClause may call beyond the list, as `name` or `schema.name`, as a JSON list."""
    allowed_hosts: list[str] = Field(default_factory=list)
    """Hosts that jobs may reach, as a JSON list of names, suffixes (`.example.com`), addresses and networks
    (`10.0.0.0/8`). Default: all but link-local and metadata addresses. The same for API and workers."""
    allowed_folders: list[Path] = Field(default_factory=list)
    """Folders in which the files lie that jobs name (database files, wallets, certificates), as a JSON list. Default:
    all but Sterna's own, /proc, /sys and /dev. The same for API and workers."""
    closed_folders: list[Path] = Field(default_factory=list)
    """Folders beside Sterna's own whose files no job may name, as a JSON list."""
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    """Largest body of a request to the API."""

    # Encryption.
    encryption_keys: str | None = None
    """Where the keys are that encrypt documents, staging and values in Temporal's history: `file:PATH`,
    `env:VARIABLE` or `vault:/mount/path#field`, the same keys for the API and every worker. `sterna encryption-keys
    new` makes them."""
    encrypt_staging: bool = False
    """Whether batches are encrypted while they lie between stages; documents always are."""
    api_tls_certificate: str | None = None
    """PEM file with the API's certificate and its chain; the API then serves HTTPS, and nothing else."""
    api_tls_key: str | None = None
    """PEM file with the certificate's private key, without passphrase; default: it is in the certificate's file."""
    api_trusted_proxies: list[str] = Field(default_factory=list)
    """Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, as a JSON list."""

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, value: str) -> str:
        if value.upper() not in LOG_LEVELS:
            raise ValueError(f"write one of {', '.join(LOG_LEVELS)}")
        return value.upper()

    @field_validator("config_store")
    @classmethod
    def _is_a_store(cls, value: str) -> str:
        if not value.startswith("postgresql+asyncpg://"):
            raise ValueError("write postgresql+asyncpg://user:password@host:port/database")
        return value

    # Whom notices go to.
    notice_channels: Path | None = None
    """TOML file with the channels that notices are sent to (docs/notices.md), read by the API and control workers."""
    public_url: str | None = Field(default=None, pattern=r"^https?://")
    """Address under which people reach the API, for the links in notices."""

    # Four eyes.
    require_approval: bool = False
    """No job begins before somebody other than those who made, edited, started or scheduled it approves. The same for
    API and workers."""

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: list[str]) -> list[str]:
        check_patterns(value)
        return value

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Settings:
        if (self.oidc_issuer is None) is not (self.oidc_audience is None):
            raise ValueError("STERNA_OIDC_ISSUER and STERNA_OIDC_AUDIENCE go together")
        host = urlsplit(self.oidc_issuer or "").hostname or ""
        if self.oidc_issuer and not self.oidc_issuer.startswith("https://") and host not in ("127.0.0.1", "localhost"):
            raise ValueError("STERNA_OIDC_ISSUER must begin with https://")
        return self

    @model_validator(mode="after")
    def _folders_are_apart(self) -> Settings:
        """What is staged is deleted with its job, and documents are not."""
        folders = {"STERNA_DOCUMENTS": self.documents, "STERNA_STAGING": self.staging, "STERNA_LEASES": self.leases}
        for name, folder in folders.items():
            for other, beneath in folders.items():
                if name != other and beneath.absolute().is_relative_to(folder.absolute()):
                    raise ValueError(f"{other} ({beneath}) lies in {name} ({folder}): give each a folder of its own")
        for allowed in self.allowed_folders:
            if not allowed.is_absolute():
                raise ValueError(
                    f"STERNA_ALLOWED_FOLDERS: {allowed} must be absolute: workers have folders of their own"
                )
        return self
