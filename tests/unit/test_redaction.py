"""Log lines hold no secret: in messages, arguments and tracebacks, as text and as JSON."""

from __future__ import annotations

import io
import json
import logging
import os

import pytest

from activities.resources.secrets import Secrets
from core.logs import TEXT, JsonLines, TextLines
from core.redaction import HIDDEN, RedactsSecrets, ResolvedSecrets

CANARY = 'canary "p@ss/wörd'


class Log:
    """A logger whose lines are kept, and the secrets that its process has resolved."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.resolved = ResolvedSecrets()
        self._stream = io.StringIO()
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(formatter)
        handler.addFilter(RedactsSecrets(self.resolved))
        self.logger = logging.Logger("sterna.test")  # noqa: LOG001 (one of its own for each test)
        self.logger.addHandler(handler)

    def lines(self) -> str:
        return self._stream.getvalue()


@pytest.fixture(params=[TextLines(TEXT), JsonLines()], ids=["text", "json"])
def log(request: pytest.FixtureRequest) -> Log:
    return Log(request.param)


def test_a_resolved_secret_is_in_no_message_argument_or_traceback(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", json.dumps({"username": "reader", "password": CANARY, "walletPassword": "opens-all"}))
    stores = {"env": lambda name: os.environ[name]}
    log.logger.warning("before: %s", CANARY)
    assert "canary" in log.lines(), "the test finds what is not redacted"
    before = len(log.lines())
    assert Secrets(stores, log.resolved).resolve("env:PLACE").password == CANARY
    log.logger.warning("told " + CANARY)  # noqa: G003 (what others may do)
    log.logger.warning("told %s and %r", CANARY, {"key": CANARY})
    log.logger.warning("opens-all")
    try:
        raise ValueError(f"cannot log in with {CANARY}")
    except ValueError:
        log.logger.exception("failed")
    written = log.lines()[before:]
    assert "canary" not in written
    assert "opens-all" not in written
    assert written.count(HIDDEN) >= 5
    assert "ValueError: cannot log in with" in written


@pytest.mark.parametrize(
    "line",
    [
        "postgresql://sterna:c4nary@db.example.com:5432/shop",
        "postgresql+asyncpg://sterna:c4n:a-ry@db.example.com/shop",
        "host=db password=c4nary dbname=shop",
        "password='c4nary with blanks' host=db",
        "{'user': 'x', 'password': 'c4nary'}",
        '{"client_token": "c4nary"}',
        "VAULT_TOKEN=c4nary",
        "Authorization: Bearer c4nary-c4nary",
    ],
)
def test_what_looks_like_a_secret_is_redacted(log: Log, line: str) -> None:
    log.logger.warning("%s and more", line)
    assert "c4n" not in log.lines()
    assert "and more" in log.lines()


@pytest.mark.parametrize(
    "line", ["loaded 5 rows", "http://127.0.0.1:8080/api/jobs", "the password is missing", "100% of 3", "a@b.example"]
)
def test_other_lines_stay_as_they_are(log: Log, line: str) -> None:
    log.logger.warning(line)
    assert line in log.lines()
