"""Where the command line finds its API key."""

from __future__ import annotations

import json
import os
from pathlib import Path

KEY_VARIABLE = "STERNA_API_KEY"
FILE_VARIABLE = "STERNA_API_KEY_FILE"
LOCAL_STACKS = (Path("var/stack"), Path("/var/lib/sterna"))
ACCESS_FILE = "access.json"
"""What a stack on this machine leaves in its folder, for its user only: `{"api": address, "key": secret}`."""


def find_key(address: str) -> str | None:
    """The key for an API: STERNA_API_KEY, the file that STERNA_API_KEY_FILE names, or that of the stack on this machine
    which has this address. None where there is none."""
    if key := os.environ.get(KEY_VARIABLE):
        return key
    if file := os.environ.get(FILE_VARIABLE):
        return Path(file).read_text(encoding="utf-8").strip()
    for folder in LOCAL_STACKS:
        try:
            found = json.loads((folder / ACCESS_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if found.get("api") == address:
            return str(found["key"])
    return None


def write_access(folder: Path, address: str, key: str) -> Path:
    """Leaves a stack's address and key to the command line; returns the file."""
    file = folder / ACCESS_FILE
    write_private(file, json.dumps({"api": address, "key": key}))
    return file


def write_private(file: Path, text: str) -> None:
    """Appears whole, for its user only."""
    new = file.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
    new.replace(file)


def read_access_key(folder: Path) -> str | None:
    """The key that a stack in this folder had before; None where it had none."""
    try:
        return str(json.loads((folder / ACCESS_FILE).read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError):
        return None
