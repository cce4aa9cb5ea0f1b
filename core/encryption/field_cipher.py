"""Encrypts single fields of what travels through Temporal, so that all others stay readable in its history."""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.encryption.key_ring import KeyRing
from core.encryption.sealed import PREFIX, Sealed
from core.errors import Damaged

NONCE_BYTES = 12


class FieldCipher:
    """Seals and opens fields."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def seal(self, text: str, place: str) -> Sealed:
        """Encrypts by the newest key. `place` (of which job, which field) must be named again to open it: what was
        sealed for one cannot be passed off for another."""
        nonce, key_id = secrets.token_bytes(NONCE_BYTES), self._ring.newest
        sealed = self._cipher(key_id).encrypt(nonce, text.encode(), _bound(key_id, place))
        return f"{PREFIX}:{key_id}:{base64.urlsafe_b64encode(nonce + sealed).decode().rstrip('=')}"

    def open(self, token: Sealed, place: str) -> str:
        """The text. Raises SecretMissing where the key is gone, Damaged where it is not what was sealed there."""
        key_id, _, body = token.removeprefix(f"{PREFIX}:").partition(":")
        try:
            sealed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            opened = self._cipher(key_id).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(key_id, place))
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise Damaged(f"a sealed value of {place} was changed, or belongs elsewhere") from error
        return opened.decode()

    def is_newest(self, token: Sealed) -> bool:
        """It was sealed by the key that encrypts now."""
        return token.startswith(f"{PREFIX}:{self._ring.newest}:")

    def _cipher(self, key_id: str) -> AESGCM:
        return AESGCM(self._ring.key(key_id, "field"))


def _bound(key_id: str, place: str) -> bytes:
    return f"{PREFIX}:{key_id}:{place}".encode()
