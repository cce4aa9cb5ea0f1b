"""An OTLP/HTTP receiver on loopback: decodes what exporters send (opentelemetry-proto) and keeps it."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class ReceivedSpan:
    """A span in plain Python."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]
    failed: bool


class OtlpReceiver:
    """What has arrived so far."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        self.raw = b""
        """All bodies, uncompressed, to search in."""
        self.metrics: dict[str, set[str]] = {}
        """Names of metrics by service."""
        self.url = ""

    def take(self, path: str, body: bytes) -> None:
        """One request."""
        self.raw += body
        if path == "/v1/traces":
            self.spans += _spans(ExportTraceServiceRequest.FromString(body))
        elif path == "/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                names = self.metrics.setdefault(_attributes(resource.resource.attributes)["service.name"], set())
                names.update(metric.name for scope in resource.scope_metrics for metric in scope.metrics)

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        """Its spans."""
        return [span for span in self.spans if span.trace_id == trace_id]

    def wait(self, done: Callable[[], bool], seconds: float = 30) -> None:
        """Until what is wanted has arrived."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                pytest.fail(f"not exported within {seconds} s: {sorted({span.name for span in self.spans})}")
            time.sleep(0.1)


@contextmanager
def receiving() -> Iterator[OtlpReceiver]:
    """A receiver that listens during the block."""
    receiver = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.take(self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to tell."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def _spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for resource in request.resource_spans:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    service,
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _attributes(span.attributes),
                    span.status.code == 2,
                )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = str(getattr(pair.value, kind)) if kind else ""
    return found
