"""Finds the key ring that STERNA_ENCRYPTION_KEYS names, in Vault too."""

from __future__ import annotations

from activities.resources.secrets import Secrets
from activities.resources.vault import Vault
from core.encryption.key_ring import KeyRing, open_key_ring, parse_keys


def find_key_ring(reference: str | None) -> KeyRing:
    """As `open_key_ring`; `vault:/mount/path#field` names the field of a secret that holds the lines. May block.
    Raises InvalidConfiguration, SecretMissing, AccessDenied, Unavailable."""
    if reference is None or not reference.startswith("vault:"):
        return open_key_ring(reference)
    vault = Vault()
    try:
        return parse_keys(Secrets({"vault": vault.read}).resolve(reference).password or "")
    finally:
        vault.close()
