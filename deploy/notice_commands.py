"""Commands about notices: which channels there are, and whether one works."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import typer

from api.cli import Exit, fail
from core.errors import MigrationError
from core.job_spec import JobStatus
from core.notice_channels import NoticeChannels
from core.notices import Notice
from core.notify_spec import NoticeEvent
from core.settings_check import load_settings

notify = typer.Typer(
    name="notify",
    help="Channels that notices are sent to. Run them where a control worker runs: with its settings and secrets.",
    no_args_is_help=True,
)


def add_commands(app: typer.Typer) -> None:
    """Mounts `sterna notify`."""
    app.add_typer(notify, rich_help_panel="Processes")


@notify.command("channels")
def list_channels() -> None:
    """List the channels that jobs may name. Example: sterna notify channels"""
    try:
        channels = NoticeChannels(load_settings().notice_channels)
        found = channels.read()
    except MigrationError as error:
        fail([str(error)], Exit.WRONG_USE)
    for name, channel in found.items():
        typer.echo(f"{name}  {channel.type}")
    if not found:
        typer.echo(channels.known(found))


@notify.command("test")
def send_test(channel: str) -> None:
    """Send a test notice by one channel, once. Example: sterna notify test ops"""
    from activities.resources.notifiers import Notifiers
    from activities.resources.vault import Vault
    from worker.parts import known_secrets

    try:
        settings = load_settings()
        notifiers = Notifiers(NoticeChannels(settings.notice_channels), known_secrets(Vault()), settings.public_url)
        asyncio.run(notifiers.send(_test_notice(), channel))
    except MigrationError as error:
        fail([str(error)], Exit.NOT_COMPLETED)
    typer.echo(f"{channel} took the test notice")


def _test_notice() -> Notice:
    return Notice(
        key=f"test/{uuid4()}",
        event=NoticeEvent.COMPLETED,
        job_id=str(uuid4()),
        job_name="Test notice",
        run=1,
        status=JobStatus.COMPLETED,
        headline="this is a test of the channel, nothing was migrated",
        happened_at=datetime.now(UTC),
    )
