"""Options of the ORACLE connector, importable without the driver."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from connectors.base import ConnectorOptions


class OracleOptions(ConnectorOptions):
    """Where an Oracle database is and how to talk to it."""

    host: str = Field(min_length=1)
    """Host name or address of the listener."""
    port: int = Field(default=1521, ge=1, le=65535)
    service_name: str | None = None
    sid: str | None = None
    """For databases that are not reached by a service's name."""
    user: str | None = None
    """Default: the user name that secretsRef gives; without either, that of login.json in walletPath."""
    role: str | None = None
    """SET ROLE after login; a role without a password that is granted to the user."""
    protocol: Literal["tcp", "tcps"] | None = None
    """tcps: TLS, with the listener's certificate checked. Default: tcps where walletPath is given, else tcp."""
    wallet_path: str | None = None
    """Folder on the workers with the wallet (ewallet.pem), and the login where the job names none (login.json)."""
    ssl_server_dn: str | None = Field(default=None, alias="sslServerDn")
    """Distinguished name that the listener's certificate must have; default: it must match the host's name."""
    connect_timeout: float = Field(default=20.0, gt=0, le=3600)
    """Seconds."""
    schema_default: str | None = Field(default=None, alias="defaultSchema")
    """Schema of tables that are named without one, and of the ledger; default: the user's own."""

    @model_validator(mode="after")
    def _names_a_database(self) -> OracleOptions:
        if not self.service_name and not self.sid:
            raise ValueError("give serviceName (or sid): without it Oracle's listener does not know the database")
        if self.service_name and self.sid:
            raise ValueError("give serviceName or sid, not both")
        return self

    @property
    def encrypted(self) -> bool:
        """TLS is spoken."""
        return self.protocol == "tcps" or (self.protocol is None and self.wallet_path is not None)

    def address(self) -> tuple[str, int]:
        """Host and port of the listener."""
        return self.host, self.port

    def counted_as(self) -> str:
        """A service of a listener."""
        return f"{self.host.lower()}:{self.port}/{self.service_name or self.sid}"

    def files(self) -> dict[str, str]:
        """The wallet."""
        return {"walletPath": self.wallet_path} if self.wallet_path else {}
