"""SQLite prepared by Python's own module: there is no other library of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from connectors.conformance.harness import Login, Native, NativeColumn, Rows
from connectors.contract import Credentials
from tests.conformance.harnesses.plain_reading import PlainReading

NOT_KEPT = ("NaN", "-0")
"""NaN is stored as NULL, -0.0 in a REAL column as 0.0."""


class SqliteHarness(PlainReading):
    """One database in a file."""

    type_name = "SQLITE"
    natives: ClassVar[dict[str, Native]] = {
        "boolean": Native("BOOLEAN"),
        "int16": Native("SMALLINT"),
        "int32": Native("INT"),
        "int64": Native("INTEGER"),
        "float64": Native("REAL", without=NOT_KEPT),
        "decimal_10_2": Native("DECIMAL(10,2)"),
        "decimal_38_10": Native("TEXT", kind="text"),
        "text": Native("TEXT"),
        "varchar_10": Native("VARCHAR(10)"),
        "varchar_4000": Native("VARCHAR(4000)"),
        "char_5": Native("CHAR(5)", kind="text"),
        "binary": Native("BLOB"),
        "date": Native("DATE"),
        "timestamp": Native("TIMESTAMP"),
        "json": Native("JSON", without=("1.10", "-0.0")),  # the type's affinity makes numbers of them
        "uuid": Native("UUID"),
    }
    without: ClassVar[dict[str, str]] = {
        "wrong_password": "a file has no login",
        "missing_privilege": "a file has no users",
    }

    def __init__(self, path: Path) -> None:
        super().__init__({"path": str(path)})
        self._path = path
        with self._opened() as connection:
            connection.execute("PRAGMA user_version = 1")

    def execute(self, sql: str) -> None:
        with closing(self._opened()) as connection:
            connection.execute(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(self._opened()) as connection:
            return connection.execute(sql).fetchall()

    def insert(self, name: str, columns: Sequence[NativeColumn], rows: Rows) -> None:
        names = ", ".join(self.identifier(column.name) for column in columns)
        marks = ", ".join("?" for _ in columns)
        values = [[_value(text, column) for text, column in zip(row, columns, strict=True)] for row in rows]
        with closing(self._opened()) as connection:
            connection.execute("BEGIN")
            connection.executemany(f"INSERT INTO {self.qualified(name)} ({names}) VALUES ({marks})", values)
            connection.execute("COMMIT")

    def slow_condition(self) -> str:
        return (
            "(WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 1000000000) "
            "SELECT count(*) FROM counted) = 1"
        )

    def unknown_host(self) -> Login:
        return Login({"path": "/there/is/no/such/folder/file.sqlite"}, Credentials())

    def add_view_and_trigger(self, name: str) -> Sequence[str]:
        self.execute(f"CREATE VIEW {name}_view AS SELECT * FROM {self.qualified(name)}")
        self.execute(f"CREATE TRIGGER {name}_trigger AFTER INSERT ON {self.qualified(name)} BEGIN SELECT 1; END")
        return [f"{name}_view", f"{name}_trigger"]

    def _opened(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30, isolation_level=None)


def _value(text: str | None, column: NativeColumn) -> Any:
    """Storage classes as an application would choose them."""
    if text is None:
        return None
    match column.value.kind:
        case "integer":
            return int(text)
        case "float64":
            return float(text)
        case "binary":
            return bytes.fromhex(text.removeprefix("\\x"))
        case "boolean":
            return int(text == "t")
    return text
