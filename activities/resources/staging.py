"""Staging: where batches lie between stages. Objects appear whole or not at all, and nothing else lies there."""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from core.documents import job_folder
from core.encryption.frames import OpeningFile, SealingFile, sealed_bytes
from core.errors import Damaged, OutOfSpace, StagedBatchGone
from core.stopwatch import timed

if TYPE_CHECKING:
    from core.encryption.data_keys import DataKeys

READ_BYTES = 1024 * 1024
STAGING = "staging"
"""What reading and writing here is called on the stopwatch."""


class StagedObject:
    """An object that is being written."""

    def __init__(self, file: IO[bytes] | SealingFile) -> None:
        self._file = file
        self._arrow: pa.ipc.RecordBatchStreamWriter | None = None
        self.bytes = 0
        """Of its content; known when it is finished."""

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
        if isinstance(self._file, SealingFile):
            self._file.finish()
            self.bytes = self._file.plain_bytes
        else:
            self._file.flush()
            self.bytes = self._file.tell()


class LocalStaging:
    """A folder that all workers of the job share."""

    def __init__(self, folder: Path, keys: DataKeys | None = None) -> None:
        """`keys`: of the jobs, by which objects are encrypted; None: they are not. The same for all workers."""
        self._folder = folder
        self._keys = keys

    @contextmanager
    def writing(self, reference: str) -> Iterator[StagedObject]:
        """Writes an object; it appears at the end of the block unless the block fails. Raises OutOfSpace."""
        path = self._folder / reference
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb", buffering=1024 * 1024) as file:
                staged = StagedObject(file if self._keys is None else self._sealing(self._keys, file, reference))
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
        with self._open(reference, size) as file, _as_gone(reference):
            while piece := timed(STAGING, file.read, READ_BYTES):
                yield piece

    async def read_batches(self, reference: str, size: int) -> AsyncIterator[pa.RecordBatch]:
        """The object's rows; `size` is what was written. Raises StagedBatchGone."""
        with self._open(reference, size) as file, _as_gone(reference):
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
        written = size if self._keys is None else sealed_bytes(size)
        if os.fstat(file.fileno()).st_size != written:
            file.close()
            raise StagedBatchGone(f"{reference} is not whole, or not encrypted as STERNA_ENCRYPT_STAGING says")
        if self._keys is None:
            return file
        with _as_gone(reference):
            return io.BufferedReader(
                OpeningFile(file, self._keys.key_to_read(_scope(reference)), reference), READ_BYTES
            )

    def _sealing(self, keys: DataKeys, file: IO[bytes], reference: str) -> SealingFile:
        return SealingFile(file, keys.key_to_write(_scope(reference)), reference)


@contextmanager
def _as_gone(reference: str) -> Iterator[None]:
    """Extracting again mends an object that was changed: a crash of the machine may have done it."""
    try:
        yield
    except Damaged as error:
        raise StagedBatchGone(f"{reference} is not what was staged: {error}") from error


def _scope(reference: str) -> str:
    """The job's documents and staged objects have one data key."""
    return job_folder(reference.partition("/")[0])


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
