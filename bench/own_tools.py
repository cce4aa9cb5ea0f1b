"""Each database's own bulk tool, which `bench.bulk_tools` compares the connectors with, on a private server."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Protocol

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.csv
import sqlalchemy

from connectors.conformance.harness import Harness, SqlHarness
from core.schema import TableName
from deploy.local.mariadb_server import MariadbServer, program
from deploy.local.postgres_server import PostgresServer
from tests.conformance.harnesses.duckdb import CONFIG, DuckdbHarness
from tests.conformance.harnesses.firebird import FirebirdHarness
from tests.conformance.harnesses.mysql import MysqlHarness
from tests.conformance.harnesses.oracle import OracleHarness
from tests.conformance.harnesses.postgres import PostgresHarness
from tests.conformance.harnesses.snowflake import SnowflakeHarness
from tests.conformance.harnesses.sqlite import SqliteHarness
from tests.conftest import connect
from tests.firebird_server import FirebirdServer
from tests.oracle_server.server import OracleServer, real_oracle
from tests.snowflake_server.server import SnowflakeServer

PIECE_BYTES = 1024 * 1024
ROWS_PER_CALL = 5000
"""Of executemany: more are not faster with any of the drivers here."""


class Server(Protocol):
    """A private server."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class OwnTool(ABC):
    """One database and the fastest that comes with it: a csv file into a table, a table into a csv file."""

    loads_by: ClassVar[str]
    unloads_by: ClassVar[str]
    judged: ClassVar[bool] = True
    most_rows: ClassVar[int] = 10**9
    """More would take too long here."""
    harness: Harness

    @abstractmethod
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Starts the server, whose files lie in `folder`; the stack's end stops it."""

    @abstractmethod
    def load(self, table: TableName, file: Path) -> None:
        """Loads the file; NULL is the word NULL without quotes."""

    @abstractmethod
    def unload(self, table: TableName, file: Path) -> None:
        """Writes all rows to the file."""

    def qualified(self, table: TableName) -> str:
        """The table in the database's SQL."""
        assert isinstance(self.harness, SqlHarness)
        return self.harness.qualified(table.name)


class PostgresTool(OwnTool):
    """COPY in csv through libpq, as psql's \\copy does it."""

    loads_by = "COPY FROM csv (libpq)"
    unloads_by = "COPY TO csv (libpq)"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._server = PostgresServer(folder / "postgres")
        _started(self._server, stack)
        with connect(self._server, "postgres") as connection:
            connection.execute("CREATE DATABASE bench")
        self.harness = PostgresHarness(self._server, "bench")

    def load(self, table: TableName, file: Path) -> None:
        statement = f"COPY {self.qualified(table)} FROM STDIN (FORMAT csv, NULL 'NULL')".encode()
        with file.open("rb") as opened, self._copying(statement) as copy:
            while piece := opened.read(PIECE_BYTES):
                copy.write(piece)

    def unload(self, table: TableName, file: Path) -> None:
        statement = f"COPY {self.qualified(table)} TO STDOUT (FORMAT csv, NULL 'NULL')".encode()
        with file.open("wb") as opened, self._copying(statement) as copy:
            for piece in copy:
                opened.write(piece)

    @contextmanager
    def _copying(self, statement: bytes) -> Iterator[psycopg.Copy]:
        with (
            connect(self._server, "bench") as connection,
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            yield copy


class MysqlTool(OwnTool):
    """The client `mariadb`."""

    loads_by = "mariadb: LOAD DATA LOCAL"
    unloads_by = "mariadb --batch --quick"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        server = MariadbServer(folder / "mariadb")
        _started(server, stack)
        self.harness = MysqlHarness(server, "bench")
        place = (
            "--host=127.0.0.1",
            f"--port={server.port}",
            f"--user={server.user}",
            "--default-character-set=utf8mb4",
        )
        self._client = [str(program("mariadb")), "--no-defaults", *place, "--local-infile=1", "bench"]

    def load(self, table: TableName, file: Path) -> None:
        statement = (
            f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {self.qualified(table)} CHARACTER SET utf8mb4 "
            "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n'"
        )
        subprocess.run([*self._client, "-e", statement], check=True)

    def unload(self, table: TableName, file: Path) -> None:
        command = [*self._client, "--batch", "--quick", "-e", f"SELECT * FROM {self.qualified(table)}"]
        with file.open("wb") as opened:
            subprocess.run(command, check=True, stdout=opened)


class SqliteTool(OwnTool):
    """The shell `sqlite3`, else Python's module. The shell's .import knows no NULL: it stores the word."""

    shell = shutil.which("sqlite3")
    loads_by = "sqlite3 .import" if shell else "sqlite3 executemany"
    unloads_by = "sqlite3 -csv" if shell else "sqlite3 fetchall, csv"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._path = folder / "bench.sqlite"
        self.harness = SqliteHarness(self._path)

    def load(self, table: TableName, file: Path) -> None:
        if self.shell:
            subprocess.run([self.shell, "-csv", self._path, f".import '{file}' {table.name}"], check=True)
            return
        with closing(self._opened()) as connection, connection:
            for rows in _rows_of(file):
                marks = ", ".join("?" for _ in rows[0])
                connection.executemany(f"INSERT INTO {self.qualified(table)} VALUES ({marks})", rows)

    def unload(self, table: TableName, file: Path) -> None:
        query = f"SELECT * FROM {self.qualified(table)}"
        if self.shell:
            with file.open("wb") as opened:
                subprocess.run([self.shell, "-csv", self._path, query], check=True, stdout=opened)
            return
        with closing(self._opened()) as connection:
            _write(file, connection.execute(query).fetchall())

    def _opened(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)


class DuckdbTool(OwnTool):
    """COPY in process."""

    loads_by = "COPY FROM csv"
    unloads_by = "COPY TO csv"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._path = folder / "bench.duckdb"
        self.harness = DuckdbHarness(self._path)

    def load(self, table: TableName, file: Path) -> None:
        with duckdb.connect(str(self._path), config=CONFIG) as connection:
            connection.execute(f"COPY {self.qualified(table)} FROM '{file}' (FORMAT csv, HEADER false, NULL 'NULL')")

    def unload(self, table: TableName, file: Path) -> None:
        with duckdb.connect(str(self._path), config=CONFIG) as connection:
            connection.execute(f"COPY {self.qualified(table)} TO '{file}' (FORMAT csv, HEADER false, NULL 'NULL')")


class SnowflakeTool(OwnTool):
    """PUT and COPY INTO of a csv file; Arrow result batches on the way out."""

    loads_by = "PUT csv, COPY INTO"
    unloads_by = "fetch_arrow_batches, csv"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._server = SnowflakeServer(folder / "snowflake")
        _started(self._server, stack)
        self.harness = SnowflakeHarness(self._server)
        self._database = str(self.harness.options["database"])

    def load(self, table: TableName, file: Path) -> None:
        form = "TYPE = CSV FIELD_OPTIONALLY_ENCLOSED_BY = '\"' NULL_IF = ('NULL')"
        with closing(self._server.connect(self._database)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"PUT 'file://{file}' @~/bench/{table.name} OVERWRITE = TRUE")
            cursor.execute(f"COPY INTO {self.qualified(table)} FROM @~/bench/{table.name} FILE_FORMAT = ({form})")

    def unload(self, table: TableName, file: Path) -> None:
        with closing(self._server.connect(self._database)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"SELECT * FROM {self.qualified(table)}")
            _write_arrow(file, cursor.fetch_arrow_batches())


class OracleTool(OwnTool):
    """python-oracledb's array DML, and its data frames on the way out: SQL*Loader comes with Oracle only."""

    loads_by = "oracledb executemany"
    unloads_by = "oracledb fetch_df_batches, csv"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        login = real_oracle()
        if login is None:
            postgres = PostgresServer(folder / "postgres")
            _started(postgres, stack)
            server = OracleServer(postgres)
            _started(server, stack)
            login = server.login()
        self._login = login
        self.harness = OracleHarness(login)

    def load(self, table: TableName, file: Path) -> None:
        with self._login.connect() as connection, connection.cursor() as cursor:
            for rows in _rows_of(file):
                marks = ", ".join(f":{number}" for number in range(1, len(rows[0]) + 1))
                cursor.executemany(f"INSERT INTO {self.qualified(table)} VALUES ({marks})", list(map(_typed, rows)))
            connection.commit()

    def unload(self, table: TableName, file: Path) -> None:
        query = f"SELECT * FROM {self.qualified(table)}"
        with self._login.connect() as connection:
            frames = connection.fetch_df_batches(query, size=ROWS_PER_CALL, fetch_decimals=True)
            _write_arrow(file, (pa.table(frame) for frame in frames))


class SqlalchemyTool(OwnTool):
    """SQLAlchemy's own executemany and fetchall, on Firebird; printed and not judged."""

    loads_by = "sqlalchemy executemany"
    unloads_by = "sqlalchemy rows, csv"
    judged = False
    most_rows = 20_000

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        server = FirebirdServer(folder / "firebird")
        _started(server, stack)
        self.harness = FirebirdHarness(server, "bench")
        url = sqlalchemy.make_url(str(self.harness.options["url"]))
        self._engine = sqlalchemy.create_engine(url.set(username=server.user, password=server.password))
        stack.callback(self._engine.dispose)

    def load(self, table: TableName, file: Path) -> None:
        with self._engine.begin() as connection:
            for rows in _rows_of(file):
                marks = ", ".join("?" for _ in rows[0])
                statement = f"INSERT INTO {self.qualified(table)} VALUES ({marks})"
                connection.exec_driver_sql(statement, list(map(_typed, rows)))

    def unload(self, table: TableName, file: Path) -> None:
        with self._engine.connect() as connection:
            _write(file, connection.exec_driver_sql(f"SELECT * FROM {self.qualified(table)}"))


OWN_TOOLS: dict[str, type[OwnTool]] = {
    "POSTGRES": PostgresTool,
    "MYSQL": MysqlTool,
    "ORACLE": OracleTool,
    "SNOWFLAKE": SnowflakeTool,
    "SQLITE": SqliteTool,
    "DUCKDB": DuckdbTool,
    "SQLALCHEMY": SqlalchemyTool,
}


def _started(server: Server, stack: ExitStack) -> None:
    server.start()
    stack.callback(server.stop)


def _rows_of(file: Path) -> Iterator[list[tuple[str | None, ...]]]:
    """The file's rows as a program would read them for executemany."""
    with file.open(newline="", encoding="utf-8") as opened:
        rows = (tuple(None if text == "NULL" else text for text in row) for row in csv.reader(opened))
        while piece := list(islice(rows, ROWS_PER_CALL)):
            yield piece


def _typed(row: Sequence[str | None]) -> tuple[Any, ...]:
    """The columns of bench.bulk_rows as the objects that drivers take."""
    kinds: tuple[Callable[[str], Any], ...] = (
        int,
        int,
        int,
        Decimal,
        Decimal,
        date.fromisoformat,
        datetime.fromisoformat,
        str,
        str,
    )
    return tuple(None if text is None else kind(text) for kind, text in zip(kinds, row, strict=True))


def _write(file: Path, rows: Any) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened, lineterminator="\n").writerows(rows)


def _write_arrow(file: Path, tables: Any) -> None:
    with file.open("wb") as opened:
        for table in tables:
            pyarrow.csv.write_csv(table, opened, pyarrow.csv.WriteOptions(include_header=False))
