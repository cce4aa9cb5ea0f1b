"""Options of the SQLALCHEMY connector, importable without any database's driver."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from pydantic import Field, field_validator

from connectors.base import ConnectorOptions

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

SCHEME = re.compile(r"[a-z][a-z0-9_]*(\+[a-z0-9_]+)?", re.IGNORECASE)
SECRET = re.compile(
    r"(password|passwd|passphrase|passcode|pwd|secret|token|private_?key|api_?key|credential)\w*\s*=", re.IGNORECASE
)
"""In the query, or within one of its values, as ODBC's connection strings are."""

_KNOWN = (
    "application_name autocommit charset client_encoding connect_timeout driver encoding encrypt language lc_ctype "
    "login_timeout role schema service_name ssl ssl_check_hostname ssl_mode ssl_verify_cert ssl_verify_identity "
    "sslmode timeout timezone trustservercertificate tz warehouse"
)
PARAMETERS = frozenset(_KNOWN.split())
"""Of the URL's query. Drivers read others that name hosts, sockets, files with options or passwords, plugins, libraries
and statements to begin with; what they will read tomorrow is not known, so everything else is refused."""
FILES = frozenset(("sslrootcert", "sslcert", "sslkey", "ssl_ca", "ssl_cert", "ssl_key"))
"""Further ones, whose values are files: they are judged as such."""


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
        scheme, mark, rest = text.partition("://")
        if not mark or SCHEME.fullmatch(scheme) is None:
            raise ValueError("url is no SQLAlchemy URL: dialect+driver://user@host:port/database")
        parts = urlsplit(f"//{rest}")
        try:
            _ = parts.port
        except ValueError:
            raise ValueError("the port in url is no number") from None
        if parts.password is not None or SECRET.search(unquote_plus(unquote_plus(rest))):
            raise ValueError("url must not hold a password: name a secret with secretsRef")
        _check_parameters(text)
        return text

    @property
    def parsed(self) -> URL:
        """The URL, by SQLAlchemy."""
        from sqlalchemy.engine import make_url

        return make_url(self.url)

    def address(self) -> tuple[str, int] | None:
        """Host and port, where the URL names both."""
        parts = urlsplit(f"//{self.url.partition('://')[2]}")
        return (parts.hostname, parts.port) if parts.hostname and parts.port else None

    def hosts(self) -> dict[str, str]:
        """By SQLAlchemy's own reading of the URL."""
        host = self.parsed.host
        return {"url": host} if host else {}

    def files(self) -> dict[str, str]:
        """A database without a host is a file on the worker; then those of TLS."""
        url = self.parsed
        found = {f"url?{name}": value for name, value in _parameters(url) if name.lower() in FILES}
        if not url.host and url.database and url.database != ":memory:":
            found["url"] = url.database.removeprefix("file:")
        return found


def _check_parameters(text: str) -> None:
    """As SQLAlchemy reads them, for whom `#` ends nothing. Raises ValueError."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("url is no SQLAlchemy URL: dialect+driver://user@host:port/database") from None
    if url.password is not None:
        raise ValueError("url must not hold a password: name a secret with secretsRef")
    names = {name for name, _ in _parameters(url)}
    unknown = sorted(name for name in names if name.lower() not in PARAMETERS | FILES)
    if unknown:
        raise ValueError(
            f"url has parameters that may lead drivers to other hosts, files or plugins: {', '.join(unknown)}. "
            f"Leave them out; known ones are {', '.join(sorted(PARAMETERS | FILES))}"
        )
    for name, value in _parameters(url):
        if name.lower() not in FILES and ("/" in value or "\\" in value):
            raise ValueError(f"the parameter {name} of url holds a path. Leave it out")


def _parameters(url: URL) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, values in url.query.items()
        for value in ((values,) if isinstance(values, str) else values)
    ]
