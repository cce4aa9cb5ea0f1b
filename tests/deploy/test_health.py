from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from core.settings import Settings
from deploy.health import find_fault
from tests.certificates import Authority


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_an_api_that_serves_tls_is_asked_by_tls(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Ready)
    server.socket = Authority(tmp_path).server_context("192.0.2.1").wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    port = server.server_address[1]
    try:
        assert find_fault(Settings(api_port=port, api_tls_certificate="given")) is None
        assert find_fault(Settings(api_port=port)) is not None
    finally:
        server.shutdown()
        server.server_close()
