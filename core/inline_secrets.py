"""Finds secrets that a request holds instead of naming their place."""

from __future__ import annotations

import re
from typing import Any

PASSWORD_FIELD = re.compile(r"pass(word|wd|phrase)?$|^pwd$|secret(?!s?ref)|token|api_?key|private_?key", re.IGNORECASE)
PASSWORD_IN_URL = re.compile(r"://[^@\s]*:[^@\s]+@|[?&;](password|passwd|pwd|token)=[^&;\s]", re.IGNORECASE)
PLACE = 'name its place in secretsRef, e.g. "secretsRef": "env:PG_PROD" or "file:/run/secrets/pg"'


def refuse_inline_secrets(name: str, value: Any) -> None:
    """Looks into objects and lists too. Raises ValueError that says what to do and never shows the value."""
    if PASSWORD_FIELD.search(name.rpartition(".")[2]):
        raise ValueError(f"the field '{name}' would store a secret. Remove it and {PLACE}")
    if isinstance(value, str) and PASSWORD_IN_URL.search(value):
        raise ValueError(f"the field '{name}' holds a URL with a password. Take it out and {PLACE}")
    if isinstance(value, dict):
        for key, inner in value.items():
            refuse_inline_secrets(f"{name}.{key}", inner)
    if isinstance(value, list):
        for inner in value:
            refuse_inline_secrets(name, inner)
