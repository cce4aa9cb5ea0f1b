"""A known vulnerability of a pinned dependency fails the check; being offline does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.local.postgres_server import free_port
from tests.dependency_audit import audit

PINS = "".join(f"{name}==1.0 \\\n    --hash=sha256:{'0' * 64}\n" for name in ("sound", "rotten"))
ADVISORY = {"id": "TEST-1", "affected": [{"package": {"name": "rotten", "ecosystem": "PyPI"}, "ranges": []}]}


class _Advisories(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = {"vulns": [ADVISORY]} if asked["package"]["name"] == "rotten" else {}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Advisories)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()


def test_a_known_vulnerability_fails_the_check(
    service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text(PINS, encoding="utf-8")
    assert audit(pins, tmp_path, service) == 1
    assert "rotten 1.0: TEST-1" in capsys.readouterr().out


def test_being_offline_fails_nothing_and_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text(PINS, encoding="utf-8")
    assert audit(pins, tmp_path, f"http://127.0.0.1:{free_port()}/") == 0
    assert "Dependencies are not audited" in capsys.readouterr().out
