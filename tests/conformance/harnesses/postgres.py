"""PostgreSQL prepared by psycopg, which the product does not use."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

import psycopg

from connectors.conformance.harness import Login, Native, NativeColumn, Rows
from connectors.contract import Credentials
from deploy.local.postgres_server import PostgresServer, free_port
from tests.conformance.harnesses.plain_reading import PlainColumn, PlainReading
from tests.conftest import connect

NUL = ("a\x00b", "\x00")
PASSWORD_ROLE = "conformance_password"
ENUM = ("sad", "it's ok", "naïve 🙂", "a b", "Sad")


class PostgresHarness(PlainReading):
    """One database of the test session's server."""

    type_name = "POSTGRES"
    schema = "public"
    natives: ClassVar[dict[str, Native]] = {
        "boolean": Native("boolean"),
        "int16": Native("smallint"),
        "int32": Native("integer"),
        "int64": Native("bigint"),
        "uint32": Native("oid"),
        "decimal_10_2": Native("numeric(10,2)"),
        "decimal_38_10": Native("numeric(38,10)"),
        "decimal_65_30": Native("numeric(65,30)"),
        "decimal_5_minus_2": Native("numeric(5,-2)"),
        "decimal_any": Native("numeric"),
        "float32": Native("real"),
        "float64": Native("double precision"),
        "text": Native("text", without=NUL),
        "varchar_10": Native("varchar(10)", without=NUL),
        "varchar_4000": Native("varchar(4000)"),
        "char_5": Native("char(5)"),
        "binary": Native("bytea"),
        "date": Native("date"),
        "time": Native("time"),
        "time_tz": Native("timetz"),
        "timestamp": Native("timestamp"),
        "timestamp_0": Native("timestamp(0)"),
        "timestamp_3": Native("timestamp(3)"),
        "timestamp_tz": Native("timestamptz"),
        "interval": Native("interval"),
        "uuid": Native("uuid"),
        "json": Native("json"),
        "json_normalised": Native("jsonb"),
        "bits_3": Native("bit(3)"),
        "bits_64": Native("bit(64)"),
        "varbit": Native("varbit"),
        "enum": Native("conformance_mood"),
        "array": Native(
            "text[]", prints={"[1, 2, null]": '["1", "2", null]', "[[1, 2], [3, 4]]": '[["1", "2"], ["3", "4"]]'}
        ),
        "other": Native("inet", without=("[1,5)", "(0,0)", "08:00:2b:01:02:03", "a\\b'c\"d")),
    }

    def __init__(self, server: PostgresServer, database: str) -> None:
        super().__init__({"host": "127.0.0.1", "port": server.port, "database": database, "user": server.user})
        self._server = server
        self._database = database
        labels = ", ".join(self.string(label) for label in ENUM)
        self.execute(f"CREATE TYPE conformance_mood AS ENUM ({labels})")

    def execute(self, sql: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.encode())

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connect() as connection:
            return connection.execute(sql.encode()).fetchall()

    def insert(self, name: str, columns: Sequence[NativeColumn], rows: Rows) -> None:
        names = ", ".join(self.identifier(column.name) for column in columns).replace("%", "%%")
        marks = ", ".join(f"%s::text::{column.type}" for column in columns)
        values = [[_input(text, column) for text, column in zip(row, columns, strict=True)] for row in rows]
        table = self.qualified(name).replace("%", "%%")
        with self._connect() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})".encode(), values)

    def fetched(self, name: str, column: PlainColumn) -> str:
        """As text: psycopg has no objects for infinity, BC and 24:00:00."""
        quoted = self.identifier(column.name)
        is_array = self.query(
            "SELECT data_type = 'ARRAY' FROM information_schema.columns WHERE table_schema = 'public' "
            f"AND table_name = {self.string(name)} AND column_name = {self.string(column.name)}"
        ) == [(True,)]
        if not is_array:
            return f"{quoted}::text"
        return f"CASE WHEN {quoted}::text LIKE '[%=%' THEN {quoted}::text ELSE array_to_json({quoted})::text END"

    def slow_condition(self) -> str:
        return "pg_sleep(60) IS NULL"

    def statements(self) -> int:
        return self._activity("state = 'active'")

    def sessions(self) -> int:
        return self._activity("true")

    def _activity(self, condition: str) -> int:
        with connect(self._server, "postgres") as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                f"AND pid <> pg_backend_pid() AND datname = %s AND {condition}".encode(),
                (self._database,),
            ).fetchone()
        assert found is not None
        return int(str(found[0]))

    def wrong_password(self) -> Login:
        """The embedded server trusts its loopback, so one role is made to show a password."""
        rules = self._server.folder / "pg_hba.conf"
        rule = f"host all {PASSWORD_ROLE} 127.0.0.1/32 scram-sha-256\n"
        if rule not in rules.read_text():
            rules.write_text(rule + rules.read_text())
            self.execute(f"CREATE ROLE {PASSWORD_ROLE} LOGIN PASSWORD 'right'")
            self.execute("SELECT pg_reload_conf()")
            time.sleep(0.5)  # the postmaster reads the file when its signal arrives
        return Login({**self.options, "user": PASSWORD_ROLE}, Credentials(PASSWORD_ROLE, "wrong-password"))

    def unknown_host(self) -> Login:
        return Login({**self.options, "port": free_port(), "connectTimeout": 3}, Credentials())

    def unprivileged(self, name: str) -> Login:
        role = f"{self._database}_{name}_nobody"
        self.execute(f'CREATE ROLE "{role}" LOGIN')
        return Login({**self.options, "user": role}, Credentials())

    def add_view_and_trigger(self, name: str) -> Sequence[str]:
        table = self.qualified(name)
        self.execute(f"CREATE VIEW {name}_view AS SELECT * FROM {table}")
        self.execute(f"CREATE FUNCTION {name}_fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
        self.execute(
            f"CREATE TRIGGER {name}_trigger BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {name}_fires()"
        )
        return [f"{name}_view", f"{name}_trigger"]

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection = connect(self._server, self._database)
        connection.execute("SET TimeZone = 'UTC'")
        return connection


def _input(text: str | None, column: NativeColumn) -> str | None:
    """An array's JSON as PostgreSQL spells it; everything else is its own spelling."""
    if text is None or column.value.kind != "array" or text.startswith("[0:"):
        return text
    return text.replace("[", "{").replace("]", "}")
