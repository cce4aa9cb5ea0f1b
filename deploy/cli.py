"""The command `sterna`: starts processes and mounts the client commands of `api.cli`.

Imports of what a process is made of happen in its command, so that `sterna --help` answers at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from api import audit_commands, cli_schedules, key_commands, queue_commands, reject_commands
from api.cli import Exit, add_commands, fail
from core.errors import MigrationError
from core.settings_check import load_settings
from deploy import encryption_key_commands, notice_commands

DEFAULT_API_PORT = 8080
DEFAULT_TEMPORAL_PORT = 7233
DEFAULT_UI_PORT = 8233
DEFAULT_FOLDER = Path("var/stack")
ROOTS_FOLDER = Path("/var/lib/sterna")

app = typer.Typer(
    name="sterna",
    help="Durable, proved batch migration of databases. Begin with: sterna demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.command(rich_help_panel="On this machine")
def demo(
    rows: Annotated[int, typer.Option(min=1000, help="Rows of the sample, over all tables, about.")] = 1_000_000,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up until Ctrl-C.")] = False,
    patience: Annotated[float, typer.Option(help="Seconds until an unfinished job counts as failed.")] = 900.0,
) -> None:
    """Migrate a sample shop between two databases here. Example: sterna demo --keep"""
    from deploy.local.demo import Demo

    with complaining():
        load_settings()
    end_on_signals()
    try:
        succeeded = Demo(rows, patience, Console()).run(keep=keep)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(Exit.DONE if succeeded else Exit.NOT_COMPLETED)


@app.command(rich_help_panel="On this machine")
def up(
    folder: Annotated[Path | None, typer.Option(help="Where jobs, documents and logs are kept.")] = None,
    api_port: Annotated[int, typer.Option(help="Port of the API; 0 is any free one.")] = DEFAULT_API_PORT,
    ui_port: Annotated[int, typer.Option(help="Port of Temporal's Web UI.")] = DEFAULT_UI_PORT,
    temporal_port: Annotated[int, typer.Option(help="Port of Temporal.")] = DEFAULT_TEMPORAL_PORT,
) -> None:
    """Start the whole stack here, for your own databases. Example: sterna up --api-port 8080"""
    from deploy.local.stack import LocalStack

    with complaining():
        load_settings()
    end_on_signals()
    for port in (api_port, ui_port, temporal_port):
        refuse_busy_port(port)
    stack = LocalStack(
        folder or default_folder(),
        api_port=api_port,
        ui_port=ui_port,
        temporal_port=temporal_port,
        on_report=typer.echo,
    )
    typer.echo("Starting")
    try:
        with stack:
            typer.echo(f"Log in, once     {stack.login_link()}")
            typer.echo(f"API docs         {stack.api_url}/docs")
            typer.echo(f"Temporal Web UI  {stack.ui_url}")
            typer.echo(f"Logs             {stack.logs}")
            typer.echo("Ctrl-C stops everything; jobs go on where they were at the next start.")
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        typer.echo("Stopped")
    except RuntimeError as error:
        fail([str(error)], Exit.NOT_COMPLETED)


@app.command(rich_help_panel="Processes")
def api() -> None:
    """Run the REST API until SIGTERM; STERNA_* and TEMPORAL_* configure it. Example: STERNA_API_PORT=80 sterna api"""
    from activities.resources.encryption_keys import find_key_ring
    from api.app import serve

    with complaining():
        settings = load_settings()
        asyncio.run(serve(settings, find_key_ring(settings.encryption_keys)))


@app.command(rich_help_panel="Processes")
def worker(
    stages: Annotated[str, typer.Option(help="Any of control, extract, transform, load, validate, with commas.")],
) -> None:
    """Run a worker for some stages until SIGTERM. Example: sterna worker --stages extract,load"""
    from worker.main import run

    with complaining():
        run([stage.strip() for stage in stages.split(",") if stage.strip()], load_settings())


@app.command(rich_help_panel="Processes")
def health() -> None:
    """Ask the API or worker of these settings whether it can work; ends with status 1 if not. For health checks."""
    from deploy.health import find_fault

    if (fault := find_fault(load_settings())) is not None:
        fail([fault], Exit.NOT_COMPLETED)


@contextmanager
def complaining() -> Iterator[None]:
    """A process that cannot run says what to do about it, without a traceback."""
    try:
        yield
    except MigrationError as error:
        fail([str(error)], Exit.NOT_COMPLETED)


def default_folder() -> Path:
    """`var/stack` here; for root, whose PostgreSQL runs as another user, a place that this user can reach."""
    from deploy.local.postgres_server import reachable_by_all

    if os.geteuid() == 0 and not reachable_by_all(Path.cwd()):
        return ROOTS_FOLDER
    return DEFAULT_FOLDER


def refuse_busy_port(port: int) -> None:
    """Leaves with a remedy where another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            fail(
                [f"port {port} is taken. Choose others: --api-port, --ui-port and --temporal-port; 0 is any free one"],
                Exit.WRONG_USE,
            )


def end_on_signals() -> None:
    """SIGTERM and a closed terminal end a command as Ctrl-C does: cleanly."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


add_commands(app)
key_commands.add_commands(app)
cli_schedules.add_commands(app)
reject_commands.add_commands(app)
queue_commands.add_commands(app)
audit_commands.add_commands(app)
encryption_key_commands.add_commands(app)
notice_commands.add_commands(app)


def main() -> None:
    """Entry point of the command."""
    app()


if __name__ == "__main__":
    main()
