"""Programs of contenders: pipes of two, or several at once, with what they said when they fail."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from bench.contender import Failed

PIPE_BYTES = 1024 * 1024
"""The most that Linux grants by default: fewer switches between the two clients."""
SHOWN_CHARACTERS = 600


def run_pipes(pipes: Sequence[tuple[list[str], list[str]]]) -> None:
    """Runs each pair as `first | second`, all at once. Raises Failed with what a client said."""
    started = [_start_pipe(first, second) for first, second in pipes]
    errors = []
    for pair in started:
        for process in pair:
            _, said = process.communicate()
            if process.returncode:
                errors.append(said.decode(errors="replace").strip())
    if errors:
        raise Failed("; ".join(errors))


def run_programs(
    *commands: Sequence[str], environment: Mapping[str, str] | None = None, seconds: float | None = None
) -> str:
    """Runs programs at once, waits and returns what the last said. Raises Failed with the end of what one said.

    `environment` is added to this process's own; after `seconds` everything is ended.
    """
    with tempfile.TemporaryFile() as log:
        started = [
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
            for command in commands
        ]
        try:
            statuses = [process.wait(seconds) for process in started]
        except subprocess.TimeoutExpired:
            raise Failed(f"not done after {seconds:.0f} s") from None
        finally:
            for process in started:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # what a tool has left behind, too
                process.wait()
        log.seek(0)
        said = log.read().decode(errors="replace").strip()
    if any(statuses):
        raise Failed(said[-SHOWN_CHARACTERS:])
    return said


def _start_pipe(first: list[str], second: list[str]) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    writer = subprocess.Popen(first, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    pipe: IO[bytes] | None = writer.stdout
    assert pipe is not None
    with suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    reader = subprocess.Popen(second, stdin=pipe, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    pipe.close()  # the reader's end: a reader that dies ends the writer by SIGPIPE
    writer.stdout = None
    return writer, reader
