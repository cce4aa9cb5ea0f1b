"""Rejects: rows that were extracted and not loaded, kept as documents until they are replayed.

A document holds rows that were refused together, as JSON lines. It is written under a deterministic name before the
load (or the move out of the table) commits, so that a row is never in neither. A replay writes all rows that are still
refused into one document; the pointer says, once it has committed, that it takes the place of those before.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from core.base_model import Model
from core.documents import DocumentStore, table_folder
from core.errors import NotFound

RejectStage = Literal["transform", "load", "finish"]
POINTER = "replayed.json"
REPLAY, WAITING = "replay-", "waiting-"
FINISH = re.compile(r"finish-(\d+)-\w+\.jsonl")


class Reject(Model):
    """One row that the destination does not hold."""

    table: str
    """The destination table."""
    batch: int
    """-1 where nobody knows which one wrote a row that was moved out."""
    row: int
    """Its position in the batch as it was extracted, from 0; -1 where a constraint built in finish moved it out."""
    stage: RejectStage
    reason: str
    code: str = ""
    """The database's own: SQLSTATE, ORA-…; '' where Sterna refused it."""
    constraint: str = ""
    key: dict[str, str | None] = Field(default_factory=dict)
    """Values of the primary key, where there is one."""
    values: dict[str, str | None]
    """The row as text: of the source's columns for `transform`, else of the destination's."""


class TableRejects:
    """The documents of one table of one run."""

    def __init__(self, documents: DocumentStore, job_id: str, run: int, table_id: str) -> None:
        self._documents = documents
        self._folder = f"{table_folder(job_id, run, table_id)}/rejects"

    def write(self, load: int, name: str, rejects: Iterable[Reject]) -> str:
        """Keeps rejects under a name and returns the reference; the same name again replaces them."""
        lines = "".join(f"{reject.model_dump_json(by_alias=True)}\n" for reject in rejects)
        return self._documents.write(f"{self._folder}/{load}/{name}.jsonl", lines)

    def drop(self, load: int, name: str) -> None:
        """The rows are in the table after all."""
        self._documents.delete(f"{self._folder}/{load}/{name}.jsonl")

    def drop_waiting(self, load: int) -> None:
        """The constraints stand: their rows were mended in the table."""
        for name in self._documents.names(f"{self._folder}/{load}"):
            if name.startswith(WAITING):
                self._documents.delete(f"{self._folder}/{load}/{name}")

    def drop_uncommitted(self, load: int, rejected: int) -> None:
        """The ledger has so many rejects: rows that were to be moved out when it had as many are in the table still."""
        for name in self._documents.names(f"{self._folder}/{load}"):
            found = FINISH.fullmatch(name)
            if found is not None and int(found[1]) >= rejected:
                self._documents.delete(f"{self._folder}/{load}/{name}")

    def begin_load(self, load: int) -> None:
        """Rejects of earlier loads are no more: their rows are read again."""
        for found in self._documents.names(self._folder):
            if found != str(load):
                self._documents.delete(f"{self._folder}/{found}")

    def replayed(self, load: int) -> int:
        """How many replays there were."""
        try:
            return int(json.loads(self._documents.read(f"{self._folder}/{load}/{POINTER}"))["replays"])
        except NotFound:
            return 0

    def end_replay(self, load: int, replay: int) -> None:
        """From now on the rejects are those that this replay left."""
        self._documents.write_json(f"{self._folder}/{load}/{POINTER}", {"replays": replay})

    def load(self) -> int | None:
        """The newest load that has rejects."""
        return max((int(name) for name in self._documents.names(self._folder) if name.isdigit()), default=None)

    def read(self, *, waiting: bool = True) -> Iterator[Reject]:
        """Rows that are rejects now, by batch, and those because of which the table waits; streamed."""
        load = self.load()
        if load is None:
            return
        replays = self.replayed(load)
        names = [f"{replay_name(replays)}.jsonl"] if replays else self._documents.names(f"{self._folder}/{load}")
        for name in sorted(names):
            if name.startswith(WAITING) and not waiting:
                continue
            if name.endswith(".jsonl") and (replays or not name.startswith(REPLAY)):
                yield from self._lines(f"{self._folder}/{load}/{name}")

    def count(self, *, waiting: bool = False) -> int:
        """How many rows are rejects now; with those because of which the table waits, where asked."""
        return sum(1 for _ in self.read(waiting=waiting))

    def _lines(self, reference: str) -> Iterator[Reject]:
        try:
            with self._documents.opened(reference) as lines:
                for line in lines:
                    yield Reject.model_validate_json(line)
        except NotFound:
            return


def batch_name(number: int, stage: RejectStage) -> str:
    """Of the rows that one stage refused of a batch."""
    return f"{number:08d}.{stage}"


def finish_name(before: int, statement: str) -> str:
    """Of the rows that were moved out for the constraint that a statement builds, when the ledger had so many rejects:
    one statement may move rows out more than once."""
    return f"finish-{before:08d}-{_short(statement)}"


def waiting_name(statement: str) -> str:
    """Of rows that are in the constraint's way and stay in the table, because they are more than may be rejected."""
    return f"{WAITING}{_short(statement)}"


def _short(statement: str) -> str:
    return hashlib.blake2b(statement.encode(), digest_size=6).hexdigest()


def replay_name(replay: int) -> str:
    """Of the rows that were refused once more."""
    return f"{REPLAY}{replay:04d}"
