"""The health check of a container: one image serves the API and all stages, and one command asks what runs in it."""

from __future__ import annotations

import httpx

from core.settings import Settings

SECONDS = 4.0


def find_fault(settings: Settings) -> str | None:
    """None where the API or a worker of these settings answers on loopback that it can work; else what was heard."""
    heard = []
    for port in (settings.api_port, settings.metrics_port):
        if not port:
            continue
        scheme = "https" if port == settings.api_port and settings.api_tls_certificate else "http"
        url = f"{scheme}://127.0.0.1:{port}/readyz"
        try:
            # Its certificate is for the name that clients use, and nothing is sent.
            answer = httpx.get(url, timeout=SECONDS, trust_env=False, verify=False)  # noqa: S501
        except httpx.TransportError as error:
            heard.append(f"{url}: {error}")
            continue
        if answer.is_success:
            return None
        heard.append(f"{url}: {answer.text}")
    return "; ".join(heard)
