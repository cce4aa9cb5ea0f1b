"""What lies in a wallet's folder on a worker: `ewallet.pem` for TLS, and `login.json` for jobs that name no login.

python-oracledb's thin mode reads ewallet.pem only. It cannot read a secure external password store (ewallet.p12,
cwallet.sso), so the login that Oracle's own tools keep there is written beside it, as plain JSON for the worker alone.
"""

from __future__ import annotations

import json
import os
import ssl
import stat
from pathlib import Path

from connectors.contract import Credentials
from connectors.oracle.options import OracleOptions
from core.errors import AccessDenied, InvalidConfiguration, NotFound, SecretMissing

CERTIFICATES = "ewallet.pem"
LOGIN = "login.json"
LOGIN_FORM = '{"username": …, "password": …, "walletPassword": …}'


def login(options: OracleOptions, credentials: Credentials) -> Credentials:
    """The credentials, with what the wallet's folder adds: the login where the job names none, and the wallet's
    password where the secret has none. Raises SecretMissing, AccessDenied, InvalidConfiguration."""
    if options.wallet_path is None:
        return credentials
    anonymous = not (options.user or credentials.username or credentials.password)
    if not anonymous and (credentials.wallet_password or not options.encrypted):
        return credentials
    path = Path(options.wallet_path) / LOGIN
    kept = _read_login(path)
    if kept is None:
        if anonymous:
            raise SecretMissing(
                f"the job names no login (neither secretsRef nor user), and {path} is not on this worker",
                remedy=f"Name its place in secretsRef, or write {LOGIN_FORM} there on every worker, readable by "
                "the worker's user alone, then retry",
            )
        return credentials
    wallet_password = credentials.wallet_password or kept.wallet_password
    if anonymous:
        return Credentials(kept.username, kept.password, wallet_password)
    return Credentials(credentials.username, credentials.password, wallet_password)


def check(folder: str, password: str | None) -> None:
    """Says what is wrong with the wallet before the driver meets it: that would take a wrong password for a wallet
    without a key, and without a password OpenSSL would ask for one at the terminal.

    Raises NotFound, SecretMissing, AccessDenied, InvalidConfiguration.
    """
    file = Path(folder) / CERTIFICATES
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(
            f"the wallet {file} is not on this worker",
            remedy="Put it on every worker (thin mode reads this file only), or leave walletPath out and set protocol "
            "to tcp, then retry",
        ) from error
    except OSError as error:
        raise AccessDenied(
            f"the wallet {file} cannot be read: {error.strerror}",
            remedy="Make it readable for the worker's user, then retry",
        ) from error
    if b"PRIVATE KEY-----" not in content:  # it only says whom to trust
        return
    if b"ENCRYPTED" in content and not password:
        raise SecretMissing(
            f"the wallet {file} is encrypted and its password is not known",
            remedy=f"Write it as walletPassword into the secret, or into {LOGIN} beside the wallet, then retry",
        )
    _open(file, password or "")


def _open(file: Path, password: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(file, password=password)
    except ssl.SSLError as error:
        if b"ENCRYPTED" in file.read_bytes():
            raise AccessDenied(
                f"the wallet {file} does not open with its password",
                remedy=f"Check walletPassword of the secret, or of {LOGIN} beside the wallet, then retry",
            ) from error
        raise InvalidConfiguration(
            f"the wallet {file} holds no key with its certificate",
            remedy="Export it again: key, certificate and the authorities to trust, as PEM",
        ) from error


def _read_login(path: Path) -> Credentials | None:
    """None where there is no such file."""
    try:
        with path.open(encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & stat.S_IRWXO:
                raise AccessDenied(
                    f"{path} holds a password and is open to every user of the worker's machine",
                    remedy=f"chmod 600 {path} (and change the password, if others had access), then retry",
                )
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SecretMissing(
            f"{path} cannot be read: {error.strerror}", remedy="Make it readable for the worker's user, then retry"
        ) from error
    return _parse(path, text)


def _parse(path: Path, text: str) -> Credentials:
    try:
        kept = json.loads(text)
    except ValueError:
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
        raise InvalidConfiguration(f"{path} is no JSON object of texts", remedy=f"Write {LOGIN_FORM}")
    return Credentials(kept.get("username"), kept.get("password"), kept.get("walletPassword"))
