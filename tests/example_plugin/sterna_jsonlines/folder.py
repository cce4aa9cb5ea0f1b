"""How a table lies in a folder.

    orders/table.json       columns and key
    orders/loads.json       loads that were begun, newest last
    orders/rows/*.jsonl     rows, each a JSON list of texts; a file is one batch and appears whole or not at all

A batch's file is named after job, table, load and number, and its first line says what it holds: rows and ledger are
one file, so that they cannot disagree.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from connectors.contract import LedgerEntry, LedgerRow, LoadRef
from core.schema import Digest, TableName, TableSchema

Row = list[str | None]


class TableFolder:
    """One table. Blocking; every method may be called from any thread."""

    def __init__(self, folder: Path, table: TableName) -> None:
        self.path = folder / quote(table.name, safe=" ")
        self.rows_path = self.path / "rows"

    @property
    def exists(self) -> bool:
        """There is such a table."""
        return (self.path / "table.json").exists()

    def create(self, schema: TableSchema) -> None:
        """Creates the table where it is missing."""
        self.rows_path.mkdir(parents=True, exist_ok=True)
        with self.locked():
            if not self.exists:
                self._write("table.json", schema.model_dump_json(by_alias=True))

    def describe(self) -> TableSchema:
        """What was created."""
        return TableSchema.model_validate_json((self.path / "table.json").read_text(encoding="utf-8"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the table, among all processes of the machine. The kernel lets go when a process dies."""
        with (self.path / ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def loads(self) -> list[dict[str, Any]]:
        """The loads that were begun, oldest first."""
        path = self.path / "loads.json"
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        return found

    def begin(self, load: dict[str, Any]) -> None:
        """Adds a load."""
        self._write("loads.json", json.dumps([*self.loads(), load]))

    def batch_file(self, entry: LedgerEntry) -> Path:
        """Where a batch lies."""
        return self.rows_path / f"{entry.job_id}~{entry.table_id}~{entry.load:08}~{entry.number:08}.jsonl"

    def recorded(self, path: Path) -> LedgerRow | None:
        """What a batch's file says it holds; None where there is none."""
        if not path.exists():
            return None
        with path.open(encoding="utf-8") as file:
            head = json.loads(file.readline())
        return LedgerRow(
            int(path.stem.rsplit("~", 1)[1]),
            Digest.model_validate(head["digest"]),
            datetime.fromisoformat(head["loadedAt"]),
        )

    def open_batch(self, entry: LedgerEntry) -> Path:
        """Begins a batch aside; it counts from `publish` on."""
        aside = self.rows_path / f".{secrets.token_hex(8)}"
        head = {"digest": entry.digest.model_dump(mode="json"), "loadedAt": datetime.now(UTC).isoformat()}
        aside.write_text(json.dumps(head) + "\n", encoding="utf-8")
        return aside

    def append(self, aside: Path, rows: list[Row]) -> None:
        """Adds rows to a batch that was begun."""
        with aside.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=True) + "\n" for row in rows)

    def publish(self, aside: Path, path: Path) -> None:
        """Makes a batch count, durably. Raises FileExistsError where it is there already."""
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        os.link(aside, path)

    def files(self, ref: LoadRef | None = None) -> list[Path]:
        """The files with rows, of one load or all."""
        pattern = "*.jsonl" if ref is None else f"{ref.job_id}~{ref.table_id}~{ref.load:08}~*.jsonl"
        return sorted(self.rows_path.glob(pattern))

    def rows(self, ref: LoadRef | None = None) -> Iterator[Row]:
        """All rows, or those of one load, in the columns' order of the table."""
        for path in self.files(ref):
            with path.open(encoding="utf-8") as file:
                next(file)
                for line in file:
                    yield json.loads(line)

    def empty(self, files: list[Path]) -> None:
        """Takes files with rows away."""
        for path in files:
            path.unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        aside = self.path / f".{secrets.token_hex(8)}"
        aside.write_text(text, encoding="utf-8")
        aside.replace(self.path / name)


def table_names(folder: Path) -> list[TableName]:
    """The tables of a folder."""
    return [TableName(schema_name="", name=unquote(path.parent.name)) for path in folder.glob("*/table.json")]
