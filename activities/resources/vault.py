"""Reads secrets from HashiCorp Vault's key-value engine, version 1 or 2, as the worker's own environment says.

A token that a login gave is used for one secret and revoked: a worker holds nothing of Vault between two uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import hvac
from hvac import exceptions
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from requests.exceptions import RequestException, SSLError

from core.errors import AccessDenied, InvalidConfiguration, SecretMissing, Unavailable

HOW_TO_LOG_IN = "Set VAULT_TOKEN or VAULT_TOKEN_FILE, or VAULT_ROLE_ID and VAULT_SECRET_ID, on every worker, then retry"
KEY_VALUE = ("kv", "generic")
"""Vault's names of the engine; the second is what mounts of old servers are called."""


class VaultSettings(BaseSettings):
    """What a worker must be told about Vault: the variables of its own tools, and AppRole's two."""

    model_config = SettingsConfigDict(env_prefix="VAULT_", use_attribute_docstrings=True)

    addr: str = ""
    """URL of the server."""
    namespace: str | None = None
    """Of Vault Enterprise."""
    token: SecretStr | None = None
    """A token, used as it is."""
    token_file: str | None = None
    """A file with a token, read at each use: what Vault Agent writes."""
    role_id: str | None = None
    """AppRole: the role."""
    secret_id: SecretStr | None = None
    """AppRole: the role's secret."""
    secret_id_file: str | None = None
    """A file with the role's secret, read at each use."""
    approle_mount: str = "approle"
    """Where the AppRole method is mounted."""
    kv_version: int | None = Field(default=None, ge=1, le=2)
    """Version of the key-value engines; default: each mount is asked."""
    cacert: str | None = None
    """File with the certificates that the server's is checked against."""
    capath: str | None = None
    """Folder with them; `cacert` goes first."""
    client_cert: str | None = None
    """File with a certificate to show to the server."""
    client_key: str | None = None
    """File with its key."""
    skip_verify: bool = False
    """Does not check the server's certificate."""
    client_timeout: float = Field(default=10.0, gt=0)
    """Seconds for one request."""

    @field_validator("client_timeout", mode="before")
    @classmethod
    def _without_unit(cls, value: Any) -> Any:
        return value.removesuffix("s") if isinstance(value, str) else value


def read_vault(place: str) -> str:
    """The secret at `/mount/path` as a JSON object. Blocks.

    Raises SecretMissing, AccessDenied, InvalidConfiguration, Unavailable (to be tried again).
    """
    name = f"vault:{place}"
    mount, path = _parts(name, place)
    settings = _settings()
    with _translated(name, settings), _logged_in(name, settings) as client:
        version = settings.kv_version or _version(client, name, mount, path)
        if version == 2:
            engine = client.secrets.kv.v2
            found = engine.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)["data"]["data"]
        else:
            found = client.secrets.kv.v1.read_secret(path, mount_point=mount)["data"]
        return json.dumps(found)


def _parts(name: str, place: str) -> tuple[str, str]:
    """Mount and path. Dots are refused: a URL with them leads elsewhere than it says."""
    mount, *rest = place.strip("/").split("/")
    if not rest or not all((mount, *rest)) or {".", ".."} & {mount, *rest}:
        raise SecretMissing(
            f"the secret {name} cannot be resolved: it names no mount and path",
            remedy="Write vault:/mount/path, the first part being the mount of a key-value engine",
        )
    return mount, "/".join(rest)


def _settings() -> VaultSettings:
    try:
        settings = VaultSettings()
    except ValidationError as error:
        wrong = sorted({f"VAULT_{str(problem['loc'][0]).upper()}" for problem in error.errors()})
        raise InvalidConfiguration(
            f"the worker's {', '.join(wrong)} cannot be read", remedy="Mend it, then retry"
        ) from None
    if not settings.addr:
        raise SecretMissing(
            "'vault:' secrets cannot be resolved: the worker does not know where Vault is",
            remedy="Set VAULT_ADDR on every worker and restart them, then retry",
        )
    return settings


@contextmanager
def _logged_in(name: str, settings: VaultSettings) -> Iterator[hvac.Client]:
    client = hvac.Client(
        url=settings.addr,
        token=_token(settings) or "",
        namespace=settings.namespace,
        verify=not settings.skip_verify and (settings.cacert or settings.capath or True),
        cert=(settings.client_cert, settings.client_key) if settings.client_cert else None,
        timeout=settings.client_timeout,
    )
    borrowed = not client.token
    try:
        if borrowed:
            _log_in(client, name, settings)
        yield client
    finally:
        if borrowed and client.token:
            with suppress(exceptions.VaultError, RequestException):  # it would run out by itself
                client.auth.token.revoke_self()
        client.adapter.close()


def _token(settings: VaultSettings) -> str | None:
    if settings.token_file:
        return _content(settings.token_file)
    return settings.token.get_secret_value() if settings.token else None


def _log_in(client: hvac.Client, name: str, settings: VaultSettings) -> None:
    secret = settings.secret_id.get_secret_value() if settings.secret_id else None
    if settings.secret_id_file:
        secret = _content(settings.secret_id_file)
    if not settings.role_id:
        raise SecretMissing(f"the secret {name} cannot be resolved: the worker has no login", remedy=HOW_TO_LOG_IN)
    try:
        client.auth.approle.login(settings.role_id, secret, mount_point=settings.approle_mount)
    except (exceptions.InvalidRequest, exceptions.Forbidden, exceptions.InvalidPath) as error:
        raise AccessDenied(
            f"the secret {name} cannot be resolved: Vault refuses the worker's AppRole login",
            remedy="Check VAULT_ROLE_ID, VAULT_SECRET_ID (it may have expired) and VAULT_APPROLE_MOUNT, then retry",
        ) from error


def _content(file: str) -> str:
    try:
        with open(file, encoding="utf-8") as opened:  # noqa: PTH123
            return opened.read().strip()
    except OSError as error:
        raise SecretMissing(
            f"the worker's login for Vault cannot be read from {file}: {error.strerror}",
            remedy="Mount the file on every worker, readable by its user, then retry",
        ) from error


def _version(client: hvac.Client, name: str, mount: str, path: str) -> int:
    """By the call that Vault's own command line makes; every token may make it for what it may read."""
    try:
        answer = client.adapter.get(f"/v1/sys/internal/ui/mounts/{mount}/{path}")
    except exceptions.Forbidden as error:
        raise AccessDenied(
            f"the secret {name} cannot be resolved: Vault shows the worker no mount {mount}/",
            remedy="Check the reference's first part and grant the worker's policy read on the secret, then retry",
        ) from error
    found = answer["data"]
    if found["type"] not in KEY_VALUE:
        raise InvalidConfiguration(
            f"the secret {name} cannot be resolved: {mount}/ is a mount of the engine {found['type']}",
            remedy="Name a secret of a key-value engine",
        )
    return int((found.get("options") or {}).get("version") or 1)


@contextmanager
def _translated(name: str, settings: VaultSettings) -> Iterator[None]:
    """Vault's answers as errors that say what to do. What the server wrote is left out: it is nobody's promise."""
    try:
        yield
    except exceptions.InvalidPath as error:
        raise SecretMissing(
            f"the secret {name} cannot be resolved: Vault has none there, or its last version is deleted",
            remedy="Write it (vault kv put), or mend the reference, then retry",
        ) from error
    except (exceptions.Forbidden, exceptions.Unauthorized) as error:
        raise AccessDenied(
            f"the secret {name} cannot be resolved: Vault refuses the worker's token",
            remedy="Grant its policy read on the secret (version 2: mount/data/path), or renew the token, then retry",
        ) from error
    except SSLError as error:
        raise InvalidConfiguration(
            f"the secret {name} cannot be resolved: no TLS with {settings.addr}, whose certificate is not trusted "
            "or which asks for one",
            remedy="Set VAULT_CACERT (and VAULT_CLIENT_CERT, VAULT_CLIENT_KEY) on every worker, then retry",
        ) from error
    except RequestException as error:
        raise Unavailable(f"the secret {name} cannot be resolved: Vault at {settings.addr} does not answer") from error
    except exceptions.VaultError as error:
        raise Unavailable(
            f"the secret {name} cannot be resolved: Vault at {settings.addr} does not serve now "
            f"({type(error).__name__}): it may be sealed"
        ) from error
