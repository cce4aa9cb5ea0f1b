"""What the databases themselves allow: their own bulk commands through their own clients, and nothing between."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from bench.contender import Failed

PIPE_BYTES = 1024 * 1024
"""The most that Linux grants by default: fewer switches between the two clients."""


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


def run_programs(*commands: Sequence[str], environment: dict[str, str] | None = None, log: Path | None = None) -> None:
    """Runs programs at once and waits. Raises Failed with the end of what one said."""
    started = [
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
        )
        for command in commands
    ]
    for process in started:
        said, _ = process.communicate()
        if log is not None:
            log.write_bytes(said)
        if process.returncode:
            raise Failed(said.decode(errors="replace").strip()[-600:])


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
