"""Options of the MYSQL connector, importable without the driver."""

from __future__ import annotations

from pydantic import Field

from connectors.base import ConnectorOptions
from connectors.tls import TlsOptions


class MysqlOptions(ConnectorOptions):
    """Where a MySQL or MariaDB server is and how to talk to it."""

    host: str = Field(min_length=1)
    """Host name or address."""
    port: int = Field(default=3306, ge=1, le=65535)
    database: str = Field(min_length=1)
    """The schema of tables that are named without one; the ledger lies there."""
    user: str | None = None
    """Default: the user name that secretsRef gives."""
    tls: TlsOptions = Field(default_factory=TlsOptions)
    connect_timeout: float = Field(default=8.0, gt=0, le=3600)
    """Seconds."""

    def address(self) -> tuple[str, int]:
        """Host and port of the server."""
        return self.host, self.port

    def files(self) -> dict[str, str]:
        """Those of TLS."""
        return self.tls.files()
