"""Resolves secret references, in workers only, at use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from connectors.contract import Credentials
from core.errors import InvalidConfiguration, SecretMissing
from core.redaction import ResolvedSecrets

GROUP = "sterna.secrets"
FIELDS = ("username", "password", "walletPassword")
Resolver = Callable[[str], str]
"""Takes what follows the scheme and gives the secret's text; may block. Raises SecretMissing, AccessDenied,
InvalidConfiguration, Unavailable."""


class Secrets:
    """Turns `scheme:place#field` into credentials. Keeps none, but for telling what logs must not hold."""

    def __init__(self, resolvers: Mapping[str, Resolver], resolved: ResolvedSecrets | None = None) -> None:
        """`resolved` is told what no line of the process's log may hold."""
        self._resolvers = resolvers
        self._resolved = resolved or ResolvedSecrets()

    def resolve(self, reference: str | None) -> Credentials:
        """The credentials behind a reference; none where there is no reference.

        The secret is a JSON object with `username` and `password`, or any other text: then that is the password.
        `#field` names another key of the object as the password; `walletPassword` opens the wallet that a connection
        may need. May block. Raises SecretMissing, and what the scheme's resolver raises.
        """
        if reference is None:
            return Credentials()
        scheme, _, rest = reference.partition(":")
        place, _, field = rest.partition("#")
        resolver = self._resolvers.get(scheme)
        if resolver is None:
            raise SecretMissing(
                f"the secret {reference} cannot be resolved: this worker knows no '{scheme}:' secrets",
                remedy=f"Known here: {', '.join(f'{name}:' for name in sorted(self._resolvers))}",
            )
        credentials = _parse(reference, resolver(place).strip(), field or "password")
        self._resolved.add(credentials.password)
        self._resolved.add(credentials.wallet_password)
        return credentials


def read_environment(name: str) -> str:
    """A secret in an environment variable of the worker."""
    value = os.environ.get(name)
    if value is None:
        raise SecretMissing(
            f"the secret env:{name} cannot be resolved: the variable is not set on the worker",
            remedy=f"Set {name} in the environment of every worker and restart them, then retry",
        )
    return value


def with_other_stores(built_in: Mapping[str, Resolver]) -> dict[str, Resolver]:
    """And the stores that other packages offer under entry points of the group `sterna.secrets`: the name is the
    scheme, the object a `Resolver`. Raises InvalidConfiguration where two claim one scheme."""
    found = dict(built_in)
    for point in entry_points(group=GROUP):
        if point.name in found:
            raise InvalidConfiguration(
                f"two packages resolve '{point.name}:' secrets", remedy=f"Uninstall one; one is {point.value}"
            )
        found[point.name] = point.load()
    return found


def read_file(path: str) -> str:
    """A secret in a file that is mounted on the worker, or in a folder with a file for each field, as Kubernetes mounts
    a Secret."""
    try:
        place = Path(path)
        if place.is_dir():
            files = (place / field for field in FIELDS)
            return json.dumps({file.name: file.read_text(encoding="utf-8").strip() for file in files if file.exists()})
        return place.read_text(encoding="utf-8")
    except OSError as error:
        raise SecretMissing(
            f"the secret file:{path} cannot be resolved: {error.strerror}",
            remedy="Mount the file on every worker, readable by its user, then retry",
        ) from error


def _parse(reference: str, text: str, field: str) -> Credentials:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return Credentials(password=text)
    if value.get(field) is None:
        raise SecretMissing(
            f"the secret {reference} has no field '{field}'", remedy="Give it the fields username and password"
        )
    return Credentials(_text(value.get("username")), _text(value[field]), _text(value.get("walletPassword")))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
