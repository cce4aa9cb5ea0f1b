"""The client command about queues."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from api.cli import DEFAULT_API, ApiOption, JsonOption, calling, print_json
from api.progress_text import format_duration

HEADINGS = ("queue", "kind", "waiting", "oldest", "in/s", "out/s", "workers", "slots used")


def add_commands(app: typer.Typer) -> None:
    """Mounts the command."""
    app.command(rich_help_panel="Jobs")(queues)


def queues(as_json: JsonOption = False, api: ApiOption = DEFAULT_API) -> None:
    """Show what waits in each stage's queue, and what to do about it. Example: sterna queues

    A task is one activity (up to 16 batches of a table) or one step of a
    workflow. Numbers are Temporal's own; slots are what workers told it in
    the last seconds.
    """
    with calling(api) as client:
        answer = client.queues()
    if as_json:
        print_json(answer)
        return
    table = Table(box=None, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in HEADINGS[:2] else "right", no_wrap=True)
    for queue in answer["queues"]:
        table.add_row(*_cells(queue))
    Console().print(table)
    for advice in answer["advice"]:
        typer.echo(f"{advice['level']}: {advice['text']}")
    if not answer["advice"]:
        typer.echo("All queues are served, and none is held up.")


def _cells(queue: dict[str, Any]) -> tuple[str, ...]:
    workers = queue["workers"]
    told = [worker for worker in workers if worker["slots"] is not None]
    slots = f"{sum(worker['slotsUsed'] for worker in told)} of {sum(worker['slots'] for worker in told)}"
    return (
        queue["name"],
        queue["kind"],
        str(queue["backlog"]),
        format_duration(queue["backlogAgeSeconds"]) if queue["backlog"] else "",
        f"{queue['addedPerSecond']:.1f}",
        f"{queue['takenPerSecond']:.1f}",
        str(len(workers)),
        slots if told else "",
    )
