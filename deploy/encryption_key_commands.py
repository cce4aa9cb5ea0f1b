"""Commands around the encryption keys, for whoever runs the installation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from api.cli import Exit, fail
from core.encryption.data_keys import DataKeys
from core.encryption.field_cipher import FieldCipher
from core.encryption.key_ring import SETTING, add_key
from core.errors import MigrationError
from core.settings import Settings
from core.settings_check import load_settings

keys = typer.Typer(name="encryption-keys", help="Make, change and use encryption keys.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Mounts `sterna encryption-keys`."""
    app.add_typer(keys, rich_help_panel="Processes")


@keys.command("new")
def new_key(file: Annotated[Path, typer.Argument(help="The key file; made where it is missing.")]) -> None:
    """Add a key, which encrypts from the next start on. Example: sterna encryption-keys new /etc/sterna/keys"""
    try:
        key_id = add_key(file)
    except OSError as error:
        fail([f"{file} cannot be written: {error.strerror}"], Exit.NOT_COMPLETED)
    typer.echo(f"Key {key_id} is in {file}. Keep a copy in a safe place: without it nothing encrypted can be read.")
    typer.echo(f"Set {SETTING}=file:{file.absolute()} for the API and every worker, and restart them.")


@keys.command("rewrap")
def rewrap_data_keys() -> None:
    """Make documents need the newest key only, after a change of keys. Example: sterna encryption-keys rewrap"""
    with _complaining():
        settings = load_settings()
        count = DataKeys(settings.documents, _fields(settings)).rewrap()
    typer.echo(f"{count} data keys in {settings.documents} were wrapped anew.")


@keys.command("show")
def show_value(
    token: Annotated[str, typer.Argument(help="A text that begins with sealed:, as Temporal's UI shows it.")],
    workflow: Annotated[str, typer.Option(help="Id of the workflow in whose history it is.")],
) -> None:
    """Print a sealed value of history. Example: sterna encryption-keys show sealed:1:… --workflow migration/…"""
    with _complaining():
        typer.echo(_fields(load_settings()).open(token, workflow))


def _fields(settings: Settings) -> FieldCipher:
    from activities.resources.encryption_keys import find_key_ring  # imports Vault's client

    return FieldCipher(find_key_ring(settings.encryption_keys))


@contextmanager
def _complaining() -> Iterator[None]:
    try:
        yield
    except MigrationError as error:
        fail([str(error)], Exit.NOT_COMPLETED)
