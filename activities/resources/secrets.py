"""Resolves secret references, in workers only, at use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from connectors.contract import Credentials
from core.errors import SecretMissing

Resolver = Callable[[str], str]
"""Takes what follows the scheme and gives the secret's text; may block. Raises SecretMissing, AccessDenied,
InvalidConfiguration, Unavailable."""


class Secrets:
    """Turns `scheme:place#field` into credentials. Holds no secret between calls."""

    def __init__(self, resolvers: Mapping[str, Resolver]) -> None:
        self._resolvers = resolvers

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
        return _parse(reference, resolver(place).strip(), field or "password")


def read_environment(name: str) -> str:
    """A secret in an environment variable of the worker."""
    value = os.environ.get(name)
    if value is None:
        raise SecretMissing(
            f"the secret env:{name} cannot be resolved: the variable is not set on the worker",
            remedy=f"Set {name} in the environment of every worker and restart them, then retry",
        )
    return value


def read_file(path: str) -> str:
    """A secret in a file that is mounted on the worker."""
    try:
        return Path(path).read_text(encoding="utf-8")
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
