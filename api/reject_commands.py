"""`sterna rejects` and `sterna replay`."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from api.cli import DEFAULT_API, ApiOption, Exit, JobArgument, JsonOption, calling, fail, print_json

POLL_SECONDS = 0.5
RunOption = Annotated[int | None, typer.Option("--run", min=1, help="Of an earlier run; default: the newest.")]
PAGE = 1000
MOST_SHOWN = 20


def add_commands(app: typer.Typer) -> None:
    """Mounts the commands about rejects."""
    for command in (rejects, replay):
        app.command(rich_help_panel="Jobs")(command)


def rejects(
    job: JobArgument,
    table: Annotated[str | None, typer.Argument(metavar="[TABLE]", help="Default: all tables.")] = None,
    values: Annotated[bool, typer.Option("--values", help="Show the rows too; they may be personal.")] = False,
    most: Annotated[int, typer.Option("--limit", min=1, max=PAGE, help="Rows to show.")] = MOST_SHOWN,
    as_json: JsonOption = False,
    run: RunOption = None,
    api: ApiOption = DEFAULT_API,
) -> None:
    """List the rows that the destination refused, with the reason of each. Example: sterna rejects 3f2a shop.orders

    A job keeps up to `maxRejects` of them for each table and loads the other
    rows. Mend what keeps them out, then load them with `sterna replay`.
    """
    with calling(api) as client:
        page = client.rejects(client.find_job(job)["jobId"], table, most, run)
    if as_json:
        print_json(page)
        return
    for reject in page["rejects"]:
        key = ", ".join(f"{name}={value}" for name, value in reject["key"].items()) if values else ""
        place = f"{reject['table']} batch {reject['batch']}" + (f" ({key})" if key else "")
        code = f" [{reject['code']}]" if reject["code"] and reject["code"] not in reject["reason"] else ""
        typer.echo(f"{place}: {reject['reason']}{code}")
        if values:
            typer.echo(f"  {json.dumps(reject['values'], ensure_ascii=False)}")
    shown = len(page["rejects"])
    typer.echo(f"{page['total']} rejects" + (f", {shown} shown" if shown < page["total"] else ""))


def replay(
    job: JobArgument,
    tables: Annotated[list[str] | None, typer.Argument(metavar="[TABLE]…", help="Default: all with rejects.")] = None,
    run: RunOption = None,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Load the rejects of an ended job again, after what kept them out was mended. Example: sterna replay 3f2a

    Each row is loaded at most once. What is refused again stays a reject,
    with the new reason. The certificate is written anew.
    """
    with calling(api) as client:
        job_id = client.find_job(job)["jobId"]
        state = client.replay(job_id, tables or [], run)
        while state["status"] == "RUNNING":
            time.sleep(POLL_SECONDS)
            state = client.last_replay(job_id)
    if state["status"] == "FAILED":
        fail([state["message"]], Exit.NOT_COMPLETED)
    typer.echo(f"{state['loaded']} rows loaded, {state['rejected']} still rejected")
    if state["rejected"] or not state["proved"]:
        raise typer.Exit(Exit.NOT_COMPLETED if state["rejected"] else Exit.NOT_PROVED)
