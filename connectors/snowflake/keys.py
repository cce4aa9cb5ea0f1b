"""Private keys for key-pair authentication."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization

from core.errors import AccessDenied, NotFound


def private_key(path: Path, passphrase: str | None) -> bytes:
    """The key as the driver wants it (DER, PKCS#8). Raises NotFound, AccessDenied."""
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"there is no key file {path}", remedy="Check keyPairPath, on every worker") from None
    except OSError as error:
        raise AccessDenied(f"the key file {path} cannot be read: {type(error).__name__}") from None
    try:
        key = serialization.load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    except (TypeError, ValueError):
        raise AccessDenied(
            f"the key file {path} cannot be opened",
            remedy="Give it as PEM (PKCS#8), and its passphrase as the password of secretsRef",
        ) from None
    return key.private_bytes(
        encoding=serialization.Encoding.DER,
        format=serialization.PrivateFormat.PKCS8,
        encryption_algorithm=serialization.NoEncryption(),
    )
