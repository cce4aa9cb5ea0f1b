"""Secrets in HashiCorp Vault: key-value engines, version 1 or 2, and engines that lend credentials (databases).

A token that a login gave is used for one key-value secret and revoked. Credentials that are lent belong to the token
that borrowed them: it is kept with them (`vault_leases.py`).
"""

from __future__ import annotations

import json
from typing import Any

import hvac
from hvac import exceptions

from activities.resources.vault_leases import VaultLeases
from activities.resources.vault_login import log_in, log_out, translated
from activities.resources.vault_settings import VaultSettings, vault_settings
from core.errors import AccessDenied, SecretMissing

KEY_VALUE = ("kv", "generic")
"""Vault's names of the engine; the second is what mounts of old servers are called."""


class Vault:
    """Resolves what follows `vault:`. One for a process: leases are shared by its activities."""

    def __init__(self) -> None:
        self._leases = VaultLeases()

    def read(self, place: str) -> str:
        """The secret at `/mount/path` as a JSON object. Blocks.

        Raises SecretMissing, AccessDenied, InvalidConfiguration, Unavailable (to be tried again).
        """
        name = f"vault:{place}"
        mount, path = _parts(name, place)
        if (lent := self._leases.borrow(name)) is not None:
            return json.dumps(lent)
        settings = vault_settings()
        with translated(name, settings):
            client, borrowed = log_in(name, settings)
            kept = False
            try:
                found, kept = self._ask(client, settings, name, mount, path, borrowed=borrowed)
            finally:
                if not kept:
                    log_out(client, borrowed=borrowed)
            return json.dumps(found)

    def close(self) -> None:
        """Gives every lease back. Blocks for seconds where Vault is slow."""
        self._leases.close()

    def _ask(
        self, client: hvac.Client, settings: VaultSettings, name: str, mount: str, path: str, *, borrowed: bool
    ) -> tuple[dict[str, Any], bool]:
        """The secret, and whether it is lent, so that the client is kept."""
        kind, version = ("kv", settings.kv_version) if settings.kv_version else _engine(client, name, mount, path)
        if kind not in KEY_VALUE:
            answer = client.adapter.get(f"/v1/{mount}/{path}")
            if not answer.get("lease_id"):
                return answer["data"], False
            return self._leases.keep(name, client, answer, borrowed=borrowed), True
        if version == 2:
            engine = client.secrets.kv.v2
            found = engine.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)["data"]["data"]
        else:
            found = client.secrets.kv.v1.read_secret(path, mount_point=mount)["data"]
        return found, False


def _parts(name: str, place: str) -> tuple[str, str]:
    """Mount and path. Dots are refused: a URL with them leads elsewhere than it says."""
    mount, *rest = place.strip("/").split("/")
    if not rest or not all((mount, *rest)) or {".", ".."} & {mount, *rest}:
        raise SecretMissing(
            f"the secret {name} cannot be resolved: it names no mount and path",
            remedy="Write vault:/mount/path, the first part being the mount of the engine",
        )
    return mount, "/".join(rest)


def _engine(client: hvac.Client, name: str, mount: str, path: str) -> tuple[str, int]:
    """Kind and version, by the call that Vault's own command line makes; every token may make it for what it may
    read."""
    try:
        answer = client.adapter.get(f"/v1/sys/internal/ui/mounts/{mount}/{path}")
    except exceptions.Forbidden as error:
        raise AccessDenied(
            f"the secret {name} cannot be resolved: Vault shows the worker no mount {mount}/",
            remedy="Check the reference's first part and grant the worker's policy read on the secret, then retry",
        ) from error
    found = answer["data"]
    return found["type"], int((found.get("options") or {}).get("version") or 1)
