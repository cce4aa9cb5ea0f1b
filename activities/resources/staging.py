"""Staging: where batches lie between stages. Objects appear whole or not at all, and nothing else lies there."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa

from core.errors import OutOfSpace, StagedBatchGone
from core.stopwatch import timed

READ_BYTES = 1024 * 1024
STAGING = "staging"
"""What reading and writing here is called on the stopwatch."""


class StagedObject:
    """An object that is being written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._arrow: pa.ipc.RecordBatchStreamWriter | None = None
        self.bytes = 0
        """Known when it is finished."""

    def write(self, piece: bytes) -> None:
        """Adds bytes of the native bulk format."""
        timed(STAGING, self._file.write, piece)

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Adds rows as Arrow IPC stream."""
        if self._arrow is None:
            self._arrow = pa.ipc.new_stream(self._file, batch.schema)
        timed(STAGING, self._arrow.write_batch, batch)

    def finish(self) -> None:
        """Ends the Arrow stream, where one was begun, and measures."""
        if self._arrow is not None:
            self._arrow.close()
        self._file.flush()
        self.bytes = self._file.tell()


class LocalStaging:
    """A folder that all workers of the job share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def writing(self, reference: str) -> Iterator[StagedObject]:
        """Writes an object; it appears at the end of the block unless the block fails. Raises OutOfSpace."""
        path = self._folder / reference
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb", buffering=1024 * 1024) as file:
                staged = StagedObject(file)
                yield staged
                timed(STAGING, staged.finish)
            timed(STAGING, os.replace, aside, path)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise OutOfSpace(
                f"staging folder {self._folder} is full", remedy="Free space there or move STERNA_STAGING, then retry"
            ) from error
        finally:
            aside.unlink(missing_ok=True)

    async def read(self, reference: str, size: int) -> AsyncIterator[bytes]:
        """The object's bytes in pieces; `size` is what was written. Raises StagedBatchGone."""
        with self._open(reference, size) as file:
            while piece := timed(STAGING, file.read, READ_BYTES):
                yield piece

    async def read_batches(self, reference: str, size: int) -> AsyncIterator[pa.RecordBatch]:
        """The object's rows; `size` is what was written. Raises StagedBatchGone."""
        with self._open(reference, size) as file:
            if size == 0:
                return
            batches = iter(timed(STAGING, pa.ipc.open_stream, file))
            while (batch := timed(STAGING, next, batches, None)) is not None:
                yield batch

    def delete(self, reference: str) -> None:
        """Takes an object away; gone already is fine."""
        timed(STAGING, (self._folder / reference).unlink, missing_ok=True)

    def clear(self, prefix: str) -> None:
        """Takes away everything below a prefix, unfinished objects too, and the folders that are left empty."""
        path = self._folder / prefix
        shutil.rmtree(path, ignore_errors=True)
        for parent in path.parents:
            if parent == self._folder or not _remove_if_empty(parent):
                break

    def _open(self, reference: str, size: int) -> IO[bytes]:
        """Staging is not flushed to disk: after a crash of the machine an object may be there and be cut short."""
        try:
            file = (self._folder / reference).open("rb")
        except FileNotFoundError as error:
            raise StagedBatchGone(f"{reference} is not in staging") from error
        if os.fstat(file.fileno()).st_size != size:
            file.close()
            raise StagedBatchGone(f"{reference} is not whole")
        return file


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
