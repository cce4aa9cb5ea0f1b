"""A wall clock that can be put an hour forward or back under running processes (Debian's libfaketime)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RIGHT = "+0"
CACHED_SECONDS = 1
"""How long a process goes by what it has read of the file."""


class JumpingClock:
    """Processes that start with `environment` ask a file how far their wall clock is off. Monotonic clocks, by which
    programs wait, go on as they do when a machine's clock is set."""

    def __init__(self, file: Path) -> None:
        self._file = file
        libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        self.can_jump = bool(libraries)
        self.environment: dict[str, str] = {}
        if libraries:
            self._set(RIGHT)
            self.environment = {
                "LD_PRELOAD": str(libraries[0]),
                "FAKETIME_TIMESTAMP_FILE": str(file),
                "FAKETIME_CACHE_DURATION": str(CACHED_SECONDS),
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
            }

    @contextmanager
    def off_by(self, seconds: float) -> Iterator[float]:
        """Every such clock is off within the block. Gives what a process that starts now sees of it."""
        self._set(f"{seconds:+.0f}")
        try:
            time.sleep(CACHED_SECONDS)
            seen = subprocess.run(
                [sys.executable, "-c", "import time; print(time.time())"],
                env={**os.environ, **self.environment},
                check=True,
                capture_output=True,
                text=True,
            )
            yield float(seen.stdout) - time.time()
        finally:
            self._set(RIGHT)

    def _set(self, offset: str) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset}\n", encoding="ascii")
        new.replace(self._file)
