"""The Temporal SDK's metrics beside the process's own."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from urllib.parse import urlsplit

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

TIMEOUT_SECONDS = 2.0


class SdkMetrics(Collector):
    """Reads them on loopback from where the SDK's core serves them, when somebody looks."""

    def __init__(self, url: str) -> None:
        """`url` is that of `core.temporal_runtime.SdkRuntime`."""
        self._address = urlsplit(url)

    def describe(self) -> Iterable[Metric]:
        """Registering must not read them."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """None while the core does not answer."""
        connection = http.client.HTTPConnection(self._address.netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", self._address.path)
            text = connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()
        yield from text_string_to_metric_families(text)
