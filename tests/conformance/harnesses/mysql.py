"""MariaDB prepared by PyMySQL with its conversions switched off: the server's own text."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, ClassVar

import pymysql
from pymysql.converters import escape_string

from connectors.conformance.harness import Login, Native, NativeColumn, Rows
from connectors.contract import Credentials
from deploy.local.mariadb_server import MariadbServer
from deploy.local.postgres_server import free_port
from tests.conformance.harnesses.plain_reading import PlainColumn, PlainReading

NOT_FINITE = ("NaN", "Infinity", "-Infinity", "-0")
WIDEST_FLOATS = ("3.4028235e+38", "-3.4028235e+38")
BEYOND_YEARS = (
    *("10000-01-01", "5874897-12-31", "0001-12-31 BC", "0044-03-15 BC", "4713-01-01 BC", "infinity", "-infinity"),
    *("0044-03-15 01:02:03.004 BC", "294276-12-31 23:59:59.999999"),
)
LABELS = "'sad', 'it''s ok', 'naïve', 'a b', 'Sad'"
"""information_schema is utf8mb3: no client can read a label with an emoji."""


class MysqlHarness(PlainReading):
    """One database of a private MariaDB."""

    type_name = "MYSQL"
    quote = "`"
    null_suffix = " NULL"
    natives: ClassVar[dict[str, Native]] = {
        "int8": Native("TINYINT"),
        "int16": Native("SMALLINT"),
        "int24": Native("MEDIUMINT"),
        "int32": Native("INT"),
        "int64": Native("BIGINT"),
        "uint8": Native("TINYINT UNSIGNED"),
        "uint16": Native("SMALLINT UNSIGNED"),
        "uint32": Native("INT UNSIGNED"),
        "uint64": Native("BIGINT UNSIGNED"),
        "boolean": Native("TINYINT(1)", kind="integer", prints={"t": "1", "f": "0"}),
        "decimal_10_2": Native("DECIMAL(10,2)"),
        "decimal_18_4": Native("DECIMAL(18,4)"),
        "decimal_38_0": Native("DECIMAL(38,0)"),
        "decimal_38_10": Native("DECIMAL(38,10)"),
        "decimal_65_30": Native("DECIMAL(65,30)"),
        "float32": Native("FLOAT", without=(*NOT_FINITE, *WIDEST_FLOATS)),
        "float64": Native("DOUBLE", without=NOT_FINITE),
        "text": Native("LONGTEXT"),
        "varchar_10": Native("VARCHAR(10) COLLATE utf8mb4_bin"),
        "varchar_4000": Native("VARCHAR(4000)"),
        "char_5": Native("CHAR(5)"),
        "binary": Native("LONGBLOB"),
        "varbinary_16": Native("VARBINARY(16)"),
        "date": Native("DATE", without=BEYOND_YEARS),
        "interval": Native(
            "TIME(6)",
            only=(
                *("00:00:00", "720:00:00", "838:59:59", "-838:59:59.999999", "23:59:59.999999", "-00:00:00.000001"),
                "24:00:00",
            ),
        ),
        "timestamp": Native("DATETIME(6)", without=BEYOND_YEARS),
        "timestamp_0": Native("DATETIME"),
        "timestamp_3": Native("DATETIME(3)"),
        "timestamp_tz": Native(
            "TIMESTAMP(6)",
            only=(
                *("2024-03-31 00:59:59.999999+00", "2024-03-31 01:00:00+00", "2024-10-27 00:30:00+00"),
                *("2024-10-27 01:30:00+00", "2024-02-29 12:00:00.000001+00"),
            ),
        ),
        "json": Native("JSON"),
        "uuid": Native("UUID"),
        "bits_3": Native("BIT(3)"),
        "bits_64": Native("BIT(64)"),
        "enum": Native(f"ENUM({LABELS}) COLLATE utf8mb4_bin", without=("naïve 🙂",)),
    }

    def __init__(self, server: MariadbServer, database: str) -> None:
        super().__init__({"host": "127.0.0.1", "port": server.port, "database": database, "user": server.user})
        self.schema = database
        self._server = server
        self._database = ""
        self.execute(f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")
        self._database = database

    def execute(self, sql: str) -> None:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def insert(self, name: str, columns: Sequence[NativeColumn], rows: Rows) -> None:
        names = ", ".join(self.identifier(column.name) for column in columns)
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute("START TRANSACTION")
            for row in rows:
                values = [_literal(connection, text, column) for text, column in zip(row, columns, strict=True)]
                cursor.execute(f"INSERT INTO {self.qualified(name)} ({names}) VALUES ({', '.join(values)})")
            cursor.execute("COMMIT")

    def fetched(self, name: str, column: PlainColumn) -> str:
        """FLOAT is printed with six digits only, unless it is made a DOUBLE."""
        quoted = self.identifier(column.name)
        return f"{quoted} + 0e0" if column.kind == "float32" else quoted

    def slow_condition(self) -> str:
        return "SLEEP(60) = 0"

    def statements(self) -> int:
        return self._count("command <> 'Sleep'")

    def sessions(self) -> int:
        return self._count("true")

    def _count(self, condition: str) -> int:
        found = self.query(
            "SELECT count(*) FROM information_schema.processlist WHERE id <> connection_id() "
            f"AND db = '{self._database}' AND {condition}"
        )
        return int(found[0][0])

    def wrong_password(self) -> Login:
        self.execute(f"CREATE OR REPLACE USER '{self._database}_p'@'%' IDENTIFIED BY 'right'")
        options = {**self.options, "user": f"{self._database}_p"}
        return Login(options, Credentials(f"{self._database}_p", "wrong-password"))

    def unknown_host(self) -> Login:
        return Login({**self.options, "port": free_port()}, Credentials())

    def unprivileged(self, name: str) -> Login:
        other = self.new_name("seen")
        self.execute(f"CREATE TABLE `{other}` (i INT)")
        self.execute(f"CREATE OR REPLACE USER '{self._database}_n'@'%'")
        self.execute(f"GRANT SELECT ON `{self._database}`.`{other}` TO '{self._database}_n'@'%'")
        return Login({**self.options, "user": f"{self._database}_n"}, Credentials())

    def add_view_and_trigger(self, name: str) -> Sequence[str]:
        self.execute(f"CREATE VIEW {name}_view AS SELECT * FROM {self.qualified(name)}")
        self.execute(f"CREATE TRIGGER {name}_trigger BEFORE INSERT ON {self.qualified(name)} FOR EACH ROW SET @x = 1")
        return [f"{name}_view", f"{name}_trigger"]

    def _connect(self) -> pymysql.Connection[Any]:
        return pymysql.connect(
            host="127.0.0.1",
            port=self._server.port,
            user=self._server.user,
            database=self._database or None,
            charset="utf8mb4",
            autocommit=True,
            conv={},
            init_command="SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'",
        )


def _literal(connection: pymysql.Connection[Any], text: str | None, column: NativeColumn) -> str:
    if text is None:
        return "NULL"
    match column.value.kind:
        case "boolean":
            return "1" if text == "t" else "0"
        case "binary":
            return "x'" + text.removeprefix("\\x") + "'"
        case "bits":
            return f"b'{text}'"
        case "float32" | "float64" | "integer" | "decimal":
            return text
        case "timestamp_tz":
            text = text.removesuffix("+00")
    return "'" + escape_string(text) + "'"
