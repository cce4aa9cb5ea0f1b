"""Client commands about the audit trail."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from pydantic import ValidationError

from api.cli import DEFAULT_API, ApiOption, Exit, JsonOption, calling, fail, print_json
from api.client import ApiClient
from core.audit import AuditFilter, AuditRecord
from core.audit_chain import Events, Head, Verdict, verify
from core.errors import MigrationError

MOST_SHOWN = 60

commands = typer.Typer(no_args_is_help=True, help="Who did what, when, from where; and whether that was tampered with.")

ActorOption = Annotated[str | None, typer.Option("--actor", help="Only what this one did.")]
ActionOption = Annotated[str | None, typer.Option("--action", help="Only this, e.g. create, start, pause, 'limit'.")]
JobOption = Annotated[str | None, typer.Option("--job", help="Only what was done to this job; its whole id.")]
SinceOption = Annotated[datetime | None, typer.Option("--since", help="From this moment on, in this machine's time.")]
UntilOption = Annotated[datetime | None, typer.Option("--until", help="Before this moment, in this machine's time.")]


class Format(StrEnum):
    """Of an export."""

    JSONL = "jsonl"
    CSV = "csv"


def add_commands(app: typer.Typer) -> None:
    """Mounts the commands."""
    app.add_typer(commands, name="audit", rich_help_panel="Audit")


@commands.command("list")
def list_events(
    actor: ActorOption = None,
    action: ActionOption = None,
    job: JobOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: JsonOption = False,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Show the newest events. Example: sterna audit list --action cancel --since 2026-03-01"""
    with calling(api) as client:
        found = list(client.audit_events(_wanted(actor, action, job, since, until), limit))
    if as_json:
        print_json(found)
        return
    for event in found:
        typer.echo(event_line(event))


@commands.command("export")
def export_events(
    actor: ActorOption = None,
    action: ActionOption = None,
    job: JobOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    form: Annotated[Format, typer.Option("--format", help="Only jsonl can be verified.")] = Format.JSONL,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; default: standard output.")] = None,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Write events, oldest first, to a file. Example: sterna audit export -o audit.jsonl"""
    with calling(api) as client, _opened(output) as file:
        for piece in client.export_audit(_wanted(actor, action, job, since, until), form.value):
            file.write(piece)


@commands.command("verify")
def verify_trail(
    file: Annotated[Path | None, typer.Argument(help="A whole export (jsonl); default: ask the API.")] = None,
    expect_head: Annotated[
        str | None,
        typer.Option(metavar="N:HASH", help="A head printed before: proves that nothing up to it was cut off."),
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="Read the database that STERNA_CONFIG_STORE names, not the API.")
    ] = False,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Check that no event was changed, removed, inserted or moved.

    Example: sterna audit verify --expect-head 1234:9f86d0…

    Prints the head: number and hash of the newest event. Whoever can rewrite
    the whole database can also compute a new chain, and can cut its end off.
    Keep heads where they cannot reach, and give one to --expect-head.

    Exit status 1 where the trail is broken; the first broken event is named.
    """
    if file is not None and direct:
        fail(["give a FILE or --direct, not both"], Exit.WRONG_USE)
    try:
        expected = Head.parse(expect_head) if expect_head else None
    except ValueError as error:
        fail([f"--expect-head: {error}"], Exit.WRONG_USE)
    if direct:
        _report(asyncio.run(_verify_store(expected)))
    elif file is not None:
        _report(asyncio.run(verify(lambda: _parsed(_file_lines(file)), expected)))
    else:
        with calling(api) as client:
            _report(asyncio.run(verify(_served(client), expected)))


def event_line(event: dict[str, Any]) -> str:
    """One event for people."""
    of = f" job {event['jobId']}" if event["jobId"] else ""
    changed = " → ".join(_brief(event[side]) for side in ("before", "after") if event[side])
    address = f" from {event['address']}" if event["address"] else ""
    return f"{event['eventId']}  {event['happenedAt']}  {event['actor']}{address}: {event['action']}{of}  {changed}"


def _brief(values: dict[str, Any]) -> str:
    text = ", ".join(f"{name}={value}" for name, value in values.items())
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def _wanted(
    actor: str | None, action: str | None, job: str | None, since: datetime | None, until: datetime | None
) -> dict[str, str]:
    moments = {"since": since, "until": until}
    given = {"actor": actor, "action": action, "job": job}
    given |= {name: moment.astimezone().isoformat() for name, moment in moments.items() if moment is not None}
    return {name: value for name, value in given.items() if value is not None}


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        fail([f"{output} cannot be written: {error.strerror}"], Exit.WRONG_USE)


def _report(verdict: Verdict) -> None:
    broken = verdict.broken
    if broken is not None:
        lines = [f"event {broken.event_id} is {broken.damage}: {broken.reason}"]
        fail([*lines, f"The last event before it that is as it was written: {verdict.head}"], Exit.NOT_COMPLETED)
    typer.echo(f"{verdict.head.event_id} events, each as it was written")
    typer.echo(f"head {verdict.head}")


def _served(client: ApiClient) -> Events:
    return lambda: _parsed(_lines(client.export_audit({}, Format.JSONL.value)))


def _lines(pieces: Iterator[str]) -> Iterator[str]:
    """Ends lines at line feeds only: JSON strings may hold what else `splitlines` takes for an end."""
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        yield from whole
    if rest:
        yield rest


async def _verify_store(expected: Head | None) -> Verdict:
    """An import of its own, so that other commands do not wait for SQLAlchemy."""
    from core.config_store.sessions import open_engine
    from core.config_store.store import ConfigStore
    from core.settings import Settings

    store = ConfigStore(open_engine(Settings().config_store))
    try:
        return await verify(lambda: store.audit_events(AuditFilter()), expected)
    except MigrationError as error:
        fail([str(error)], Exit.UNREACHABLE)
    finally:
        await store.close()


async def _parsed(lines: Iterator[str]) -> AsyncIterator[AuditRecord]:
    for number, line in enumerate(lines, 1):
        try:
            yield AuditRecord.model_validate_json(line)
        except ValidationError:
            fail([f"line {number} is not an audit event: give a whole export in the format jsonl"], Exit.WRONG_USE)


def _file_lines(file: Path) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8", newline="\n") as lines:
            yield from lines
    except (OSError, UnicodeDecodeError) as error:
        fail([f"{file} cannot be read: {error}"], Exit.WRONG_USE)
