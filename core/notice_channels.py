"""The channels that the operator of the service configured: a TOML file, one table for each channel, no secrets."""

from __future__ import annotations

import re
import tomllib
from ipaddress import ip_address
from pathlib import Path
from string import Template
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from core.base_model import Request
from core.errors import InvalidConfiguration
from core.job_spec import SECRET_REFERENCE
from core.notify_spec import CHANNEL_NAME

SETTING = "STERNA_NOTICE_CHANNELS"
PLACES = frozenset(
    (
        "job",
        "job_id",
        "run",
        "event",
        "status",
        "headline",
        "reasons",
        "tables",
        "tables_completed",
        "rows",
        "rejected",
        "time",
        "link",
    )
)
"""What a template may name."""
SUBJECT = "[Sterna] $job: $headline"
TEXT = """\
$headline

Job       $job ($job_id), run $run
Status    $status
Tables    $tables_completed of $tables completed
Rows      $rows moved, $rejected rejected
Time      $time
$reasons
$link"""


class _Channel(Request):
    subject: str = SUBJECT
    """Template of the first line; $job, $headline … stand for the notice's own words."""
    text: str = TEXT
    """Template of the rest."""

    @field_validator("subject", "text")
    @classmethod
    def _names_what_there_is(cls, value: str) -> str:
        template = Template(value)
        if not template.is_valid():
            raise ValueError("has a $ that names nothing: write $$ for the sign itself")
        unknown = sorted(set(template.get_identifiers()) - PLACES)
        if unknown:
            raise ValueError(f"names ${unknown[0]}; there are {', '.join(f'${name}' for name in sorted(PLACES))}")
        return value


class EmailChannel(_Channel):
    """Mail by SMTP."""

    type: Literal["email"]
    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    """Default: 587 with STARTTLS, 465 with TLS from the first byte, 25 without."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` sends in the clear, and never a password except to this machine."""
    ca_file: Path | None = None
    """Certificates to check the server's against; default: those of the system."""
    sender: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")
    to: list[Annotated[str, Field(pattern=r"^[^@\s<>,]+@[^@\s<>,]+$")]] = Field(min_length=1, max_length=50)
    login: str | None = Field(default=None, pattern=SECRET_REFERENCE.pattern)
    """Secret reference with `username` and `password`; default: no login."""

    @property
    def port_or_default(self) -> int:
        """Where the server listens."""
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]

    @model_validator(mode="after")
    def _keeps_the_password_secret(self) -> EmailChannel:
        if self.login and self.security == "none" and not is_loopback(self.host):
            raise ValueError("would send a password in the clear: use security starttls or tls")
        return self


class SlackChannel(_Channel):
    """A Slack channel, by an incoming webhook, whose address is the secret."""

    type: Literal["slack"]
    webhook: str = Field(pattern=SECRET_REFERENCE.pattern)
    """Secret reference whose text is the webhook's URL."""

    @field_validator("webhook")
    @classmethod
    def _is_a_reference(cls, value: str) -> str:
        if re.match(r"https?:", value):
            raise ValueError(
                "is the URL itself, which lets anybody post: write where it lies, e.g. file:/run/secrets/x"
            )
        return value


class WebhookChannel(_Channel):
    """Any program that takes JSON by HTTP, signed as the Standard Webhooks specification says."""

    type: Literal["webhook"]
    url: str
    signing_secret: str = Field(pattern=SECRET_REFERENCE.pattern)
    """Secret reference; the text is the key, or `whsec_` and the key in base64."""
    ca_file: Path | None = None
    """Certificates to check the server's against; default: those of the system."""

    @field_validator("url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        check_url(value)
        return value


Channel = Annotated[EmailChannel | SlackChannel | WebhookChannel, Field(discriminator="type")]
CHANNELS: TypeAdapter[dict[str, Channel]] = TypeAdapter(dict[Annotated[str, Field(pattern=CHANNEL_NAME)], Channel])


class NoticeChannels:
    """Reads the file at each use, so that a change holds without a restart."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def read(self) -> dict[str, Channel]:
        """By name; none where no file is configured. Raises InvalidConfiguration that lists every mistake."""
        if self._file is None:
            return {}
        try:
            return CHANNELS.validate_python(tomllib.loads(self._file.read_text(encoding="utf-8")))
        except OSError as error:
            raise InvalidConfiguration(
                f"the channels of notices cannot be read: {self._file}: {error.strerror}",
                remedy=f"Correct {SETTING}, or give the process the right to read the file",
            ) from error
        except ValidationError as error:
            raise InvalidConfiguration(
                f"the channels of notices are wrong: {self._file}: {_mistakes(error)}", remedy="Correct the file"
            ) from None
        except ValueError as error:
            raise InvalidConfiguration(
                f"the channels of notices are no TOML: {self._file}: {error}", remedy="Correct the file"
            ) from error

    def find(self, name: str) -> Channel:
        """Raises InvalidConfiguration for a name that the file does not have."""
        channels = self.read()
        if name not in channels:
            raise InvalidConfiguration(f"there is no channel {name}", remedy=self.known(channels))
        return channels[name]

    def known(self, channels: dict[str, Channel]) -> str:
        """What to do about a name that is not among them."""
        if channels:
            return f"Channels are {', '.join(sorted(channels))}"
        if self._file is None:
            return f"No channel is configured: let {SETTING} name a file with channels (docs/notices.md)"
        return f"{self._file} has no channel yet (docs/notices.md)"


def check_url(url: str) -> None:
    """Raises ValueError for an address that notices are not sent to. Never repeats it."""
    parts = urlsplit(url)
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("must begin with https://")


def is_loopback(host: str) -> bool:
    """The host is this machine, by an address or the name localhost."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _mistakes(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(_place(entry['loc']))} {_words(entry['msg'])}" for entry in found)


def _place(location: tuple[Any, ...]) -> list[str]:
    """Without the name of the variant that pydantic puts after the channel's."""
    return [str(part) for number, part in enumerate(location) if number != 1]


def _words(message: str) -> str:
    return message.removeprefix("Value error, ")
