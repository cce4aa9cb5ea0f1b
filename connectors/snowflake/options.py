"""Options of the SNOWFLAKE connector, importable without the driver."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from connectors.base import ConnectorOptions


class SnowflakeOptions(ConnectorOptions):
    """Which Snowflake account, database and schema, and who logs in."""

    account: str = Field(min_length=1)
    """Account identifier, e.g. `myorg-myaccount`."""
    host: str | None = None
    """Only for private endpoints and local servers. Default: `<account>.snowflakecomputing.com`."""
    port: int = Field(default=443, ge=1, le=65535)
    protocol: Literal["https", "http"] = "https"
    """`http` is refused for any host but this machine's: passwords would travel in the clear."""
    database: str = Field(min_length=1)
    """As the catalog spells it: `SALES`, unless it was created in quotes."""
    schema_default: str = Field(default="PUBLIC", alias="defaultSchema", min_length=1)
    """Schema of tables that are named without one; the ledger lies there."""
    warehouse: str | None = None
    """Default: the user's own."""
    role: str | None = None
    """Default: the user's own."""
    user: str | None = None
    """Default: the user name that secretsRef gives."""
    key_pair_path: str | None = None
    """File with the user's private key (PEM, PKCS#8), on the workers: key-pair authentication. The password that
    secretsRef gives is then the key's passphrase."""
    login_timeout: int = Field(default=30, ge=1, le=3600)
    """Seconds to try to log in."""
    network_timeout: int = Field(default=120, ge=1, le=3600)
    """Seconds to repeat a request that gets no answer, or a server's error."""

    @model_validator(mode="after")
    def _keeps_secrets(self) -> SnowflakeOptions:
        if self.protocol == "http" and self.host not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("protocol http is for servers on this machine only: use https")
        return self

    @property
    def server(self) -> str:
        """Host name that is connected to."""
        return self.host or f"{self.account}.snowflakecomputing.com"

    def address(self) -> tuple[str, int]:
        """Host and port of the account."""
        return self.server, self.port

    def hosts(self) -> dict[str, str]:
        """The account's, or the one that is given."""
        return {"host" if self.host else "account": self.server}

    def files(self) -> dict[str, str]:
        """The private key."""
        return {"keyPairPath": self.key_pair_path} if self.key_pair_path else {}
