"""Encrypted files: frames of 1 MB, each AES-256-GCM, so that files of any size stream in bounded memory.

A file is a header (format, salt) and frames. The salt makes a key of its own for each file, so that a nonce may be the
frame's number, with a mark on the last frame: frames that are missing at the end, or in another order, do not open. The
file's name is bound to every frame: a file that lies under another's name does not open either.

A frame takes about 0.1 ms, less than it would take to hand it to a thread.
"""

from __future__ import annotations

import io
import secrets
from typing import IO, TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.encryption.key_ring import derived
from core.errors import Damaged

if TYPE_CHECKING:
    from typing_extensions import Buffer

FORMAT = b"STERNA\x001"
SALT_BYTES = 16
HEADER_BYTES = len(FORMAT) + SALT_BYTES
FRAME_BYTES = 1024 * 1024
TAG_BYTES = 16
PURPOSE = "file"


class SealingFile(io.RawIOBase):
    """Writes through to `file`, which stays open. Without `finish` the file cannot be read."""

    def __init__(self, file: IO[bytes], key: bytes, name: str) -> None:
        """`key`: of 32 bytes; `name`: what it must be read by."""
        super().__init__()
        header = FORMAT + secrets.token_bytes(SALT_BYTES)
        self._file = file
        self._frames = _Frames(key, header, name)
        self._frame = memoryview(
            bytearray(FRAME_BYTES)
        )  # one for all frames: a new one each would cost more than sealing
        self._filled = 0
        self.plain_bytes = 0
        """Written so far, before encryption."""
        file.write(header)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Takes all of `data`; a full frame is written once there is more behind it."""
        view = memoryview(data).cast("B")
        taken = 0
        while taken < len(view):
            if self._filled == FRAME_BYTES:
                self._file.write(self._frames.seal(self._frame, last=False))
                self._filled = 0
            piece = view[taken : taken + FRAME_BYTES - self._filled]
            self._frame[self._filled : self._filled + len(piece)] = piece
            self._filled += len(piece)
            taken += len(piece)
        self.plain_bytes += taken
        return taken

    def finish(self) -> None:
        """Writes the last frame."""
        self._file.write(self._frames.seal(self._frame[: self._filled], last=True))


class OpeningFile(io.RawIOBase):
    """The content of what a SealingFile wrote. Reading raises Damaged where it is not that."""

    def __init__(self, file: IO[bytes], key: bytes, name: str) -> None:
        """Closes `file` with itself."""
        super().__init__()
        self._file = file
        self._name = name
        header = file.read(HEADER_BYTES)
        if len(header) != HEADER_BYTES or not header.startswith(FORMAT):
            raise Damaged(f"{name} is not encrypted by Sterna, or not whole")
        self._frames = _Frames(key, header, name)
        self._next = file.read(FRAME_BYTES + TAG_BYTES)
        self._plain = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """As many bytes as are at hand, at most a frame; 0 at the end."""
        if not self._plain and not self._ended:
            self._open_frame()
        target = memoryview(buffer).cast("B")
        taken = self._plain[: len(target)]
        target[: len(taken)] = taken
        self._plain = self._plain[len(taken) :]
        return len(taken)

    def close(self) -> None:
        """Closes the file below too."""
        self._file.close()
        super().close()

    def _open_frame(self) -> None:
        frame, self._next = self._next, self._file.read(FRAME_BYTES + TAG_BYTES)
        self._ended = not self._next
        try:
            self._plain = memoryview(self._frames.open(frame, last=self._ended))
        except InvalidTag as error:
            raise Damaged(f"{self._name} was changed or cut short since it was written") from error


class _Frames:
    """Seals or opens the frames of one file, in their order."""

    def __init__(self, key: bytes, header: bytes, name: str) -> None:
        self._cipher = AESGCM(derived(key, header[len(FORMAT) :], PURPOSE))
        self._bound = header + name.encode()
        self._number = 0

    def seal(self, plain: memoryview, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(last), plain, self._bound)

    def open(self, sealed: bytes, *, last: bool) -> bytes:
        return self._cipher.decrypt(self._nonce(last), sealed, self._bound)

    def _nonce(self, last: bool) -> bytes:
        nonce = bytes([last, 0, 0, 0]) + self._number.to_bytes(8, "big")
        self._number += 1
        return nonce


def sealed_bytes(plain_bytes: int) -> int:
    """How long a file with so many bytes is."""
    frames = max(1, -(-plain_bytes // FRAME_BYTES))
    return HEADER_BYTES + plain_bytes + frames * TAG_BYTES
