"""`sterna api-keys` and `sterna login`: who may ask the API."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from api.cli import DEFAULT_API, ApiOption, JsonOption, calling, print_json
from api.roles import Role
from core.config_store.credentials import CredentialKind, IssuedCredential
from core.config_store.sessions import open_engine
from core.config_store.store import ConfigStore
from core.config_store.stored import Actor
from core.settings_check import load_settings

keys = typer.Typer(help="API keys: who may ask, and what.", no_args_is_help=True)
DIRECT = "command line"


def add_commands(app: typer.Typer) -> None:
    """Mounts the commands."""
    app.add_typer(keys, name="api-keys", rich_help_panel="Access")
    app.command(rich_help_panel="Access")(login)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Who holds it; the audit trail calls its holder so.")],
    role: Annotated[Role, typer.Option(help="viewer sees, operator makes and controls jobs, admin makes keys.")] = (
        Role.OPERATOR
    ),
    days: Annotated[int | None, typer.Option(min=1, help="How long it is good; without: until revoked.")] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="Write into STERNA_CONFIG_STORE, without the API: for the first key.")
    ] = False,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Make a key and print it, once. Example: sterna api-keys create nightly-jobs --role operator --days 90"""
    if direct:
        typer.echo(asyncio.run(_create_directly(name, role, days)).secret)
        return
    with calling(api) as client:
        made = client.create_key({"name": name, "role": role, **({} if days is None else {"days": days})})
    typer.echo(made["secret"])


@keys.command(name="list")
def list_keys(as_json: JsonOption = False, api: ApiOption = DEFAULT_API) -> None:
    """List keys, without their secrets. Example: sterna api-keys list"""
    with calling(api) as client:
        found = client.keys()
    if as_json:
        print_json(found)
        return
    table = Table("key", "name", "role", "made", "by", "last used", "good until")
    for key in found:
        table.add_row(key["keyId"], key["name"], key["role"], *_times(key))
    Console().print(table)


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `sterna api-keys list` shows it.")], api: ApiOption = DEFAULT_API
) -> None:
    """A key is no longer good, at once. Example: sterna api-keys revoke 6f1c…"""
    with calling(api) as client:
        typer.echo(f"{client.revoke_key(key_id)['name']}: revoked")


def login(
    name: Annotated[str, typer.Option(help="Whom the audit trail names.")] = "administrator",
    role: Annotated[Role, typer.Option(help="What the session may do.")] = Role.ADMIN,
    api: ApiOption = DEFAULT_API,
) -> None:
    """Print a link that logs a browser in, once, within ten minutes. Example: sterna login --role viewer"""
    with calling(api) as client:
        typer.echo(client.login_link(name, role))


async def _create_directly(name: str, role: Role, days: int | None) -> IssuedCredential:
    store = ConfigStore(open_engine(load_settings().config_store))
    try:
        await store.upgrade()
        lifetime = None if days is None else timedelta(days=days)
        return await store.issue_credential(CredentialKind.KEY, name, role, actor=Actor(DIRECT), lifetime=lifetime)
    finally:
        await store.close()


def _times(key: dict[str, Any]) -> tuple[str, str, str, str]:
    until = f"revoked {key['revokedAt'][:10]}" if key["revokedAt"] else (key["expiresAt"] or "revoked")[:10]
    return key["createdAt"][:10], key["createdBy"], (key["lastUsedAt"] or "never")[:16], until
