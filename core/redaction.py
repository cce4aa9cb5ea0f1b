"""Takes secrets out of log lines: those that this process has resolved, and what looks like one."""

from __future__ import annotations

import json
import logging
import re
import threading
from urllib.parse import quote

HIDDEN = "[redacted]"
SHORTEST = 4
"""Shorter secrets are words of any line."""
MOST = 1000
FORMATTER = logging.Formatter()
URL_PASSWORD = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/]+(?P<after>@)", re.IGNORECASE)
ASSIGNED = re.compile(
    r"(?P<before>\b\w*(?:password|passwd|passphrase|pwd|secret_id|client_token|token|api_key)[\"']?\s*[=:]\s*)"
    r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&)}\"']+)",
    re.IGNORECASE,
)
BEARER = re.compile(r"(?P<before>\b(?:bearer|x-vault-token:?)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)


class ResolvedSecrets:
    """The texts that must appear in no line; the newest thousand. Threads may share it."""

    def __init__(self) -> None:
        self._spellings: dict[str, None] = {}
        self._lock = threading.Lock()

    def add(self, secret: str | None) -> None:
        """Also as URLs, JSON and Python spell it."""
        if secret is None or len(secret) < SHORTEST:
            return
        with self._lock:
            for spelling in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
                self._spellings.pop(spelling, None)
                self._spellings[spelling] = None
            while len(self._spellings) > MOST:
                del self._spellings[next(iter(self._spellings))]

    def redact(self, text: str) -> str:
        """The text without secrets."""
        with self._lock:
            spellings = sorted(self._spellings, key=len, reverse=True)
        for spelling in spellings:
            text = text.replace(spelling, HIDDEN)
        text = URL_PASSWORD.sub(rf"\g<before>{HIDDEN}\g<after>", text)
        text = ASSIGNED.sub(rf"\g<before>{HIDDEN}", text)
        return BEARER.sub(rf"\g<before>{HIDDEN}", text)


class RedactsSecrets(logging.Filter):
    """Redacts message, arguments and traceback of each record, whatever formats it. Lets all pass."""

    def __init__(self, resolved: ResolvedSecrets | None = None) -> None:
        super().__init__()
        self._resolved = resolved or ResolvedSecrets()

    def filter(self, record: logging.LogRecord) -> bool:
        """Arguments become part of the message."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = f"{record.msg} {record.args}"
        record.msg, record.args = self._resolved.redact(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = FORMATTER.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._resolved.redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self._resolved.redact(record.stack_info)
        return True
