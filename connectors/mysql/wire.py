"""What Sterna asks of the protocol beyond the driver: rows as bytes without an object for each, data from memory.

PyMySQL is pure Python, so its parts can be used one by one: its methods for packets are below its public interface
(hence the bound on its version), but follow the protocol, which does not change (MySQL Internals, "Text Resultset" and
"LOCAL INFILE Request").
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from typing import Any

from pymysql import err
from pymysql.connections import Connection
from pymysql.constants import CLIENT, COMMAND
from pymysql.protocol import OKPacketWrapper

LONGEST_PACKET = 0xFFFFFF
"""A payload of that length goes on in the next packet."""
READ_BYTES = 1024 * 1024
WRITE_BYTES = 128 * 1024
END = 0xFE
ERROR = 0xFF
NULL = 0xFB


class WireConnection(Connection):  # type: ignore[misc]
    """A connection of the driver that never opens a file: the server may ask for any by LOCAL INFILE, and gets the data
    of the statement that runs, or the connection ends."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(client_flag=CLIENT.LOCAL_FILES, local_infile=False, defer_connect=True, **arguments)

    def load_local(self, sql: str, data: Iterable[bytes]) -> tuple[int, int]:
        """Runs LOAD DATA LOCAL over `data`; the rows that were taken, and the number of warnings."""
        self._execute_command(COMMAND.COM_QUERY, sql)
        if not self._read_packet().is_load_local_packet():
            raise err.OperationalError(2014, "the server did not ask for the data")
        for piece in data:
            for start in range(0, len(piece), WRITE_BYTES):
                self.write_packet(piece[start : start + WRITE_BYTES])
        self.write_packet(b"")
        outcome = OKPacketWrapper(self._read_packet())
        return outcome.affected_rows, outcome.warning_count

    def start_rows(self, sql: str) -> TextRows:
        """Runs a query of one column of text."""
        self._execute_command(COMMAND.COM_QUERY, sql)
        self._read_query_result(unbuffered=True)
        self._result.unbuffered_active = False  # the rows are read below, not by the driver
        self._result: Any = None
        return TextRows(self._rfile)

    def wait_for_ever(self) -> None:
        """Ends the timeouts of the login: a statement may rightly be silent for days."""
        self._read_timeout = self._write_timeout = None

    def shut_down(self) -> None:
        """From any thread: whoever waits for the server hears that the connection is lost."""
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def close_now(self) -> None:
        """Lets go of the socket, whatever is on its way."""
        self._force_close()


class TextRows:
    """The rows of a query of one column, as they arrive."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = b""
        self._begun: list[bytes] = []
        self.done = False
        self.missing = 0
        """Rows whose text is NULL."""

    def part(self, size: int) -> list[bytes]:
        """The texts of the next rows, `size` bytes or a little more; none once all have been read."""
        texts: list[bytes] = []
        taken = 0
        while not self.done and taken < size:
            taken += self._take(texts)
        return texts

    def _take(self, texts: list[bytes]) -> int:
        """Cuts what one read brings into payloads; the bytes that were used up."""
        data = self._left + self._read(READ_BYTES)
        position, end = 0, len(data)
        while position + 4 <= end:
            length = data[position] | data[position + 1] << 8 | data[position + 2] << 16
            after = position + 4 + length
            if after > end:
                data += self._read(after - end, whole=True)
                end = len(data)
            if length == LONGEST_PACKET or self._begun:
                self._begun.append(data[position + 4 : after])
                if length < LONGEST_PACKET:
                    payload, self._begun = b"".join(self._begun), []
                    self._payload(payload, texts)
            elif length and (kind := data[position + 4]) < NULL:
                texts.append(data[position + 5 : after])
            elif length and kind == 0xFC:
                texts.append(data[position + 7 : after])
            else:
                self._payload(data[position + 4 : after], texts)
            position = after
            if self.done:
                break
        self._left = data[position:]
        return position

    def _payload(self, payload: bytes, texts: list[bytes]) -> None:
        kind = payload[0]
        if kind == END and len(payload) < 9:
            self.done = True
        elif kind == ERROR:
            self.done = True
            err.raise_mysql_exception(payload)
        elif kind == NULL:
            self.missing += 1
        else:
            texts.append(payload[{0xFC: 3, 0xFD: 4, END: 9}.get(kind, 1) :])

    def _read(self, size: int, *, whole: bool = False) -> bytes:
        try:
            data: bytes = self._stream.read(size) if whole else self._stream.read1(size)
        except OSError:
            data = b""
        if not data or (whole and len(data) < size):
            self.done = True
            raise err.OperationalError(2013, "Lost connection to MySQL server during query")
        return data
