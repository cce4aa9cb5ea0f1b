"""Data keys: each job's documents and staged batches have a key of their own, which lies beside its documents, wrapped
by a key of the ring. Whoever deletes a job's documents deletes it, and then nothing that is left of them opens."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from core.encryption.field_cipher import FieldCipher
from core.encryption.key_ring import KEY_BYTES
from core.errors import Damaged

FILE = ".data-key.json"


class DataKeys:
    """Keys by scope: `jobs/{job_id}`, `plans`. Kept in memory once they were unwrapped."""

    def __init__(self, folder: Path, fields: FieldCipher) -> None:
        """`folder`: of the documents, shared by all processes."""
        self._folder = folder
        self._fields = fields
        self._known: dict[str, bytes] = {}

    def key_to_write(self, scope: str) -> bytes:
        """The scope's key, made where there is none. Of processes that make one at once, one wins, for all."""
        path = self._folder / scope / FILE
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._put(path, self._wrapped(secrets.token_bytes(KEY_BYTES), scope), replace=False)
            self._known.pop(scope, None)
        return self.key_to_read(scope)

    def key_to_read(self, scope: str) -> bytes:
        """The scope's key. Raises Damaged where it is gone or was changed, SecretMissing where the ring lacks the key
        that unwraps it."""
        if scope not in self._known:
            self._known[scope] = self._unwrapped(scope)
        return self._known[scope]

    def rewrap(self) -> int:
        """Wraps every key by the newest of the ring, so that older ones are needed for documents no more. How many were
        not yet."""
        return sum(self._rewrap(scope) for scope in self._scopes())

    def _rewrap(self, scope: str) -> bool:
        path = self._folder / scope / FILE
        before = path.read_text(encoding="ascii")
        if self._fields.is_newest(_token(before, scope)):
            return False
        self._put(path, self._wrapped(self._unwrapped(scope), scope), replace=True)
        return True

    def _scopes(self) -> Iterator[str]:
        for path in sorted(self._folder.rglob(FILE)):
            yield path.parent.relative_to(self._folder).as_posix()

    def _wrapped(self, key: bytes, scope: str) -> str:
        return json.dumps({"wrapped": self._fields.seal(key.hex(), _place(scope))})

    def _unwrapped(self, scope: str) -> bytes:
        try:
            text = (self._folder / scope / FILE).read_text(encoding="ascii")
        except FileNotFoundError as error:
            raise Damaged(
                f"the data key of {scope} is missing", remedy=f"Restore {scope}/{FILE} from a backup"
            ) from error
        return bytes.fromhex(self._fields.open(_token(text, scope), _place(scope)))

    def _put(self, path: Path, text: str, *, replace: bool) -> None:
        aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            if replace:
                os.replace(aside, path)
            else:
                os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink(missing_ok=True)


def _token(text: str, scope: str) -> str:
    try:
        return str(json.loads(text)["wrapped"])
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"the data key of {scope} was changed or cut short") from error


def _place(scope: str) -> str:
    return f"{scope} data key"
