"""DuckDB prepared by its own library, each time with the file opened and closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import duckdb

from connectors.conformance.harness import Login, Native, NativeColumn, Rows
from connectors.contract import Credentials
from tests.conformance.harnesses.plain_reading import PlainColumn, PlainReading

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}
"""What the connector opens the file with: two sessions of one process must open it alike."""
BEYOND_TIMESTAMPS = ("294276-12-31 23:59:59.999999",)


class DuckdbHarness(PlainReading):
    """One database in a file."""

    type_name = "DUCKDB"
    schema = "main"
    natives: ClassVar[dict[str, Native]] = {
        "boolean": Native("BOOLEAN"),
        "int8": Native("TINYINT"),
        "int16": Native("SMALLINT"),
        "int32": Native("INTEGER"),
        "int64": Native("BIGINT"),
        "uint8": Native("UTINYINT"),
        "uint16": Native("USMALLINT"),
        "uint32": Native("UINTEGER"),
        "uint64": Native("UBIGINT"),
        "decimal_10_2": Native("DECIMAL(10,2)"),
        "decimal_18_4": Native("DECIMAL(18,4)"),
        "decimal_38_0": Native("HUGEINT", kind="decimal"),
        "decimal_38_10": Native("DECIMAL(38,10)"),
        "decimal_38_37": Native("DECIMAL(38,37)"),
        "float32": Native("FLOAT"),
        "float64": Native("DOUBLE"),
        "text": Native("VARCHAR"),
        "varchar_10": Native("VARCHAR"),
        "varchar_4000": Native("VARCHAR"),
        "binary": Native("BLOB"),
        "date": Native("DATE"),
        "time": Native("TIME"),
        "time_tz": Native("TIME WITH TIME ZONE"),
        "timestamp": Native("TIMESTAMP", without=BEYOND_TIMESTAMPS),
        "timestamp_0": Native("TIMESTAMP_S"),
        "timestamp_3": Native("TIMESTAMP_MS"),
        "timestamp_9": Native("TIMESTAMP_NS"),
        "timestamp_tz": Native("TIMESTAMP WITH TIME ZONE"),
        "interval": Native("INTERVAL"),
        "uuid": Native("UUID"),
        "json": Native("JSON"),
        "varbit": Native("BIT", without=("",)),
        "enum": Native("ENUM('sad', 'it''s ok', 'naïve 🙂', 'a b', 'Sad')"),
        "array": Native(
            "INTEGER[]", without=("[[1, 2], [3, 4]]", "[0:1]={1,2}", '["a", "", "NULL", null, "\\"\\\\,{}"]', '["🙂"]')
        ),
    }
    without: ClassVar[dict[str, str]] = {
        "wrong_password": "a file has no login",
        "missing_privilege": "a file has no users",
    }

    def __init__(self, path: Path) -> None:
        super().__init__({"path": str(path)})
        self._path = path
        self.execute("SELECT 1")

    def execute(self, sql: str) -> None:
        with self._opened() as connection:
            connection.execute(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self._opened() as connection:
            return connection.execute(sql).fetchall()

    def insert(self, name: str, columns: Sequence[NativeColumn], rows: Rows) -> None:
        names = ", ".join(self.identifier(column.name) for column in columns)
        marks = ", ".join(_read(column) for column in columns)
        values = [[_input(text, column) for text, column in zip(row, columns, strict=True)] for row in rows]
        if values:
            with self._opened() as connection:
                connection.executemany(f"INSERT INTO {self.qualified(name)} ({names}) VALUES ({marks})", values)

    def fetched(self, name: str, column: PlainColumn) -> str:
        """As text, but for what is printed with less than it holds."""
        quoted = self.identifier(column.name)
        return quoted if column.kind in ("binary", "array") else f"CAST({quoted} AS VARCHAR)"

    def slow_condition(self) -> str:
        return "(SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b WHERE a.range * b.range % 7 = 3) = 1"

    def unknown_host(self) -> Login:
        return Login({"path": "/there/is/no/such/folder/file.duckdb"}, Credentials())

    def add_view_and_trigger(self, name: str) -> Sequence[str]:
        self.execute(f"CREATE VIEW {self.identifier(f'{name}_view')} AS SELECT * FROM {self.qualified(name)}")
        return [f"{name}_view"]

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self._path), config=CONFIG) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


def _read(column: NativeColumn) -> str:
    return "from_hex(?::VARCHAR)" if column.value.kind == "binary" else f"CAST(?::VARCHAR AS {column.type})"


def _input(text: str | None, column: NativeColumn) -> str | None:
    """Interchange text as DuckDB's own casts read it."""
    if text is None:
        return None
    match column.value.kind:
        case "binary":
            return text.removeprefix("\\x")
        case "date" | "timestamp" | "timestamp_tz" if text.endswith(" BC"):
            day, *rest = text.removesuffix(" BC").split(" ")
            return " ".join([day, "(BC)", *rest])
        case "interval":
            return text.replace("mon", "month").replace("+", "")
    return text
