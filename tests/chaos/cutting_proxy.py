"""A way to a database that is cut just there where it hurts: after the COMMIT went out, before its answer is back."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Coroutine
from typing import Any

from tests.forwarder import PIECE, Forwarder

Recognise = Callable[[bytes], bool]


def commits_in_postgres(piece: bytes) -> bool:
    """A simple query (PostgreSQL, "Message Formats": Query)."""
    return piece[:1] == b"Q" and piece[5:11].upper() == b"COMMIT"


def commits_in_mysql(piece: bytes) -> bool:
    """COM_QUERY (MySQL client/server protocol), behind the packet's header of four bytes."""
    return piece[4:5] == b"\x03" and piece[5:11].upper() == b"COMMIT"


def commits_in_oracle(piece: bytes) -> bool:
    """The function call OCOMMIT of the thin driver, by itself or behind the closing of cursors. The calls that begin a
    transaction or run a statement are longer."""
    return piece[4:5] == b"\x06" and b"\x03\x0e" in piece[10:] and len(piece) < 64


COMMITS: dict[str, Recognise] = {
    "POSTGRES": commits_in_postgres,
    "MYSQL": commits_in_mysql,
    "ORACLE": commits_in_oracle,
}


LOADS = re.compile(rb"copy [^(]{1,80}\([^)]*\) from stdin|load data|insert into [^(]{0,20}readings", re.IGNORECASE)


class CuttingProxy(Forwarder):
    """Passes everything on, and cuts a connection where `cut_commit` or `cut_anywhere` says so. A commit is cut when
    the server has answered it: then it has happened, and only the client does not know. Only sessions that
    load are cut so."""

    def __init__(
        self,
        target: int,
        commits: Recognise,
        *,
        cut_commit: Callable[[], bool] = lambda: False,
        cut_anywhere: Callable[[], bool] = lambda: False,
    ) -> None:
        """Both are asked in the proxy's own thread: for each commit, and for each other piece that a client sends."""
        super().__init__(target)
        self._commits = commits
        self._cut_commit = cut_commit
        self._cut_anywhere = cut_anywhere
        self.commits_cut = 0
        self.others_cut = 0
        self.loads_cut = 0
        """How many of the others had begun to load."""

    def pumps(
        self,
        reader: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> tuple[Coroutine[Any, Any, None], Coroutine[Any, Any, None]]:
        withheld = asyncio.Event()
        return self._to_server(reader, onward, writer, withheld), self._to_client(there, writer, withheld)

    async def _to_server(
        self,
        reader: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        withheld: asyncio.Event,
    ) -> None:
        loads = False
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE):
                loads = loads or LOADS.search(piece) is not None
                if self._commits(piece):
                    if loads and self._cut_commit():
                        withheld.set()
                elif self._cut_anywhere():
                    self.others_cut += 1
                    self.loads_cut += loads
                    onward.transport.abort()
                    writer.transport.abort()
                    return
                onward.write(piece)
                await onward.drain()

    async def _to_client(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, withheld: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await there.read(PIECE):
                if withheld.is_set():
                    self.commits_cut += 1
                    writer.transport.abort()
                    return
                writer.write(piece)
                await writer.drain()
