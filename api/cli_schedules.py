"""Client commands about schedules."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from api.cli import DEFAULT_API, ApiOption, Exit, JobArgument, JsonOption, calling, fail, print_json
from api.client import ApiClient

SHOWN_STARTS = 5


class Overlap(StrEnum):
    """What happens at a time at which the job still runs."""

    SKIP = "skip"
    WAIT = "wait"


def add_commands(app: typer.Typer) -> None:
    """Mounts the commands."""
    for command in (schedule, schedules):
        app.command(rich_help_panel="Jobs")(command)


def schedule(
    job: JobArgument,
    cron: Annotated[
        str | None, typer.Option(help="Minute, hour, day, month, weekday: '0 3 * * *'; or @hourly, @daily …")
    ] = None,
    every: Annotated[str | None, typer.Option(help="Time between starts: '15 minutes', '2 hours'.")] = None,
    timezone: Annotated[str | None, typer.Option(help="What --cron means by an hour; default UTC.")] = None,
    overlap: Annotated[
        Overlap | None, typer.Option(help="When the job still runs: skip the time (default), or wait for its end.")
    ] = None,
    catch_up: Annotated[
        str | None, typer.Option(help="Make up for times missed in an outage, this far back; default '1 hour'.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="For people, e.g. why it is paused.")] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Start nothing until --resume; also of a new one.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on; times passed meanwhile are left out.")] = False,
    now: Annotated[bool, typer.Option("--now", help="One run more, now.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Take the schedule away; an active run goes on.")] = False,
    as_json: JsonOption = False,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Run a job again by itself, or show and change its schedule.

    Example: sterna schedule 3f2a --cron '0 3 * * *' --timezone Europe/Berlin

    Each time begins the job's next run, as `sterna start` does. With
    --cron or --every the schedule is set, in place of the one that the job
    has. Without any option it is shown: its next times, and what became of
    the last ones.

    Tables with 'incremental' are read from where the last proved run ended.
    """
    request: dict[str, Any] = {
        "cron": cron, "every": every, "timezone": timezone, "overlap": overlap, "catchUp": catch_up, "note": note,
    }  # fmt: skip
    given = {name: value for name, value in request.items() if value is not None}
    actions = [name for name, wanted in {"resume": resume, "trigger": now, "delete": delete}.items() if wanted]
    actions += ["pause"] if pause and not (cron or every) else []
    if len(actions) > 1 or (actions and set(given) - {"note"}):
        fail(["--pause, --resume, --now and --delete go alone, or with --note"], Exit.WRONG_USE)
    if not actions and given and not (cron or every):
        fail(["give --cron or --every too: they replace the whole schedule"], Exit.WRONG_USE)
    with calling(api) as client:
        job_id = client.find_job(job)["jobId"]
        if delete:
            client.delete_schedule(job_id)
            typer.echo(f"{job_id}: the schedule is deleted")
            return
        found = _tell(client, job_id, {**given, "paused": pause} if cron or every else None, actions, note)
    if as_json:
        print_json(found)
        return
    for line in schedule_lines(found):
        typer.echo(line)


def schedules(as_json: JsonOption = False, api: ApiOption = DEFAULT_API) -> None:
    """List all schedules. Example: sterna schedules"""
    with calling(api) as client:
        listed = client.schedules()
    if as_json:
        print_json(listed)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "name", "schedule", "next time", "last time", "note"):
        table.add_column(heading)
    for found in listed:
        last = _start(found["starts"][0]) if found["starts"] else ""
        table.add_row(found["jobId"], found["name"], _rhythm(found), _next(found), last, found["note"] or "")
    Console().print(table)


def schedule_lines(found: dict[str, Any]) -> list[str]:
    """A schedule for people."""
    lines = [f"{found['jobId']}  {found['name']}: {_rhythm(found)}"]
    lines += [f"  note: {found['note']}"] if found["note"] else []
    lines.append(f"  next: {_next(found)}")
    return lines + [f"  {_start(start)}" for start in found["starts"][:SHOWN_STARTS]]


def _tell(
    client: ApiClient, job_id: str, request: dict[str, Any] | None, actions: list[str], note: str | None
) -> dict[str, Any]:
    if request is not None:
        return client.put_schedule(job_id, request)
    if actions:
        return client.tell_schedule(job_id, actions[0], {"note": note} if note and actions[0] != "trigger" else None)
    return client.schedule(job_id)


def _rhythm(found: dict[str, Any]) -> str:
    return f"{found['cron']} {found['timezone']}" if found["cron"] else f"every {found['every']}"


def _next(found: dict[str, Any]) -> str:
    if found["paused"]:
        return "paused"
    return str(found["nextTimes"][0]) if found["nextTimes"] else "never"


def _start(start: dict[str, Any]) -> str:
    what = f"run {start['run']}" if start["outcome"] == "STARTED" else f"skipped, {start['reason']}"
    return f"{start['scheduledAt']}: {what}"
