"""A TCP line to a server that a test can cut and mend, so that the client sees a real outage."""

from __future__ import annotations

import asyncio
from types import TracebackType

from deploy.local.postgres_server import free_port


class CuttableLine:
    """Listens on a loopback port and passes bytes on to `target` (host:port) and back."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._port = free_port()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        """What a client connects to."""
        return f"127.0.0.1:{self._port}"

    async def __aenter__(self) -> CuttableLine:
        await self.mend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Listens."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)

    async def cut(self) -> None:
        """Ends all connections and refuses new ones."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        self._server = None

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            self._writers.discard(writer)
