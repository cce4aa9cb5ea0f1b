"""Which processes of this machine hold locks on a file, so that an operator can end one that was stopped."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

LOCKS = Path("/proc/locks")
HELD = re.compile(r"^\d+: \S+ +\S+ +\S+ +(?P<pid>\d+) +\S+:\S+:(?P<inode>\d+) ", re.MULTILINE)
STATE = re.compile(r"^State:\s+(?P<state>\w)", re.MULTILINE)
STOPPED = "T"
CHECK_SECONDS = 10.0
"""A login waits no longer for a locked file: whoever tries it has 20 s, and is to learn the reason."""


def lock_holders(files: Iterable[Path]) -> str:
    """E.g. `process 4711 (stopped)`; '' where nobody is found, as on a system without /proc/locks. The files are not
    opened: closing one again would give up this process' own locks on it."""
    inodes = {file.stat().st_ino for file in files if file.exists()}
    found = HELD.finditer(_text(LOCKS))
    pids = sorted({int(match["pid"]) for match in found if int(match["inode"]) in inodes} - {0, os.getpid()})
    return ", ".join(f"process {pid}{_stopped(pid)}" for pid in pids)


def remedy(files: Iterable[Path]) -> str:
    """What to do about a file that stays locked."""
    holders = lock_holders(files)
    return f"The file is held by {holders}: let it end its work, or end it" if holders else "Another process holds it"


def _stopped(pid: int) -> str:
    state = STATE.search(_text(Path(f"/proc/{pid}/status")))
    return " (stopped)" if state is not None and state["state"] == STOPPED else ""


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
