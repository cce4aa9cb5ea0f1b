"""Snowflake prepared by its own driver, in sessions of the harness; on the local server unless an account is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from connectors.conformance.harness import Login, Native, NativeColumn, Rows
from connectors.contract import Credentials
from tests.conformance.harnesses.plain_reading import PlainColumn, PlainReading
from tests.snowflake_server.server import SnowflakeServer

NO_YEARS = ("10000-01-01", "5874897-12-31", "0001-12-31 BC", "0044-03-15 BC", "4713-01-01 BC", "infinity", "-infinity")
NO_MOMENTS = (
    *("0044-03-15 01:02:03.004 BC", "294276-12-31 23:59:59.999999", "infinity", "-infinity"),
    "0044-03-15 12:00:00.1+00 BC",
)
WHOLE = "24:00:00"
NOT_ENFORCED = "Snowflake declares keys and does not enforce them"


class SnowflakeHarness(PlainReading):
    """One database, schema PUBLIC."""

    type_name = "SNOWFLAKE"
    schema = "PUBLIC"
    natives: ClassVar[dict[str, Native]] = {
        "boolean": Native("BOOLEAN"),
        "int8": Native("NUMBER(3,0)", kind="integer"),
        "int16": Native("NUMBER(5,0)"),
        "int32": Native("NUMBER(10,0)"),
        "int64": Native("NUMBER(19,0)", kind="decimal"),
        "uint64": Native("NUMBER(20,0)", kind="decimal"),
        "decimal_10_2": Native("NUMBER(10,2)"),
        "decimal_18_4": Native("NUMBER(18,4)"),
        "decimal_38_0": Native("NUMBER", kind="decimal"),
        "decimal_38_10": Native("NUMBER(38,10)"),
        "decimal_38_37": Native("NUMBER(38,37)"),
        "float64": Native("FLOAT"),
        "text": Native("VARCHAR"),
        "varchar_10": Native("VARCHAR(10)"),
        "varchar_4000": Native("VARCHAR(4000)"),
        "binary": Native("BINARY"),
        "varbinary_16": Native("BINARY(16)"),
        "date": Native("DATE", without=NO_YEARS),
        "time": Native("TIME(6)", without=(WHOLE,)),
        "time_0": Native("TIME(0)", without=(WHOLE,)),
        "time_9": Native("TIME(9)"),
        "timestamp": Native("TIMESTAMP_NTZ(6)", without=NO_MOMENTS),
        "timestamp_0": Native("TIMESTAMP_NTZ(0)"),
        "timestamp_3": Native("TIMESTAMP_NTZ(3)"),
        "timestamp_9": Native("TIMESTAMP_NTZ(9)"),
        "timestamp_tz": Native("TIMESTAMP_LTZ(6)", without=NO_MOMENTS),
        "json_normalised": Native("VARIANT"),
    }
    without: ClassVar[dict[str, str]] = {
        "keys_hold": NOT_ENFORCED,
        "key_that_does_not_hold": NOT_ENFORCED,
        "missing_privilege": "the local server knows no privileges",
    }
    gaps: ClassVar[dict[str, str]] = {
        "existing_columns[timestamp_9]": "the local server keeps nanoseconds of the years 1678 to 2261 only",
    }

    def __init__(self, server: SnowflakeServer) -> None:
        self._server = server
        database = server.new_database()
        super().__init__(server.options(database), server.credentials)
        self._connection = server.connect(database)

    def execute(self, sql: str) -> None:
        self._connection.cursor().execute(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._connection.cursor().execute(sql).fetchall()]

    def literal(self, text: str, column: NativeColumn) -> str:
        value = self.string(text)
        match column.value.kind:
            case "text":
                return value
            case "binary":
                return f"TO_BINARY({self.string(text[2:])}, 'HEX')"
            case "json":
                return f"PARSE_JSON({value})"
            case "float64":
                return f"CAST({self.string(text.replace('Infinity', 'inf'))} AS FLOAT)"
            case "timestamp_tz":
                return f"CAST({self.string(text.replace('+00', ' +00:00'))} AS {column.type})"
            case "boolean":
                return "TRUE" if text == "t" else "FALSE"
        return f"CAST({value} AS {column.type})"

    def string(self, text: str) -> str:
        return super().string(text.replace("\\", "\\\\"))

    def insert(self, name: str, columns: Sequence[NativeColumn], rows: Rows) -> None:
        names = self._list([column.name for column in columns])
        selected = [
            "SELECT "
            + ", ".join(
                "NULL" if text is None else self.literal(text, column)
                for text, column in zip(row, columns, strict=True)
            )
            for row in rows
        ]
        for start in range(0, len(selected), 200):
            union = " UNION ALL ".join(selected[start : start + 200])
            self.execute(f"INSERT INTO {self.qualified(name)} ({names}) {union}")

    def fetched(self, name: str, column: PlainColumn) -> str:
        """As text: Python has no nanoseconds, and the local server sends NULL as 1970-01-01."""
        quoted = self.identifier(column.name)
        match column.kind:
            case "timestamp":
                return f"TO_VARCHAR({quoted}, 'YYYY-MM-DD HH24:MI:SS.FF9')"
            case "timestamp_tz":
                utc = f"CONVERT_TIMEZONE('UTC', {quoted})"
                return f"TO_VARCHAR({utc}, 'YYYY-MM-DD HH24:MI:SS.FF9')"
            case "date" | "time":
                return f"{quoted}::VARCHAR"
        return quoted

    def ledger_rows(self) -> int:
        return self.count("STERNA_LEDGER", '"NUMBER" >= 0')

    def slow_condition(self) -> str:
        ten = "(SELECT column1 AS x FROM VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10))"
        tables = ", ".join(f"{ten} AS t{number}" for number in range(12))
        return f"(SELECT SUM(MOD(t0.x * t5.x + t11.x, 7)) FROM {tables}) = 1"

    def wrong_password(self) -> Login:
        return Login(self.options, Credentials(self.credentials.username, "n0t-the-passw0rd"))

    def unknown_host(self) -> Login:
        options = {**self.options, "host": "127.0.0.1", "port": 1, "protocol": "http", "loginTimeout": 1}
        return Login(options, self.credentials)

    def add_view_and_trigger(self, name: str) -> Sequence[str]:
        view = self.qualified(f"{name}_view")
        self.execute(f"CREATE VIEW {view} AS SELECT * FROM {self.qualified(name)}")
        return [f"{name}_view"]
