"""What the Mirror's wire layer (seerdb 3.3.0) lacks for these tests: a break ends the statement that runs, array DML of
any size arrives whole, and a connection can be cut at a given packet."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from seerdb.common.exceptions import InterfaceError, Truncated
from seerdb.server import session
from seerdb.server.framing import PacketStream
from seerdb.server.service import Server

if TYPE_CHECKING:
    from tests.oracle_server.backend import OracleBackend

DATA, MARKER = 6, 12
END_OF_REQUEST = 0x0800
EXECUTE = 4
MORE_SECONDS = 20.0
RESET_AT_ONCE = struct.pack("ii", 1, 0)

log = logging.getLogger("oracle_server")


class WireStream(PacketStream):
    """One client's packets."""

    def __init__(self, client: socket.socket, backend: OracleBackend) -> None:
        super().__init__(client)
        backend.stream = self
        self.packets_left: int | None = None
        """Answers until the connection is cut; None: it is not."""
        self._broken_off = False

    @contextlib.contextmanager
    def cancellable(self, cancel: Callable[[], None]) -> Iterator[None]:
        """While the block runs, a break from the client calls `cancel`."""
        finished, finish = socket.socketpair()

        def watch() -> None:
            ready, _, _ = select.select([self._sock, finished], [], [])
            if finished in ready:
                return
            with contextlib.suppress(OSError):
                head = self._sock.recv(8, socket.MSG_PEEK)
                if len(head) == 8 and head[4] == MARKER:
                    self._broken_off = True
                    cancel()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            finish.send(b"x")
            watcher.join()
            finish.close()
            finished.close()

    def read_packet(self, *, within: float | None = None) -> Any:
        """The next packet; a broken call ends with it."""
        packet = super().read_packet(within=within)
        self._broken_off = False
        return packet

    def write_packet(self, packet_type: int, body: bytes) -> None:
        """Sends an answer, unless its call was broken off (the reset exchange answers it) or the line is cut."""
        if packet_type == DATA:
            if self._broken_off:
                return
            self._count_down()
        super().write_packet(packet_type, body)

    def _count_down(self) -> None:
        if self.packets_left is None:
            return
        if self.packets_left == 0:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
            self._sock.close()
            raise ConnectionResetError("cut by the test")
        self.packets_left -= 1


class WireServer(Server):
    """Serves each client with a stream of ours."""

    def _serve(self, client: socket.socket, address: Any) -> None:
        backend: Any = None
        try:
            backend = self._backend_factory()
            session.serve_session(WireStream(client, backend), backend, field_version=self._field_version)
        except Exception as error:
            log.info("session of %s ended: %s", address, error)
        finally:
            if backend is not None:
                with contextlib.suppress(Exception):
                    backend.close()
            client.close()


parsed = threading.local()
"""Each session has a thread of its own."""
parse_exec, parse_reexecute = session.parse_exec, session.parse_reexecute


def whole_exec(payload: bytes, *args: Any, **named: Any) -> Any:
    """The Mirror takes an array DML for complete when a packet ends where a row does, and reads each message twice,
    which takes long for thousands of rows: the second time it gets what was found the first time."""
    if getattr(parsed, "payload", None) is payload:
        parsed.payload = None
        return parsed.request
    request = parse_exec(payload, *args, **named)
    if request.bind_rows and len(request.bind_rows) < request.iterations:
        raise Truncated(f"{len(request.bind_rows)} of {request.iterations} rows")
    parsed.payload, parsed.request = payload, request
    return request


def whole_reexecute(payload: bytes, *args: Any, **named: Any) -> Any:
    """As `whole_exec`, for a statement that is run again."""
    request = parse_reexecute(payload, *args, **named)
    if payload[1] == EXECUTE and request.bind_rows and len(request.bind_rows) < request.fetch:
        raise Truncated(f"{len(request.bind_rows)} of {request.fetch} rows")
    return request


def complete_message(stream: WireStream, body: bytes, parse: Callable[[bytes], object]) -> bytes | None:
    """The Mirror parses a message from its start again for every packet; here all that is on its way is taken first."""
    while True:
        try:
            parse(body)
            return body
        except Truncated:
            body += _more(stream)


def _more(stream: WireStream) -> bytes:
    parts: list[bytes] = []
    while True:
        packet = stream.read_packet(within=MORE_SECONDS)
        if packet is None or packet[0] != DATA:
            raise InterfaceError("the connection ended within a message")
        parts.append(packet[1])
        waiting = stream._acc or select.select([stream._sock], [], [], 0.02)[0]
        if stream.last_data_flags & END_OF_REQUEST or not waiting:
            return b"".join(parts)


session.parse_exec, session.parse_reexecute = whole_exec, whole_reexecute
session._complete_message = complete_message
