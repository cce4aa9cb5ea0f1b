"""Options of the SQLALCHEMY connector, importable without any database's driver."""

from __future__ import annotations

from pydantic import Field, field_validator
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from connectors.base import ConnectorOptions

SECRET_WORDS = ("password", "passwd", "pwd", "secret", "token", "private_key", "key_password")


class SqlalchemyOptions(ConnectorOptions):
    """Where a database is that SQLAlchemy has a dialect for."""

    url: str = Field(min_length=1)
    """SQLAlchemy's URL without a password, e.g. `firebird+firebird://db.example.com/orders`. The password comes from
    secretsRef; dialect and driver must be installed on the workers."""
    user: str | None = None
    """Default: the user name in the URL, else the one that secretsRef gives."""
    schema_default: str = Field(default="", alias="defaultSchema")
    """Schema of tables that are named without one. Default: the login's own."""

    @field_validator("url")
    @classmethod
    def _has_no_secret(cls, text: str) -> str:
        try:
            url = make_url(text)
        except ArgumentError:
            raise ValueError("url is no SQLAlchemy URL: dialect+driver://user@host:port/database") from None
        except ValueError:
            raise ValueError("the port in url is no number") from None
        if url.password is not None or any(word in name.lower() for name in url.query for word in SECRET_WORDS):
            raise ValueError("url must not hold a password: name a secret with secretsRef")
        return text

    @property
    def parsed(self) -> URL:
        """The URL."""
        return make_url(self.url)

    def address(self) -> tuple[str, int] | None:
        """Host and port, where the URL names both."""
        url = self.parsed
        return (url.host, url.port) if url.host and url.port else None
