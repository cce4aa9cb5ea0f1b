"""The HTTP calls that Vault documents for key-value secrets and AppRole, answered from memory on loopback.

No Vault server can be had from the package registries that tests may use, so this stands in for one: paths, status
codes and shapes of answers are those of Vault's API documentation (KV secrets engine 1 and 2, AppRole, token
revocation, /sys/internal/ui/mounts). It shows that Sterna speaks that API; policies, leases and seals are only what a
test asks for.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

ROLE_ID, SECRET_ID = "role-of-the-workers", "secret-of-the-workers"
FORBIDDEN = (403, {"errors": ["permission denied"]})
Answer = tuple[int, dict[str, Any]]


class VaultServer:
    """One server with mounts of both versions; `mounts[name]` is version and secrets by path."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.mounts: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {}
        self.engines: dict[str, str] = {}
        """Mounts of other engines."""
        self.root_token = "token-of-the-workers"
        self.namespace: str | None = None
        """What X-Vault-Namespace must be."""
        self.sealed = False
        self.calls: Counter[str] = Counter()
        self.borrowed: set[str] = set()
        """Tokens that AppRole gave and nobody revoked."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._scheme = "https" if tls else "http"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """VAULT_ADDR."""
        return f"{self._scheme}://127.0.0.1:{self._http.server_address[1]}"

    def put(self, mount: str, path: str, secret: dict[str, Any], version: int = 2) -> None:
        """Writes a secret, and makes its mount."""
        self.mounts.setdefault(mount, (str(version), {}))[1][path] = secret

    def __enter__(self) -> VaultServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, token: str, namespace: str | None, body: dict[str, Any]) -> Answer:
        """One call. `path` begins after /v1/."""
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if namespace != self.namespace:
            return FORBIDDEN
        if (method, path) == ("POST", "auth/approle/login"):
            return self._log_in(body)
        if token != self.root_token and token not in self.borrowed:
            return FORBIDDEN
        if (method, path) == ("POST", "auth/token/revoke-self"):
            self.borrowed.discard(token)
            return 204, {}
        if path.startswith("sys/internal/ui/mounts/"):
            return self._mount(path.removeprefix("sys/internal/ui/mounts/").split("/")[0])
        return self._secret(*path.split("/", 1))

    def _log_in(self, body: dict[str, Any]) -> Answer:
        if (body.get("role_id"), body.get("secret_id")) != (ROLE_ID, SECRET_ID):
            return 400, {"errors": ["invalid role or secret ID"]}
        token = f"borrowed-{self.calls['auth/approle/login']}"
        self.borrowed.add(token)
        return 200, {"auth": {"client_token": token, "lease_duration": 1200, "renewable": True}}

    def _mount(self, name: str) -> Answer:
        if name in self.engines:
            return 200, {"data": {"type": self.engines[name], "options": None, "path": f"{name}/"}}
        if name not in self.mounts:
            return FORBIDDEN
        version = self.mounts[name][0]
        options = {"version": "2"} if version == "2" else None
        return 200, {"data": {"type": "kv", "options": options, "path": f"{name}/"}}

    def _secret(self, mount: str, path: str) -> Answer:
        version, secrets = self.mounts.get(mount, ("1", {}))
        if version == "1":
            return (200, {"data": secrets[path]}) if path in secrets else (404, {"errors": []})
        kind, _, path = path.partition("/")
        if kind != "data" or path not in secrets:
            return 404, {"errors": []}
        return 200, {"data": {"data": secrets[path], "metadata": {"version": 1, "deletion_time": ""}}}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vault = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def _serve(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size) or b"{}")
                path = self.path.removeprefix("/v1/")
                vault.calls[path] += 1
                token, namespace = self.headers.get("X-Vault-Token", ""), self.headers.get("X-Vault-Namespace")
                status, answer = vault.answer(self.command, path, token, namespace, body)
                content = json.dumps(answer).encode() if answer else b""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        return Handler
