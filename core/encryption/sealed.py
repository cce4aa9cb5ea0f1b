"""The type of fields that travel through Temporal encrypted."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

PREFIX = "sealed:1"

Sealed = Annotated[str, StringConstraints(pattern=rf"^{PREFIX}:[\w-]+:[\w-]+$")]
"""A text that only holders of the key can read: format, key id, and nonce and AES-256-GCM ciphertext in base64url.
Workflows pass it on as it is."""
