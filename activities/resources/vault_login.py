"""Logs a worker in to Vault, and tells what Vault answers as errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import hvac
from hvac import exceptions
from requests.exceptions import RequestException, SSLError

from activities.resources.vault_settings import VaultSettings
from core.errors import AccessDenied, InvalidConfiguration, SecretMissing, Unavailable

HOW_TO_LOG_IN = (
    "Set VAULT_TOKEN or VAULT_TOKEN_FILE, VAULT_ROLE_ID and VAULT_SECRET_ID, or VAULT_KUBERNETES_ROLE, on every "
    "worker, then retry"
)


def log_in(name: str, settings: VaultSettings) -> tuple[hvac.Client, bool]:
    """A client, and whether its token came from a login. Raises SecretMissing, AccessDenied."""
    client = hvac.Client(
        url=settings.addr,
        token=_token(settings) or "",
        namespace=settings.namespace,
        verify=not settings.skip_verify and (settings.cacert or settings.capath or True),
        cert=(settings.client_cert, settings.client_key) if settings.client_cert else None,
        timeout=settings.client_timeout,
    )
    borrowed = not client.token
    if borrowed:
        try:
            _borrow_token(client, name, settings)
        except BaseException:
            client.adapter.close()
            raise
    return client, borrowed


def log_out(client: hvac.Client, *, borrowed: bool) -> None:
    """Gives back what a login gave."""
    if borrowed and client.token:
        with suppress(exceptions.VaultError, RequestException):  # it would run out by itself
            client.auth.token.revoke_self()
    client.adapter.close()


def _token(settings: VaultSettings) -> str | None:
    if settings.token_file:
        return _content(settings.token_file)
    return settings.token.get_secret_value() if settings.token else None


def _borrow_token(client: hvac.Client, name: str, settings: VaultSettings) -> None:
    if settings.role_id:
        secret = settings.secret_id.get_secret_value() if settings.secret_id else None
        if settings.secret_id_file:
            secret = _content(settings.secret_id_file)
        method = "AppRole"
        check = "VAULT_ROLE_ID, VAULT_SECRET_ID (it may have expired) and VAULT_APPROLE_MOUNT"
        login = partial(client.auth.approle.login, settings.role_id, secret, mount_point=settings.approle_mount)
    elif settings.kubernetes_role:
        method, check = "Kubernetes", "VAULT_KUBERNETES_ROLE, VAULT_KUBERNETES_MOUNT and the role's service accounts"
        token = _content(settings.kubernetes_token_file)
        service = hvac.api.auth_methods.Kubernetes(client.adapter)
        login = partial(service.login, settings.kubernetes_role, token, mount_point=settings.kubernetes_mount)
    else:
        raise SecretMissing(f"the secret {name} cannot be resolved: the worker has no login", remedy=HOW_TO_LOG_IN)
    try:
        login()
    except (exceptions.InvalidRequest, exceptions.Forbidden, exceptions.InvalidPath) as error:
        raise AccessDenied(
            f"the secret {name} cannot be resolved: Vault refuses the worker's {method} login",
            remedy=f"Check {check}, then retry",
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


@contextmanager
def translated(name: str, settings: VaultSettings) -> Iterator[None]:
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
