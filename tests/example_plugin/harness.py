"""What the conformance suite must know of folders of JSON lines: written and read with nothing but json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from connectors.conformance.harness import Harness, Login, Native, NativeColumn, Rows
from connectors.conformance.matrix import MATRIX
from connectors.contract import Credentials

NO_LANGUAGE = "files have no query language, so there is no whereClause"
NO_KEYS = "files have no keys"


class JsonLinesHarness(Harness):
    """One folder."""

    type_name = "JSONLINES"
    natives: ClassVar[dict[str, Native]] = {sample.name: Native(sample.value.spelled) for sample in MATRIX}
    without: ClassVar[dict[str, str]] = {
        "where_clause": NO_LANGUAGE,
        "ranges_meet": "a table is read whole",
        "describes_tables": NO_KEYS,
        "created_once": NO_KEYS,
        "keys_hold": NO_KEYS,
        "key_that_does_not_hold": NO_KEYS,
        "wrong_password": "a folder has no login",
        "missing_privilege": "a folder has no users",
        "cancelled_statement": "there is no server that runs statements",
        "views_and_triggers": "a folder has neither",
    }

    def __init__(self, folder: Path) -> None:
        super().__init__({"folder": str(folder)})
        self._folder = folder

    def create_table(
        self,
        name: str,
        columns: Sequence[NativeColumn],
        rows: Rows = (),
        *,
        key: Sequence[str] = (),
        unique: Sequence[str] = (),
    ) -> None:
        table = {
            "dialect": "jsonlines",
            "name": {"schemaName": "", "name": name},
            "columns": [
                {
                    "name": column.name,
                    "type": column.type,
                    "nullable": column.nullable,
                    "value": column.value.model_dump(mode="json", by_alias=True),
                }
                for column in columns
            ],
        }
        (self._path(name) / "rows").mkdir(parents=True)
        (self._path(name) / "table.json").write_text(json.dumps(table), encoding="utf-8")
        self.insert(name, columns, rows)

    def insert(self, name: str, columns: Sequence[NativeColumn], rows: Rows) -> None:
        names = [column["name"] for column in self._described(name)]
        places = [column.name for column in columns]
        head = {"digest": {"rows": 0, "total": "0"}, "loadedAt": "2026-01-01T00:00:00+00:00"}
        lines = [json.dumps(head)]
        for row in rows:
            lines.append(json.dumps([row[places.index(name)] if name in places else None for name in names]))
        file = self._path(name) / "rows" / f"{self.new_name('own')}~x~{0:08}~{0:08}.jsonl"
        file.write_text("\n".join([*lines, ""]), encoding="utf-8")

    def count(self, name: str, condition: str = "") -> int:
        names = [column["name"] for column in self._described(name)]
        wanted: dict[str, list[str]] = json.loads(condition) if condition else {}
        return sum(
            all(row[names.index(column)] in numbers for column, numbers in wanted.items())
            for file in (self._path(name) / "rows").glob("*.jsonl")
            for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()[1:])
        )

    def delete_rows(self, name: str) -> None:
        for file in (self._path(name) / "rows").glob("*.jsonl"):
            file.unlink()

    def one_of(self, column: str, numbers: Sequence[int]) -> str:
        return json.dumps({column: [str(number) for number in numbers]})

    def ledger_rows(self) -> int:
        return len(list(self._folder.glob("*/rows/*.jsonl")))

    def unknown_host(self) -> Login:
        return Login({"folder": "/there/is/no/such/folder"}, Credentials())

    def _path(self, name: str) -> Path:
        return self._folder / quote(name, safe=" ")

    def _described(self, name: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads((self._path(name) / "table.json").read_text())["columns"]
        return found
