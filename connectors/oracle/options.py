"""Options of the ORACLE connector, importable without the driver."""

from __future__ import annotations

from pydantic import Field, model_validator

from connectors.base import ConnectorOptions


class OracleOptions(ConnectorOptions):
    """Where an Oracle database is."""

    host: str = Field(min_length=1)
    port: int = Field(default=1521, ge=1, le=65535)
    service_name: str | None = None
    sid: str | None = None
    user: str | None = None
    role: str | None = None
    wallet_path: str | None = None
    """Folder of the wallet on the workers (cwallet.sso or ewallet.pem), for TCPS."""

    @model_validator(mode="after")
    def _names_a_database(self) -> OracleOptions:
        if not self.service_name and not self.sid:
            raise ValueError("give serviceName (or sid): without it Oracle's listener does not know the database")
        return self

    def address(self) -> tuple[str, int]:
        """Host and port of the listener."""
        return self.host, self.port
