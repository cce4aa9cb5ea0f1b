"""Client commands of `sterna`: they speak to the REST API and hold no state of their own.

Exit status: 0 done, 1 the job did not end COMPLETED, 2 wrong use, 3 the API refused, 4 nobody answers, 5 the job is
COMPLETED but not proved, although its `validation` asks for it (a source that was written to while it was read without
a snapshot).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from api.client import ApiClient, ApiProblem, ApiUnreachable, JobNotFound
from api.plan_text import plan_lines
from api.profile_display import show_profile
from api.progress_display import display_for
from api.progress_text import limits_lines, table_line, waiting_tables
from core.job_spec import JobStatus
from core.progress import JobProgress

MOST_NAMED = 20
DEFAULT_API = "http://127.0.0.1:8080"


class Exit(IntEnum):
    """Exit status of the client commands."""

    DONE = 0
    NOT_COMPLETED = 1
    WRONG_USE = 2
    REFUSED = 3
    UNREACHABLE = 4
    NOT_PROVED = 5


ApiOption = Annotated[str, typer.Option("--api", envvar="STERNA_API", help="Address of the API.")]
JobArgument = Annotated[str, typer.Argument(help="Job id, a unique beginning of it, or the job's name.")]
SpecArgument = Annotated[str, typer.Argument(metavar="FILE", help="Job as JSON; - reads standard input.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the API's answer as it is.")]


def add_commands(app: typer.Typer) -> None:
    """Mounts the client commands."""
    commands: tuple[Callable[..., None], ...] = (
        submit,
        plan,
        jobs,
        watch,
        start,
        approve,
        pause,
        resume,
        retry,
        cancel,
        limits,
        certificate,
        profile,
        connectors,
    )
    for command in commands:
        app.command(rich_help_panel="Jobs")(command)


def submit(
    file: SpecArgument,
    follow: Annotated[bool, typer.Option("--watch", help="Show progress until the job has ended.")] = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Same key and file again: the same job, not a second one.")
    ] = None,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Save a job and start it. Example: sterna submit job.json --watch"""
    with calling(api) as client:
        job = client.submit(read_spec(file), idempotency_key)
        typer.echo(f"{job['jobId']}  {job['name']}  {job['status']}")
        if follow:
            raise typer.Exit(follow_job(client, job["jobId"]))


def plan(
    file: SpecArgument,
    scan: Annotated[bool, typer.Option("--scan", help="Also read the rows: count values that do not fit.")] = False,
    as_json: JsonOption = False,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Show what a job would do, without doing it. Example: sterna plan job.json"""
    with calling(api) as client:
        answer = client.plan(read_spec(file), scan=scan)
    if as_json:
        print_json(answer)
        return
    for line in plan_lines(answer):
        typer.echo(line)


def jobs(
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs with this status.")] = None,
    name: Annotated[str | None, typer.Option(help="Only jobs with this in their name.")] = None,
    as_json: JsonOption = False,
    api: ApiOption = DEFAULT_API,
) -> None:
    """List jobs, newest first. Example: sterna jobs --status ACTIVE"""
    with calling(api) as client:
        listed = list(client.jobs(status=status.value if status else None, name=name))
    if as_json:
        print_json(listed)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "name", "status", "run", "attention"):
        table.add_column(heading)
    for job in listed:
        table.add_row(job["jobId"], job["name"], job["status"], str(job.get("run", "")), job.get("attention") or "")
    Console().print(table)


def watch(job: JobArgument, api: ApiOption = DEFAULT_API) -> None:
    """Show a job's progress until it has ended. Example: sterna watch 3f2a"""
    with calling(api) as client:
        raise typer.Exit(follow_job(client, client.find_job(job)["jobId"]))


def start(job: JobArgument, api: ApiOption = DEFAULT_API) -> None:
    """Start a draft, or a finished job once more. Example: sterna start 3f2a"""
    control(api, job, "start")


def approve(job: JobArgument, api: ApiOption = DEFAULT_API) -> None:
    """Let a job begin that somebody else asked for. Example: sterna approve 3f2a"""
    control(api, job, "approve")


def pause(
    job: JobArgument,
    release: Annotated[
        bool, typer.Option("--release", help="Also let go of the snapshot: no session stays on the source.")
    ] = False,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Stop a job's work; nothing is lost. Example: sterna pause 3f2a --release"""
    control(api, job, "pause", {"release": release})


def resume(job: JobArgument, api: ApiOption = DEFAULT_API) -> None:
    """Let a paused job go on. Example: sterna resume 3f2a"""
    control(api, job, "resume")


def retry(
    job: JobArgument,
    tables: Annotated[list[str] | None, typer.Argument(metavar="[TABLE]…", help="Default: all that wait.")] = None,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Try parked and failed tables again. Example: sterna retry 3f2a shop.orders"""
    control(api, job, "retry", {"tables": tables} if tables else None)


def cancel(job: JobArgument, api: ApiOption = DEFAULT_API) -> None:
    """End a job for good; rows already loaded stay. Example: sterna cancel 3f2a"""
    control(api, job, "cancel")


def limits(
    job: JobArgument,
    parallel_tables: Annotated[int | None, typer.Option(min=1, max=64, help="Tables at once.")] = None,
    parallel_batches: Annotated[
        int | None, typer.Option(min=1, max=64, help="Batches of one table at once in each stage.")
    ] = None,
    max_rows_per_second: Annotated[
        int | None, typer.Option(min=0, help="Rows read in a second by the whole job; 0: no limit.")
    ] = None,
    max_bytes_per_second: Annotated[
        int | None, typer.Option(min=0, help="Bytes read in a second by the whole job; 0: no limit.")
    ] = None,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Change how fast a running job goes, or show its limits. Example: sterna limits 3f2a --max-rows-per-second 5000

    Holds at once, for all workers, until the run ends. What is not named
    stays as it is; without options the limits that hold are shown.
    """
    wanted = {"parallelTables": parallel_tables, "parallelBatches": parallel_batches}
    rates = {"maxRowsPerSecond": max_rows_per_second, "maxBytesPerSecond": max_bytes_per_second}
    asked: dict[str, Any] = {name: number for name, number in wanted.items() if number is not None}
    asked |= {name: rate or None for name, rate in rates.items() if rate is not None}
    with calling(api) as client:
        found = client.find_job(job)
        if asked:
            client.set_limits(found["jobId"], asked)
        for line in limits_lines(client.progress(found["jobId"]).limits):
            typer.echo(line)


def certificate(
    job: JobArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this file.")] = None,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Fetch the proof of a job. Example: sterna certificate 3f2a -o proof.json"""
    with calling(api) as client:
        text = client.certificate(client.find_job(job)["jobId"])
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text, encoding="utf-8")
        typer.echo(str(output))


def profile(
    job: JobArgument,
    table: Annotated[
        str | None, typer.Argument(help="One table of it, by id or by the name of its source or destination.")
    ] = None,
    as_json: JsonOption = False,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Show where a job's time went, stage by stage, and what bounds it. Example: sterna profile 3f2a shop.orders

    Works while a job runs and after its end. Batches run side by side, so
    their seconds add up to more than the clock's.

    Waiting for a server: give it more, or read less. The workers' own work,
    or waiting for a worker: start more workers of that stage.
    """
    with calling(api) as client:
        known = client.find_job(job)
        found = client.profile(known["jobId"])
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True))
    elif table is None:
        show_profile(Console(), known["name"], found, len(found.unmeasured))
    else:
        chosen = next((one for one in found.tables if table in (one.table_id, *names_of(one.name))), None)
        if chosen is None:
            measured = ", ".join(one.name for one in found.tables[:MOST_NAMED]) or "none yet"
            fail([f"nothing is measured of a table {table}. Measured are: {measured}"], Exit.REFUSED)
        show_profile(Console(), chosen.name, chosen)


def names_of(table: str) -> list[str]:
    """What an operator may call a table that is shown as `shop.users → crm.customers`."""
    sides = table.split(" → ")
    return [*sides, *(side.rsplit(".", 1)[-1] for side in sides)]


def connectors(as_json: JsonOption = False, api: ApiOption = DEFAULT_API) -> None:
    """List the databases that can be moved. Example: sterna connectors"""
    with calling(api) as client:
        listed = client.connectors()
    if as_json:
        print_json(listed)
        return
    for connector in listed:
        able = connector.get("capabilities") or {}
        words = [word for word in ("reads", "writes", "upserts") if able.get(word)]
        typer.echo(f"{connector['type']:<12} {', '.join(words) or connector.get('reason') or 'not available'}")


def follow_job(client: ApiClient, job_id: str) -> int:
    """Shows progress until the job has ended; the exit status. Ctrl-C leaves the job running."""
    console = Console()
    last: JobProgress | None = None
    try:
        with display_for(console) as display:
            for last in client.watch(job_id):
                display.show(last)
    except KeyboardInterrupt:
        console.print(f"The job goes on. `sterna watch {job_id[:8]}` shows it again.", highlight=False)
        return 130
    if last is None:
        return Exit.NOT_COMPLETED
    for table in waiting_tables(last):
        typer.echo(table_line(table), err=True)
    return exit_status(last, client.job(job_id)["spec"]["options"]["validation"])


def exit_status(last: JobProgress, validation: str) -> Exit:
    """What a script learns of a job that has ended; tables that are not proved are named."""
    if last.status is not JobStatus.COMPLETED:
        return Exit.NOT_COMPLETED
    unproved = [table for table in last.tables if not table.proved] if validation != "none" else []
    for table in unproved:
        typer.echo(f"not proved: {table_line(table)}", err=True)
    return Exit.NOT_PROVED if unproved else Exit.DONE


def control(api: str, job: str, action: str, body: dict[str, Any] | None = None) -> None:
    """Sends one command to a job and says what was done."""
    with calling(api) as client:
        found = client.find_job(job)
        client.control(found["jobId"], action, body)
        typer.echo(f"{found['jobId']}  {found['name']}: {action} accepted")


@contextmanager
def calling(api: str) -> Iterator[ApiClient]:
    """A client; what goes wrong is printed and becomes an exit status."""
    try:
        with ApiClient(api) as client:
            yield client
    except ApiProblem as problem:
        fail(problem.lines(), Exit.REFUSED)
    except ApiUnreachable as error:
        fail([str(error)], Exit.UNREACHABLE)
    except JobNotFound as error:
        fail([str(error)], Exit.REFUSED)


def fail(lines: list[str], status: Exit) -> NoReturn:
    """Prints to standard error and leaves."""
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(status)


def read_spec(file: str) -> dict[str, Any]:
    """The JSON object in a file. Leaves with WRONG_USE where there is none."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        spec = json.loads(text)
    except OSError as error:
        fail([f"{file} cannot be read: {error.strerror}"], Exit.WRONG_USE)
    except ValueError as error:
        fail([f"{file} is not JSON: {error}"], Exit.WRONG_USE)
    if not isinstance(spec, dict):
        fail([f"{file} does not hold a job: a JSON object is needed"], Exit.WRONG_USE)
    return spec


def print_json(value: Any) -> None:
    """For programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
