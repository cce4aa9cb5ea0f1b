"""Firebird prepared by its own driver, without SQLAlchemy: what the connector SQLALCHEMY is tried on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.engine import make_url

from connectors.conformance.harness import Login, Native, NativeColumn, Rows
from connectors.contract import Credentials
from connectors.sqlalchemy.dialect import SqlalchemyDialect
from core.schema import Capabilities
from deploy.local.postgres_server import free_port
from tests.conformance.harnesses.plain_reading import PlainColumn, PlainReading
from tests.firebird_server import FirebirdServer

MOMENTS = ("date", "time", "timestamp")
NO_SUCH_DAYS = (
    *("10000-01-01", "5874897-12-31", "0001-12-31 BC", "0044-03-15 BC", "4713-01-01 BC", "infinity", "-infinity"),
)


class FirebirdHarness(PlainReading):
    """One database of a private server. Names that the connector makes up are in upper case there."""

    type_name = "SQLALCHEMY"
    natives: ClassVar[dict[str, Native]] = {
        "boolean": Native("BOOLEAN"),
        "int16": Native("SMALLINT"),
        "int32": Native("INTEGER"),
        "int64": Native("BIGINT"),
        "decimal_10_2": Native("NUMERIC(10,2)"),
        "decimal_18_4": Native("NUMERIC(18,4)"),
        "float32": Native("FLOAT"),
        "float64": Native("DOUBLE PRECISION"),
        "text": Native("BLOB SUB_TYPE TEXT"),
        "varchar_10": Native("VARCHAR(10)"),
        "varchar_4000": Native("VARCHAR(4000)"),
        "char_5": Native("CHAR(5)"),
        "binary": Native("BLOB SUB_TYPE BINARY"),
        "varbinary_16": Native("VARCHAR(16) CHARACTER SET OCTETS"),
        "date": Native("DATE", without=NO_SUCH_DAYS),
        "time_0": Native("TIME", without=("24:00:00",)),
        "timestamp_0": Native("TIMESTAMP"),
        "timestamp_3": Native("TIMESTAMP"),
    }
    without: ClassVar[dict[str, str]] = {}

    def __init__(self, server: FirebirdServer, name: str) -> None:
        self._path: Path = server.create_database(name)
        self._server = server
        url = f"firebird+firebird://127.0.0.1:{server.port}/{self._path}"
        super().__init__({"url": url}, Credentials(server.user, server.password))

    @classmethod
    def capabilities(cls) -> Capabilities:
        return SqlalchemyDialect(make_url("firebird+firebird://host/database")).capabilities

    def execute(self, sql: str) -> None:
        with closing(self._opened()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            connection.commit()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(self._opened()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def insert(self, name: str, columns: Sequence[NativeColumn], rows: Rows) -> None:
        names = ", ".join(self.identifier(column.name) for column in columns)
        marks = ", ".join(f"CAST(? AS {column.type})" if column.value.kind in MOMENTS else "?" for column in columns)
        values = [[_value(text, column) for text, column in zip(row, columns, strict=True)] for row in rows]
        if not values:
            return
        with closing(self._opened()) as connection, closing(connection.cursor()) as cursor:
            cursor.executemany(f"INSERT INTO {self.qualified(name)} ({names}) VALUES ({marks})", values)
            connection.commit()

    def fetched(self, name: str, column: PlainColumn) -> str:
        """firebird-driver cannot read timestamps before 1858."""
        quoted = self.identifier(column.name)
        return f"CAST({quoted} AS VARCHAR(40))" if column.kind.startswith("timestamp") else quoted

    def ledger_rows(self) -> int:
        return self.count("STERNA_LEDGER", '"NUMBER" >= 0')

    def statements(self) -> int:
        return self._monitored("mon$statements WHERE mon$state = 1 AND mon$attachment_id <> CURRENT_CONNECTION")

    def sessions(self) -> int:
        return self._monitored("mon$attachments WHERE mon$attachment_id <> CURRENT_CONNECTION AND mon$system_flag = 0")

    def slow_condition(self) -> str:
        huge = ", ".join(f"rdb$fields AS f{number}" for number in range(5))
        return f"(SELECT count(*) FROM {huge}) = 1"

    def wrong_password(self) -> Login:
        return Login(self.options, Credentials(self._server.user, "wrong"))

    def unknown_host(self) -> Login:
        return Login({"url": f"firebird+firebird://127.0.0.1:{free_port()}/{self._path}"}, self.credentials)

    def unprivileged(self, name: str) -> Login:
        user, password = "NOBODY_HERE", "nothing"
        self.execute(f"CREATE OR ALTER USER {user} PASSWORD '{password}'")
        return Login(self.options, Credentials(user, password))

    def add_view_and_trigger(self, name: str) -> Sequence[str]:
        view = self.identifier(f"{name}_view")
        self.execute(f"CREATE VIEW {view} AS SELECT * FROM {self.qualified(name)}")
        return [f"{name}_view"]

    def _monitored(self, source: str) -> int:
        return int(self.query(f"SELECT count(*) FROM {source}")[0][0])

    def _opened(self) -> Any:
        from firebird.driver import connect

        place = f"inet://127.0.0.1:{self._server.port}/{self._path}"
        return connect(place, user=self._server.user, password=self._server.password, charset="UTF8")


def _value(text: str | None, column: NativeColumn) -> Any:
    """What the driver takes for interchange text."""
    if text is None:
        return None
    match column.value.kind:
        case "boolean":
            return text == "t"
        case "integer":
            return int(text)
        case "float32" | "float64":
            return float(text)
        case "binary":
            return bytes.fromhex(text.removeprefix("\\x"))
    return text
