"""The HTTP calls that Vault documents for key-value secrets, lent credentials and logins, answered from memory on
loopback.

No Vault server can be had from the package registries that tests may use, so this stands in for one: paths, status
codes and shapes of answers are those of Vault's API documentation (KV secrets engine 1 and 2, database secrets engine,
/sys/leases, AppRole, Kubernetes, tokens, /sys/internal/ui/mounts). It shows that Sterna speaks that API; policies and
seals are only what a test asks for. Leases are real: who does not renew in time finds the credentials gone.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

ROLE_ID, SECRET_ID = "role-of-the-workers", "secret-of-the-workers"
FORBIDDEN = (403, {"errors": ["permission denied"]})
Answer = tuple[int, dict[str, Any]]


@dataclass
class Lease:
    """Credentials that are lent."""

    credentials: dict[str, Any]
    token: str
    last: float
    """When it ends for good, on the monotonic clock."""
    timer: threading.Timer = field(default_factory=lambda: threading.Timer(0, print))


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
        self.lend: Callable[[str], dict[str, Any]] = lambda role: {}
        """Makes the credentials of a role of a database engine."""
        self.take_back: Callable[[dict[str, Any]], None] = lambda credentials: None
        self.lease_seconds = 60.0
        self.most_seconds = 3600.0
        """How long a lease may live with all its renewals."""
        self.leases: dict[str, Lease] = {}
        """Those that have not ended."""
        self.ended: list[str] = []
        """How leases ended, `revoked` or `expired`."""
        self.service_account = "token-of-the-pod"
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
            self.calls["sealed"] += 1
            return 503, {"errors": ["Vault is sealed"]}
        if namespace != self.namespace:
            return FORBIDDEN
        if (method, path) == ("POST", "auth/approle/login"):
            return self._log_in(path, (body.get("role_id"), body.get("secret_id")) == (ROLE_ID, SECRET_ID))
        if (method, path) == ("POST", "auth/kubernetes/login"):
            return self._log_in(path, (body.get("role"), body.get("jwt")) == (ROLE_ID, self.service_account))
        if token != self.root_token and token not in self.borrowed:
            return FORBIDDEN
        own: dict[str, Callable[[], Answer]] = {
            "auth/token/revoke-self": lambda: self._revoke(token),
            "auth/token/renew-self": lambda: (200, {"auth": {"client_token": token, "lease_duration": 1200}}),
            "sys/leases/renew": lambda: self._renew(body["lease_id"]),
            "sys/leases/revoke": lambda: self._end(body["lease_id"], "revoked"),
        }
        if path in own:
            return own[path]()
        if path.startswith("sys/internal/ui/mounts/"):
            return self._mount(path.removeprefix("sys/internal/ui/mounts/").split("/")[0])
        mount, place = path.split("/", 1)
        if self.engines.get(mount) == "database" and place.startswith("creds/"):
            return self._lend(path, place.removeprefix("creds/"), token)
        return self._secret(mount, place)

    def _revoke(self, token: str) -> Answer:
        self.borrowed.discard(token)
        for lease_id in [lease_id for lease_id, lease in self.leases.items() if lease.token == token]:
            self._end(lease_id, "revoked")
        return 204, {}

    def _lend(self, path: str, role: str, token: str) -> Answer:
        credentials = self.lend(role)
        if not credentials:
            return 404, {"errors": []}
        lease_id = f"{path}/{self.calls[path]}"
        self.leases[lease_id] = Lease(credentials, token, time.monotonic() + self.most_seconds)
        return 200, {"lease_id": lease_id, "data": credentials, **self._granted(lease_id)}

    def _renew(self, lease_id: str) -> Answer:
        if lease_id not in self.leases:
            return 400, {"errors": ["lease not found"]}
        self.leases[lease_id].timer.cancel()
        return 200, {"lease_id": lease_id, **self._granted(lease_id)}

    def _granted(self, lease_id: str) -> dict[str, Any]:
        lease = self.leases[lease_id]
        seconds = max(min(self.lease_seconds, lease.last - time.monotonic()), 0.0)
        lease.timer = threading.Timer(seconds, self._end, [lease_id, "expired"])
        lease.timer.daemon = True
        lease.timer.start()
        return {"lease_duration": seconds, "renewable": True}

    def _end(self, lease_id: str, how: str) -> Answer:
        lease = self.leases.pop(lease_id, None)
        if lease is not None:
            lease.timer.cancel()
            self.ended.append(how)
            self.take_back(lease.credentials)
        return 204, {}

    def _log_in(self, path: str, good: bool) -> Answer:
        if not good:
            return 400, {"errors": ["invalid role or secret ID"]}
        token = f"borrowed-{self.calls[path]}"
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

            def do_PUT(self) -> None:
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
