"""TLS towards a database: the options that connectors share, and what its failures mean."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from core.errors import InvalidConfiguration, MigrationError, Unavailable

Mode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
VERIFYING = ("verify-ca", "verify-full")
OTHER_NAME = frozenset([62, 64])
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (OpenSSL, x509_vfy.h)."""
NOT_TLS = frozenset(["WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"])


class TlsOptions(BaseModel):
    """How the connection is encrypted, and how the server proves who it is. Files lie on the workers."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", use_attribute_docstrings=True
    )

    mode: Mode | None = None
    """`verify-full`: the certificate must be trusted and be for the host; `verify-ca`: be trusted; `require`:
    encrypted, whoever answers; `prefer`: encrypted where the server can; `disable`: in the clear. Default:
    `verify-full`, but `prefer` where the host is this machine (localhost, 127.0.0.1, a socket) and no file is named."""
    ca_file: str | None = None
    """Certificates of the authorities to trust, PEM; default: the system's."""
    cert_file: str | None = None
    """Certificate to show to the server, PEM."""
    key_file: str | None = None
    """Its private key, PEM without a passphrase; default: it is in certFile."""

    @model_validator(mode="after")
    def _fits_together(self) -> TlsOptions:
        if self.key_file and not self.cert_file:
            raise ValueError("keyFile goes with certFile: name the certificate too")
        if self.ca_file and self.mode not in (None, *VERIFYING):
            raise ValueError(f"caFile has no effect with mode {self.mode}: use verify-full or verify-ca")
        if self.cert_file and self.mode in ("disable", "prefer"):
            raise ValueError(
                f"certFile may have no effect with mode {self.mode}: use verify-full, verify-ca or require"
            )
        return self

    def files(self) -> dict[str, str]:
        """The files that are named, by option."""
        named = {"tls.caFile": self.ca_file, "tls.certFile": self.cert_file, "tls.keyFile": self.key_file}
        return {option: file for option, file in named.items() if file}

    def mode_for(self, host: str) -> Mode:
        """The mode that holds towards a host."""
        if self.mode is not None:
            return self.mode
        return "prefer" if _is_this_machine(host) and not self.ca_file and not self.cert_file else "verify-full"

    def context(self, host: str) -> ssl.SSLContext:
        """For the modes that insist on TLS. Raises InvalidConfiguration where a file cannot be used."""
        mode = self.mode_for(host)
        with _naming("caFile", self.ca_file):
            context = ssl.create_default_context(cafile=self.ca_file)
        context.check_hostname = mode == "verify-full"
        context.verify_mode = ssl.CERT_REQUIRED if mode in VERIFYING else ssl.CERT_NONE
        if self.cert_file:
            if self.key_file and not Path(self.key_file).is_file():
                raise _unusable("keyFile", self.key_file, "it does not exist")
            with _naming("certFile (or keyFile)", self.cert_file):
                context.load_cert_chain(self.cert_file, self.key_file, password=_no_passphrase)
        return context


def failure(error: BaseException) -> MigrationError | None:
    """What a driver's error means where a TLS handshake failed for good; None for all others, outages included."""
    found = _ssl_error(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        return _distrusted(found)
    reason = found.reason if found is not None and found.reason else ""
    if reason in NOT_TLS:
        return refused()
    if "ALERT" in reason:
        return InvalidConfiguration(
            f"the server refuses the TLS handshake ({reason})",
            remedy='Give it a certificate that it trusts: "tls": {"certFile": …, "keyFile": …}',
        )
    return None


def refused() -> InvalidConfiguration:
    """The server does not speak TLS, and the job insists on it."""
    return InvalidConfiguration(
        "the server does not speak TLS",
        remedy='Turn TLS on there; or, where everything on the way to it is trusted, set "tls": {"mode": "disable"} in '
        "the job's connection",
    )


def _distrusted(error: ssl.SSLCertVerificationError) -> InvalidConfiguration:
    if error.verify_code in OTHER_NAME:
        return InvalidConfiguration(
            "the server's certificate is not for the host that the job names",
            remedy='Name the host as the certificate does; or, to accept any host of the authority, set "tls": '
            '{"mode": "verify-ca"}',
        )
    return InvalidConfiguration(
        f"the server's certificate is not trusted: {error.verify_message}",
        remedy='Name the file with the certificate of the authority that signed it, on every worker: "tls": '
        '{"caFile": …}',
    )


def _ssl_error(error: BaseException | None) -> ssl.SSLError | None:
    """Drivers wrap it: as the cause, or (PyMySQL) as an attribute."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = getattr(error, "original_exception", None) or error.__cause__
    return None


def _is_this_machine(host: str) -> bool:
    if host.lower() == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _no_passphrase() -> str:
    """Else OpenSSL asks for it at the terminal."""
    raise ValueError("it has a passphrase")


@contextmanager
def doubting_certificate(options: TlsOptions) -> Iterator[None]:
    """By TLS 1.3 a server refuses a client's certificate after the handshake: the driver sees a lost connection."""
    try:
        yield
    except Unavailable as error:
        if options.cert_file and not error.remedy:
            error.remedy = "Where this lasts: does the server trust the certificate of tls.certFile?"
        raise


@contextmanager
def _naming(option: str, file: str | None) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = (error.reason if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None)) or str(error)
        raise _unusable(option, file, reason) from error


def _unusable(option: str, file: str | None, reason: str) -> InvalidConfiguration:
    return InvalidConfiguration(
        f"the file {file} of tls.{option} cannot be used: {reason}", remedy="It must be PEM, readable on every worker"
    )
