"""Options of the POSTGRES connector, importable without the driver."""

from __future__ import annotations

from pydantic import Field

from connectors.base import ConnectorOptions
from connectors.tls import TlsOptions


class PostgresOptions(ConnectorOptions):
    """Where a PostgreSQL database is and how to talk to it."""

    host: str = Field(min_length=1)
    """Host name or address."""
    port: int = Field(default=5432, ge=1, le=65535)
    database: str = Field(min_length=1)
    user: str | None = None
    """Default: the user name that secretsRef gives."""
    role: str | None = None
    """SET ROLE after login, so that objects belong to it."""
    tls: TlsOptions = Field(default_factory=TlsOptions)
    connect_timeout: float = Field(default=8.0, gt=0, le=3600)
    """Seconds."""
    schema_default: str = Field(default="public", alias="defaultSchema")
    """Schema of tables that are named without one."""

    def address(self) -> tuple[str, int]:
        """Host and port of the server."""
        return self.host, self.port

    def files(self) -> dict[str, str]:
        """Those of TLS."""
        return self.tls.files()
