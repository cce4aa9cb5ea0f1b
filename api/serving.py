"""How the API is served: address, TLS, and which proxies are believed."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import uvicorn

from core.errors import InvalidConfiguration

if TYPE_CHECKING:
    from fastapi import FastAPI

    from core.settings import Settings

CLOSING_SECONDS = 6  # longer than a query to a workflow that no worker answers


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """What the server is told. Raises InvalidConfiguration where certificate and key cannot be used.

    X-Forwarded-For and X-Forwarded-Proto are believed from trusted proxies only: anybody may send them.
    """
    _check_certificate(settings)
    return uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        log_level=settings.log_level.lower(),
        timeout_graceful_shutdown=CLOSING_SECONDS,
        ssl_certfile=settings.api_tls_certificate,
        ssl_keyfile=settings.api_tls_key,
        proxy_headers=bool(settings.api_trusted_proxies),
        forwarded_allow_ips=list(settings.api_trusted_proxies),
    )


def _check_certificate(settings: Settings) -> None:
    certificate, key = settings.api_tls_certificate, settings.api_tls_key
    if certificate is None:
        if key is not None:
            raise InvalidConfiguration(
                "STERNA_API_TLS_KEY is set and STERNA_API_TLS_CERTIFICATE is not", remedy="Set both, or neither"
            )
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        reason = (error.reason if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None)) or error
        raise InvalidConfiguration(
            f"the API cannot serve TLS by {certificate} and {key or 'the key in it'}: {reason}",
            remedy="STERNA_API_TLS_CERTIFICATE and STERNA_API_TLS_KEY must be a PEM pair, without passphrase",
        ) from error


def _no_passphrase() -> str:
    """Else OpenSSL asks for it at the terminal."""
    raise ValueError("the key has a passphrase")
