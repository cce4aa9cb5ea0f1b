"""The log of a process: one root handler, as text for people or as JSON lines for programs."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio import activity, workflow

from core.log_context import WorkContext
from core.settings import Settings

TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def configure_logging(settings: Settings, filters: Sequence[logging.Filter] = ()) -> None:
    """Called once by each process's composition root. `filters` see every line last, with its context; to change
    a traceback they set `exc_text`."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if _wants_json(settings) else TextLines(TEXT))
    for added in (WorkContext(), *filters):
        handler.addFilter(added)
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    activity.logger.activity_info_on_message = False  # the context says it
    workflow.logger.workflow_info_on_message = False


class TextLines(logging.Formatter):
    """A line, with what it is about at the end."""

    def format(self, record: logging.LogRecord) -> str:
        """The first line gets the fields; a traceback stays below."""
        work = _work(record)
        first, newline, rest = super().format(record).partition("\n")
        fields = " ".join(f"{name}={value}" for name, value in work.items())
        return f"{first} [{fields}]{newline}{rest}" if fields else f"{first}{newline}{rest}"


class JsonLines(logging.Formatter):
    """One JSON object: time (UTC), level, logger, message, what it is about, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """On one line, whatever the message holds."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_work(record),
        }
        if record.exc_info:
            line["exception"] = record.exc_text or self.formatException(record.exc_info)  # filters may have set it
        return json.dumps(line, ensure_ascii=False)


def _work(record: logging.LogRecord) -> Mapping[str, str]:
    work = getattr(record, "work", None)
    return work if isinstance(work, Mapping) else {}


def _wants_json(settings: Settings) -> bool:
    if settings.log_format == "auto":
        return not sys.stderr.isatty()
    return settings.log_format == "json"
