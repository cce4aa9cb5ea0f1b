"""The keys of this installation: the newest encrypts, all of them decrypt."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import InvalidConfiguration, SecretMissing

SETTING = "STERNA_ENCRYPTION_KEYS"
KEY_BYTES = 32
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
MAKE_ONE = (
    f"Make a key file with 'sterna encryption-keys new FILE', set {SETTING}=file:FILE for the API and every worker"
)
KEEP_OLD_KEYS = f"Put that key back into what {SETTING} names, for the API and every worker"


class KeyRing:
    """Keys by id, the newest last. A key is never used itself: each purpose has one derived from it."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys`: 32 bytes each, at least one."""
        self._keys = dict(keys)
        self.newest = next(reversed(self._keys))
        """Id of the key that encrypts."""

    def key(self, key_id: str, purpose: str) -> bytes:
        """The key of that id for one purpose. Raises SecretMissing where the ring does not have it."""
        if key_id not in self._keys:
            raise SecretMissing(f"the encryption key {key_id} is not in the key ring", remedy=KEEP_OLD_KEYS)
        return derived(self._keys[key_id], b"", purpose)


def derived(key: bytes, salt: bytes, purpose: str) -> bytes:
    """A key for one purpose (HKDF, RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt, f"sterna {purpose}".encode()).derive(key)


def open_key_ring(reference: str | None) -> KeyRing:
    """The ring that the setting names: `file:PATH` or `env:VARIABLE`. Raises InvalidConfiguration, SecretMissing."""
    if not reference:
        raise InvalidConfiguration(
            f"{SETTING} is not set: documents and values in Temporal's history are never left unencrypted",
            remedy=MAKE_ONE,
        )
    scheme, _, place = reference.partition(":")
    if scheme == "file":
        return parse_keys(_read(Path(place)))
    if scheme == "env":
        return parse_keys(_variable(place))
    raise InvalidConfiguration(
        f"{SETTING} names no place where keys can be", remedy="It is file:PATH, env:VARIABLE or vault:/mount/path#field"
    )


def parse_keys(text: str) -> KeyRing:
    """Keys of the form `ID BASE64`, one a line, the newest last; lines that begin with # are skipped."""
    keys: dict[str, bytes] = {}
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for number, words in enumerate(lines, 1):
        key = _decoded(words[1]) if len(words) == 2 and KEY_ID.fullmatch(words[0]) else b""
        if len(key) != KEY_BYTES or words[0] in keys:
            raise InvalidConfiguration(
                f"key {number} of what {SETTING} names cannot be used",
                remedy="A line is an id (letters, digits, - and _), a blank and 32 bytes in base64; ids differ",
            )
        keys[words[0]] = key
    if not keys:
        raise InvalidConfiguration(f"what {SETTING} names has no key", remedy=MAKE_ONE)
    return KeyRing(keys)


def add_key(path: Path) -> str:
    """Adds a new key to a key file, which is made (readable by its owner only) where it is missing. The key's id."""
    key_id = f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)}"
    line = f"{key_id} {base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="ascii") as file:
        file.write(line)
    return key_id


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SecretMissing(
            f"the key file {path} of {SETTING} cannot be read: {error.strerror}", remedy=MAKE_ONE
        ) from error


def _variable(name: str) -> str:
    text = os.environ.get(name)
    if text is None:
        raise SecretMissing(f"the variable {name} that {SETTING} names is not set", remedy=MAKE_ONE)
    return text


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
