"""A real mail server and a real HTTP server on loopback, which keep what they are sent."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from deploy.local.postgres_server import free_port

USER, PASSWORD = "sterna", "mail-password-7"


@dataclass
class MailServer:
    """Takes mail for everybody but `nobody@…`, of those who log in over TLS."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    refuse: int = 0
    """So many mails are put off first."""

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuse:
            self.refuse -= 1
            return "451 come again"
        assert session.ssl or server.transport.get_extra_info("ssl_object")
        assert session.authenticated
        mail = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def about(self, job_id: str) -> list[EmailMessage]:
        """Mails that name the job."""
        return [mail for mail in self.mails if mail["X-Sterna-Job"] == job_id]


def _login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
    assert isinstance(given, LoginPassword)
    return AuthResult(success=(given.login, given.password) == (USER.encode(), PASSWORD.encode()), handled=False)


@contextmanager
def mail_server(context: ssl.SSLContext, *, implicit: bool = False) -> Iterator[MailServer]:
    """With STARTTLS, or TLS from the first byte."""
    keeper = MailServer(free_port())
    tls: dict[str, Any] = {"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": True}
    controller = Controller(
        keeper,
        hostname="127.0.0.1",
        port=keeper.port,
        authenticator=_login,
        auth_required=True,
        auth_require_tls=not implicit,
        **tls,
    )
    controller.start()
    try:
        yield keeper
    finally:
        controller.stop()


@dataclass
class Post:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpServer:
    """Answers 200, or what the test put into `answers` first."""

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def at(self, path: str, part: str = "") -> list[Post]:
        """Requests to a path whose body holds the part."""
        return [post for post in list(self.posts) if post.path == path and part.encode() in post.body]


@contextmanager
def http_server() -> Iterator[HttpServer]:
    """Listens on a free port of loopback."""
    keeper = HttpServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            keeper.posts.append(Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(keeper.answers.pop(0) if keeper.answers else 200)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    keeper.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield keeper
    finally:
        server.shutdown()
        server.server_close()
