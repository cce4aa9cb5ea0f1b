"""Oracle prepared by python-oracledb with bound Python values; the product writes text through SQL's own functions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

import oracledb

from connectors.conformance.harness import Login, Native, NativeColumn, Rows
from connectors.conformance.matrix import LONG
from connectors.contract import Credentials
from deploy.local.postgres_server import free_port
from tests.conformance.harnesses.plain_reading import PlainColumn, PlainReading
from tests.oracle_server.server import OracleLogin, real_oracle

ENDLESS = ("infinity", "-infinity")
NOT_NUMBERS = ("NaN", "Infinity", "-Infinity", LONG, f"-{LONG}.{LONG}", f"0.{LONG}", "1" + "0" * 1000)
NANOSECONDS = ("values_arrive[time_9]", "values_arrive[timestamp_9]", "made_tables_are_used_again[timestamp_9]")
BIND_TYPES = {
    "BINARY_FLOAT": oracledb.DB_TYPE_BINARY_FLOAT,
    "BINARY_DOUBLE": oracledb.DB_TYPE_BINARY_DOUBLE,
    "CLOB": oracledb.DB_TYPE_CLOB,
    "BLOB": oracledb.DB_TYPE_BLOB,
    "RAW": oracledb.DB_TYPE_RAW,
    "NUMBER": oracledb.DB_TYPE_NUMBER,
    "TIMESTAMP": oracledb.DB_TYPE_TIMESTAMP,
    "DATE": oracledb.DB_TYPE_DATE,
    "INTERVAL DAY": oracledb.DB_TYPE_NUMBER,
}


class OracleHarness(PlainReading):
    """One user's schema."""

    type_name = "ORACLE"
    natives: ClassVar[dict[str, Native]] = {
        "int8": Native("NUMBER(3)"),
        "int16": Native("NUMBER(5)"),
        "int24": Native("NUMBER(8)"),
        "int32": Native("NUMBER(10)"),
        "int64": Native("NUMBER(19)", kind="decimal"),
        "uint8": Native("NUMBER(3)"),
        "uint16": Native("NUMBER(5)"),
        "uint32": Native("NUMBER(10)"),
        "uint64": Native("NUMBER(20)", kind="decimal"),
        "decimal_10_2": Native("NUMBER(10,2)"),
        "decimal_18_4": Native("NUMBER(18,4)"),
        "decimal_38_0": Native("NUMBER(38)"),
        "decimal_38_10": Native("NUMBER(38,10)"),
        "decimal_38_37": Native("NUMBER(38,37)"),
        "decimal_5_minus_2": Native("NUMBER(5,-2)"),
        "decimal_any": Native("NUMBER", without=NOT_NUMBERS),
        "float32": Native("BINARY_FLOAT", prints={"-0": "0"}),
        "float64": Native("BINARY_DOUBLE", prints={"-0": "0"}),
        "text": Native("CLOB", without=("",)),
        "varchar_10": Native("VARCHAR2(10 CHAR)", without=("",)),
        "varchar_4000": Native("VARCHAR2(4000 CHAR)", without=("", "é" * 4000)),
        "char_5": Native("CHAR(5 CHAR)", without=("",)),
        "binary": Native("BLOB", without=("\\x",)),
        "varbinary_16": Native("RAW(16)", without=("\\x",)),
        "timestamp": Native(
            "TIMESTAMP(6)",
            without=(
                *ENDLESS,
                *("1582-10-10 12:00:00", "0044-03-15 01:02:03.004 BC", "294276-12-31 23:59:59.999999"),
            ),
        ),
        "timestamp_0": Native("DATE"),
        "timestamp_3": Native("TIMESTAMP(3)"),
        "timestamp_tz": Native("TIMESTAMP(6) WITH TIME ZONE", without=(*ENDLESS, "0044-03-15 12:00:00.1+00 BC")),
        "interval": Native(
            "INTERVAL DAY(9) TO SECOND(6)",
            without=(
                *("1 mon", "1 year 2 mons", "-1 years -2 mons", "-1 years -2 mons +3 days -04:05:06.789"),
                *("720:00:00", "838:59:59", "-838:59:59.999999", "24:00:00", "178000000 years", "1 mon -30 days"),
            ),
        ),
    }
    gaps: ClassVar[dict[str, str]] = (
        dict.fromkeys(NANOSECONDS, "the wire server keeps microseconds") if real_oracle() is None else {}
    )
    without: ClassVar[dict[str, str]] = {
        "missing_privilege": "the wire server's users may all do everything",
        "watermarks[timestamp_tz]": "the wire server has no greatest TIMESTAMP WITH TIME ZONE",
    }

    def __init__(self, login: OracleLogin) -> None:
        super().__init__(login.options, Credentials(login.user, login.password))
        self._login = login
        self.schema = login.schema

    def execute(self, sql: str) -> None:
        """See SqlHarness."""
        with self._login.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            connection.commit()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """See SqlHarness."""
        with self._login.connect() as connection, connection.cursor() as cursor:
            cursor.outputtypehandler = _number_as_text
            return [tuple(map(_read, row)) for row in cursor.execute(sql)]

    def insert(self, name: str, columns: Sequence[NativeColumn], rows: Rows) -> None:
        """See Harness."""
        names = ", ".join(self.identifier(column.name) for column in columns)
        marks = ", ".join(
            f"NUMTODSINTERVAL(:{number}, 'SECOND')" if column.value.kind == "interval" else f":{number}"
            for number, column in enumerate(columns, 1)
        )
        with self._login.connect() as connection, connection.cursor() as cursor:
            for row in rows:
                cursor.setinputsizes(*(_bind_type(column.type) for column in columns))
                values = [_value(text, column) for text, column in zip(row, columns, strict=True)]
                cursor.execute(f"INSERT INTO {self.qualified(name)} ({names}) VALUES ({marks})", values)
            connection.commit()

    def new_name(self, word: str = "t") -> str:
        """See Harness. The wire server takes tables in lower case for tables in upper case."""
        return super().new_name(word).upper()

    def ledger_rows(self) -> int:
        """See Harness. Names that Sterna makes are in Oracle's case."""
        return self.count("STERNA_LEDGER", '"NUMBER" >= 0')

    def fetched(self, name: str, column: PlainColumn) -> str:
        """See PlainReading. Python has no dates before Christ and no nanoseconds, so moments come as text."""
        quoted = self.identifier(column.name)
        found = self.query(
            f"SELECT data_type FROM all_tab_columns WHERE owner = '{self.schema}' "
            f"AND table_name = {self.string(name)} AND column_name = {self.string(column.name)}"
        )
        native = str(found[0][0])
        if native == "DATE":
            return f"TO_CHAR({quoted}, 'YYYY-MM-DD HH24:MI:SS') || TO_CHAR({quoted}, ' BC')"
        if native.startswith("TIMESTAMP"):
            moment = f"SYS_EXTRACT_UTC({quoted})" if "TIME ZONE" in native else quoted
            return f"TO_CHAR({moment}, 'YYYY-MM-DD HH24:MI:SS.FF9') || TO_CHAR({moment}, ' BC')"
        return quoted

    def slow_condition(self) -> str:
        """See Harness."""
        return "(SELECT COUNT(*) FROM all_tab_cols a, all_tab_cols b, all_tab_cols c, all_tab_cols d) < 0"

    def statements(self) -> int:
        """See Harness."""
        return self._count_sessions("status = 'ACTIVE'")

    def sessions(self) -> int:
        """See Harness."""
        return self._count_sessions("1 = 1")

    def _count_sessions(self, condition: str) -> int:
        others = f"username = '{self.schema}' AND sid <> TO_NUMBER(SYS_CONTEXT('USERENV', 'SID')) AND {condition}"
        return int(self.query(f"SELECT COUNT(*) FROM gv$session WHERE {others}")[0][0])

    def wrong_password(self) -> Login:
        """See Harness."""
        return Login(self.options, Credentials(self._login.user, "wrong-password"))

    def unknown_host(self) -> Login:
        """See Harness."""
        return Login({**self.options, "port": free_port(), "connectTimeout": 3}, Credentials("scott", "tiger"))

    def add_view_and_trigger(self, name: str) -> Sequence[str]:
        """See Harness. The wire server has no triggers."""
        self.execute(f"CREATE VIEW {self.qualified(f'{name}_view')} AS SELECT * FROM {self.qualified(name)}")
        return [f"{name}_view"]


def _number_as_text(cursor: oracledb.Cursor, column: oracledb.FetchInfo) -> Any:
    """All digits: Python's float is the driver's default."""
    if column.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(oracledb.DB_TYPE_VARCHAR, 200, arraysize=cursor.arraysize)
    return None


def _read(value: Any) -> Any:
    """LOBs can be read while the session is open."""
    return value.read() if isinstance(value, oracledb.LOB) else value


def _bind_type(native: str) -> Any:
    known = (kind for prefix, kind in BIND_TYPES.items() if native.startswith(prefix))
    if native.endswith("WITH TIME ZONE"):
        return oracledb.DB_TYPE_TIMESTAMP_TZ
    return next(known, oracledb.DB_TYPE_VARCHAR)


def _value(text: str | None, column: NativeColumn) -> Any:
    if text is None:
        return None
    match column.value.kind:
        case "integer" | "decimal":
            return Decimal(text)
        case "float32" | "float64":
            return float(text)
        case "binary":
            return bytes.fromhex(text.removeprefix("\\x"))
        case "timestamp" | "timestamp_tz":
            return dt.datetime.fromisoformat(text)
        case "interval":
            return _seconds(text)
    return text


def _seconds(text: str) -> Decimal:
    days, _, clock = text.rpartition(" ") if ":" in text else (text, "", "0:0:0")
    hours, minutes, seconds = clock.lstrip("+-").split(":")
    time = Decimal(hours) * 3600 + Decimal(minutes) * 60 + Decimal(seconds)
    return (int(days.split()[0]) if days else 0) * 86400 + (-time if clock.startswith("-") else time)
