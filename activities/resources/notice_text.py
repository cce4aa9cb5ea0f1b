"""A notice in words, by its channel's templates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from string import Template
from typing import Protocol

from core.notices import Notice

MOST_REASONS = 5
LONGEST_REASON = 500
LONGEST_SUBJECT = 200


class Templates(Protocol):
    """What a channel says about its words."""

    subject: str
    text: str


@dataclass(frozen=True)
class Words:
    """A notice as one channel shows it."""

    subject: str
    text: str


def as_it_is(value: str) -> str:
    """For plain text."""
    return value


def for_slack(value: str) -> str:
    """Slack reads these three as the beginning of mentions and links."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def write_words(
    notice: Notice, templates: Templates, public_url: str | None, *, escape: Callable[[str], str] = as_it_is
) -> Words:
    """Only what the notice says is escaped: the templates are the operator's own."""
    values = {name: escape(value) for name, value in _values(notice, public_url).items()}
    subject = " ".join(Template(templates.subject).substitute(values).split())
    lines = Template(templates.text).substitute(values).splitlines()
    return Words(subject[:LONGEST_SUBJECT], "\n".join(line.rstrip() for line in lines).strip())


def link(notice: Notice, public_url: str | None) -> str:
    """Where the job is, '' where nobody said under which address people reach the API."""
    return f"{public_url.rstrip('/')}/api/jobs/{notice.job_id}" if public_url else ""


def told_reasons(notice: Notice) -> list[str]:
    """The first few, each cut to what a message can hold, and how many there are beyond."""
    told = [_one_line(reason, LONGEST_REASON) for reason in notice.reasons[:MOST_REASONS]]
    more = len(notice.reasons) - len(told)
    return [*told, f"and {more} more"] if more else told


def _values(notice: Notice, public_url: str | None) -> dict[str, str]:
    return {
        "job": _one_line(notice.job_name, LONGEST_SUBJECT),
        "job_id": notice.job_id,
        "run": str(notice.run),
        "event": notice.event.value,
        "status": notice.status.value,
        "headline": notice.headline,
        "reasons": "\n".join(f"- {reason}" for reason in told_reasons(notice)),
        "tables": str(notice.tables),
        "tables_completed": str(notice.tables_completed),
        "rows": f"{notice.rows:,}",
        "rejected": f"{notice.rejected:,}",
        "time": f"{notice.happened_at:%Y-%m-%d %H:%M:%S %Z}".rstrip(),
        "link": link(notice, public_url),
    }


def _one_line(text: str, most: int) -> str:
    """A name or reason with line breaks in it could pretend to be another line, or another header."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
