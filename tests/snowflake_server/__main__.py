"""The local server's process: fakesnow over HTTP, with what it lacks of Snowflake and the connector relies on.

Added to fakesnow: logins are checked (password, or the signature of a key pair's token), sessions end, transactions
have names and locks and can be aborted, statements can be cancelled, the user's stage, REMOVE, declared types and keys
in SHOW, nanoseconds, Snowflake's numbers for DuckDB's errors.

    python -m tests.snowflake_server PORT USER PASSWORD PUBLIC_KEY_FILE
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import itertools
import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import fakesnow.conn
import fakesnow.copy_into
import fakesnow.server
import fakesnow.transforms
import jwt
import snowflake.connector.errors as driver
import sqlglot
import uvicorn
from cryptography.hazmat.primitives import serialization
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.transforms import stage
from sqlglot import exp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.snowflake_server.declared import Catalog, Row, folded, place_of
from tests.snowflake_server.transactions import Transactions

transactions = Transactions()
catalogs: dict[str, Catalog] = {}
session_numbers = itertools.count(1000)

USER_STAGE = "STERNA_USER_STAGE"
BEGIN = re.compile(r"BEGIN(?:\s+(?:TRANSACTION|WORK))?(?:\s+NAME\s+(?P<name>\w+))?", re.IGNORECASE)
SHOW = re.compile(r"SHOW\s+(?P<what>[A-Z ]+?)(?:\s+IN\s+(?P<scope>SCHEMA|TABLE)\s+(?P<place>.+))?", re.IGNORECASE)
LIST = re.compile(r"LIST\s+@~/?(?P<path>\S*)", re.IGNORECASE)
REMOVE = re.compile(r"REMOVE\s+@~/(?P<path>\S+)", re.IGNORECASE)
ABORT = re.compile(r"SELECT SYSTEM\$ABORT_TRANSACTION\((?P<id>\d+|\?)\)", re.IGNORECASE)
CURRENT = re.compile(r"SELECT CURRENT_TRANSACTION\(\)", re.IGNORECASE)
AUTOCOMMIT = re.compile(r"ALTER SESSION SET AUTOCOMMIT = (?P<on>TRUE|FALSE)", re.IGNORECASE)
CHANGES = re.compile(r"\s*(INSERT|UPDATE|DELETE|MERGE|COPY)\b", re.IGNORECASE)
CANCEL = re.compile(r"SELECT SYSTEM\$CANCEL_ALL_QUERIES\((?P<session>\d+)\)", re.IGNORECASE)
COMMENT = re.compile(r"COMMENT ON (?P<kind>TABLE|COLUMN) .*", re.IGNORECASE | re.DOTALL)
NANOSECONDS = {
    exp.DataType.Type.TIMESTAMPNTZ: "TIMESTAMP_NS",
    exp.DataType.Type.TIMESTAMPLTZ: "TIMESTAMPTZ_NS",
    exp.DataType.Type.TIMESTAMPTZ: "TIMESTAMPTZ_NS",
    exp.DataType.Type.TIME: "TIME_NS",
}
"""What DuckDB calls types with more than 6 digits of a second, which fakesnow would cut."""
CONTEXT = {"CURRENT_WAREHOUSE()": "'LOCAL'", "CURRENT_USER()": "'STERNA'", "CURRENT_ROLE()": "'SYSADMIN'"}
EMPTY = frozenset(
    (
        *("MATERIALIZED VIEWS", "DYNAMIC TABLES", "STREAMS", "TASKS", "PIPES", "USER FUNCTIONS", "USER PROCEDURES"),
        *("MASKING POLICIES", "ROW ACCESS POLICIES"),
    )
)
ERRORS: tuple[tuple[type[duckdb.Error], str, int, str], ...] = (
    (duckdb.CatalogException, "already exists", 2002, "42710"),
    (duckdb.ConstraintException, "NOT NULL", 100072, "22000"),
    (duckdb.ConstraintException, "", 200001, "22000"),
    (duckdb.TransactionException, "", 625, "57014"),
    (duckdb.InterruptException, "", 604, "57014"),
    (duckdb.InvalidInputException, "JSON", 100069, "22P02"),
    (duckdb.OutOfRangeException, "", 100039, "22003"),
    (duckdb.ConversionException, "", 100038, "22018"),
    (duckdb.Error, "", 100000, "22000"),
)
KEYS = ("PRIMARY KEYS", "UNIQUE KEYS", "IMPORTED KEYS")


class LocalCursor(FakeSnowflakeCursor):
    """fakesnow's cursor, with the statements that it does not know or gets wrong."""

    def execute(self, command: str, params: Any = None, *args: Any, **kwargs: Any) -> LocalCursor:
        """Runs one statement."""
        token = getattr(self._conn, "sterna_token", "")
        transactions.touch(token, busy=True)
        if CHANGES.match(command) and transactions.is_implicit(token):
            self._of_transactions("BEGIN", None, token)
            super().execute("BEGIN", server=True)
        try:
            answer = self._answered(command.strip().rstrip(";"), kwargs.get("binding_params") or params, token)
            if answer is None:
                super().execute(self._rewritten(command), params, *args, **kwargs)
            else:
                super().execute(answer, server=True)
        except duckdb.Error as error:
            raise _as_snowflake(error) from error
        except driver.ProgrammingError as error:
            if error.errno == 2003 and "already exists" in str(error.msg):
                raise driver.ProgrammingError(msg=error.msg, errno=2002, sqlstate="42710") from error
            raise
        finally:
            transactions.touch(token, busy=False)
        return self

    @property
    def _catalog(self) -> Catalog:
        return catalogs.setdefault(str(self._conn.database), Catalog())

    def _answered(self, sql: str, params: Any, token: str) -> str | None:
        """SQL whose rows are the answer, for what fakesnow must not see."""
        show, removal, comment = SHOW.fullmatch(sql), REMOVE.fullmatch(sql), COMMENT.fullmatch(sql)
        if show:
            return self._shown(show)
        if removal:
            return self._removed(removal["path"])
        listed = LIST.fullmatch(sql)
        if listed:
            return _select([{"name": str(file)} for file in self._staged(listed["path"])], ("name",))
        if comment:
            self._commented(sql)
            return "SELECT 'ok' AS status"
        if sql.upper().startswith("ALTER TABLE"):
            return self._altered(sql)
        return self._of_transactions(sql, params, token)

    def _of_transactions(self, sql: str, params: Any, token: str) -> str | None:
        begin, abort, autocommit = BEGIN.fullmatch(sql), ABORT.fullmatch(sql), AUTOCOMMIT.fullmatch(sql)
        if begin:
            if not transactions.begin(begin["name"] or "", token, self._rolled_back):
                raise driver.ProgrammingError(msg="Statement aborted: lock", errno=625, sqlstate="57014")
            return "BEGIN"
        if sql.upper() in ("COMMIT", "ROLLBACK"):
            return self._ended(sql.upper(), token)
        if abort:
            number = int(abort["id"] if abort["id"] != "?" else params[0])
            return f"SELECT '{'aborted' if transactions.abort(number) else 'not found'}' AS status"
        if autocommit:
            transactions.set_autocommit(token, on=autocommit["on"].upper() == "TRUE")
            return "SELECT 'ok' AS status"
        if CURRENT.fullmatch(sql):
            return f"SELECT '{transactions.number_of(token)}' AS current"
        return None

    def _ended(self, statement: str, token: str) -> str:
        try:
            FakeSnowflakeCursor.execute(self, statement, server=True)
        finally:
            transactions.end(token)
        return "SELECT 'Statement executed successfully.' AS status"

    def _rolled_back(self) -> None:
        """From another session's thread: this one's transaction is aborted."""
        with suppress(duckdb.Error):
            self._duck_conn.interrupt()
            self._duck_conn.rollback()

    def _shown(self, show: re.Match[str]) -> str | None:
        what = " ".join(show["what"].upper().split())
        if what == "TRANSACTIONS":
            running = transactions.running
            rows = [{"id": running.id, "name": running.name, "session": running.session}] if running else []
            return _select(rows, ("id", "name", "session"))
        if what in EMPTY:
            return _select([], ("name",))
        if what != "COLUMNS" and what not in KEYS:
            return None
        parts = [folded(part) for part in sqlglot.parse_one(show["place"], into=exp.Table, read="snowflake").parts]
        schema, table = parts[-1], None
        if show["scope"].upper() == "TABLE":
            schema, table = (parts[-2] if len(parts) > 1 else str(self._conn.schema)), parts[-1]
        catalog = self._catalog
        rows = catalog.columns(schema, table) if what == "COLUMNS" else catalog.keys(what, schema, table)
        return _select(rows, tuple(rows[0]) if rows else ("table_name", "fk_table_name"))

    def _removed(self, path: str) -> str:
        for file in self._staged(path):
            file.unlink()
        return f"SELECT '{path}' AS name, 'removed' AS result"

    def _staged(self, path: str) -> list[Path]:
        root = Path(stage.internal_dir(f"{self._conn.database}.{self._conn.schema}.{USER_STAGE}", path))
        return [root] if root.is_file() else [file for file in root.rglob("*") if file.is_file()]

    def _commented(self, sql: str) -> None:
        comment = sqlglot.parse_one(sql, read="snowflake")
        target, text = comment.this, comment.args["expression"].name
        if isinstance(target, exp.Table):
            place = place_of(target, str(self._conn.schema))
            values = [str(self._conn.database), *place, text]
            with self._duck_conn.cursor() as session:
                session.execute(
                    "INSERT OR REPLACE INTO _fs_global._fs_information_schema._fs_tables_ext VALUES (?, ?, ?, ?)",
                    values,
                )
            return
        place = (
            folded(target.args["db"]) if target.args.get("db") else str(self._conn.schema),
            folded(target.args["table"]),
        )
        for column in self._catalog.tables[place].columns:
            if column.name == folded(target.this):
                column.comment = text

    def _altered(self, sql: str) -> str | None:
        altered = sqlglot.parse_one(sql, read="snowflake")
        if not isinstance(altered, exp.Alter) or not isinstance(altered.this, exp.Table):
            return None
        place = place_of(altered.this, str(self._conn.schema))
        added = [action for action in altered.args["actions"] if isinstance(action, exp.AddConstraint)]
        for action in added:
            for part in action.expressions:
                self._catalog.add(place, part, str(self._conn.schema))
        return "SELECT 'ok' AS status" if added else None

    def _rewritten(self, command: str) -> str:
        stripped = command.lstrip().upper()
        if stripped.startswith("CREATE") and " TABLE " in stripped[:60]:
            command = self._declared(command)
        elif stripped.startswith("DROP TABLE"):
            dropped = sqlglot.parse_one(command, read="snowflake").find(exp.Table)
            if dropped is not None:
                self._catalog.drop(place_of(dropped, str(self._conn.schema)))
        for function, literal in CONTEXT.items():
            command = command.replace(function, literal)
        return command.replace("@~/", f"@{USER_STAGE}/")

    def _declared(self, command: str) -> str:
        created = sqlglot.parse_one(command, read="snowflake")
        if not isinstance(created, exp.Create) or not isinstance(created.this, exp.Schema):
            return command
        self._catalog.declare(created, str(self._conn.schema))
        return created.sql(dialect="snowflake")


def _select(rows: list[Row], names: tuple[str, ...]) -> str:
    """SQL that gives these rows."""
    columns = ", ".join(f'"{name}"' for name in names)
    if not rows:
        nothing = ", ".join(f"'' AS \"{name}\"" for name in names)
        return f"SELECT {columns} FROM (SELECT {nothing}) AS t WHERE 1 = 0"
    values = ", ".join("(" + ", ".join(_literal(row[name]) for name in names) + ")" for row in rows)
    return f"SELECT {columns} FROM (VALUES {values}) AS t({columns})"


def _literal(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    return "'" + str(value or "").replace("\\", "\\\\").replace("'", "''") + "'"


def _as_snowflake(error: duckdb.Error) -> driver.ProgrammingError:
    text = str(error).split("\n", 1)[0]
    number, state = next((n, s) for kind, mark, n, s in ERRORS if isinstance(error, kind) and mark in text)
    return driver.ProgrammingError(msg=text, errno=number, sqlstate=state)


class Logins:
    """Who may log in."""

    def __init__(self, user: str, password: str, public_key: Path) -> None:
        self._user, self._password, self._public_key = user, password, public_key

    async def log_in(self, request: Request) -> Response:
        """A login: refused with Snowflake's numbers, or fakesnow's session with a number of its own."""
        body = await request.body()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        data = json.loads(body)["data"]
        if data.get("AUTHENTICATOR") == "SNOWFLAKE_JWT":
            if not self._signed(str(data["TOKEN"])):
                return _refusal("390144", "JWT token is invalid.")
        elif (data.get("LOGIN_NAME"), data.get("PASSWORD")) != (self._user, self._password):
            return _refusal("390100", "Incorrect username or password was specified.")
        response = await fakesnow.server.login_request(request)
        answer = json.loads(bytes(response.body))
        token = answer["data"]["token"]
        answer["data"] |= {"sessionId": next(session_numbers), "masterToken": token}
        connection = fakesnow.server.sessions[token]
        connection.sterna_token = token  # type: ignore[attr-defined]
        return JSONResponse(answer)

    def _signed(self, token: str) -> bool:
        public = serialization.load_pem_public_key(self._public_key.read_bytes())
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
        try:
            claims = jwt.decode(token, public, algorithms=["RS256"])  # type: ignore[arg-type]
        except jwt.InvalidTokenError:
            return False
        return bool(claims["iss"] == f"{claims['sub']}.{fingerprint}" and claims["sub"].endswith(f".{self._user}"))


def _refusal(code: str, message: str) -> Response:
    return JSONResponse({"data": {"errorCode": code}, "code": code, "message": message, "success": False})


async def query(request: Request) -> Response:
    """A statement; cancelling the session's statements does not wait for them."""
    token = fakesnow.server.to_token(request)
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    if CANCEL.fullmatch(json.loads(body)["sqlText"].strip()):
        connection = fakesnow.server.sessions.get(token)
        if connection is not None:
            connection._duck_conn.interrupt()
        return JSONResponse({"data": {"rowtype": [], "rowset": [], "total": 0}, "success": True})
    return await fakesnow.server.query_request(request)


async def session(request: Request) -> Response:
    """A heartbeat, or the end of a session: what it did not commit is rolled back."""
    if request.query_params.get("delete"):
        token = fakesnow.server.to_token(request)
        connection = fakesnow.server.sessions.get(token)
        if connection is not None:
            connection.close()
        transactions.end(token)
    return await fakesnow.server.session(request)


def whole_numbers(part: exp.Expression) -> exp.Expression:
    """In fakesnow's place, which keeps NUMBER(38,0) in 64 bits: 38 digits."""
    whole = (exp.DataType.Type.INT, exp.DataType.Type.BIGINT, exp.DataType.Type.SMALLINT, exp.DataType.Type.TINYINT)
    if isinstance(part, exp.DataType) and (
        part.this in whole or (part.this == exp.DataType.Type.DECIMAL and not part.expressions)
    ):
        return exp.DataType.build("DECIMAL(38, 0)")
    return part


def _as_duckdb(part: exp.Expression) -> exp.Expression:
    """Before fakesnow's own transformation: JSON as it was written, nanoseconds, BINARY without its length."""
    if isinstance(part, exp.Func) and part.sql_name() in ("TO_JSON", "JSON_FORMAT"):
        return exp.cast(part.this, "VARCHAR")  # DuckDB's own would write numbers anew
    if isinstance(part, exp.ParseJSON):
        return exp.cast(part.this, "JSON")
    if not isinstance(part, exp.DataType):
        return part
    digits = [int(number.name) for number in part.expressions if number.name.isdigit()]
    if part.this in NANOSECONDS and digits and digits[0] > 6:
        return exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=NANOSECONDS[part.this])
    if part.this in (exp.DataType.Type.BINARY, exp.DataType.Type.VARBINARY):
        return exp.DataType.build("VARBINARY")
    return part


def _keep_user_stages() -> None:
    """The user's stage is there without CREATE STAGE."""
    find, locate = stage.stage_lookup_sql, fakesnow.copy_into.stage_url_from_var

    def lookup(catalog: str, schema: str, name: str, tables: stage.TableStages) -> str:
        if name == USER_STAGE:
            return f"SELECT '{catalog}.{schema}.{name}' AS storage_name"
        return find(catalog, schema, name, tables)

    def url(var: str, session: Any, catalog: Any, schema: Any, tables: Any, target: exp.Table) -> str:
        name, _, path = var.partition("/")
        if name == USER_STAGE:
            return stage.internal_dir(f"{catalog}.{schema}.{name}").rstrip("/") + f"/{path}"
        return locate(var, session, catalog, schema, tables, target)

    stage.stage_lookup_sql = lookup
    fakesnow.copy_into.stage_url_from_var = url


def application(logins: Logins) -> Starlette:
    """fakesnow's routes, three of them replaced."""
    _keep_user_stages()
    fakesnow.conn.FakeSnowflakeCursor = LocalCursor  # type: ignore[misc]
    fakesnow.transforms.integer_precision = whole_numbers
    original = fakesnow.transforms.upper_case_unquoted_identifiers
    fakesnow.transforms.upper_case_unquoted_identifiers = lambda part: original(_as_duckdb(part))
    own = [
        Route("/session/v1/login-request", logins.log_in, methods=["POST"]),
        Route("/session", session, methods=["POST"]),
        Route("/queries/v1/query-request", query, methods=["POST"]),
    ]
    return Starlette(routes=[*own, *fakesnow.server.routes])


if __name__ == "__main__":
    port, user, password, key = sys.argv[1:5]
    uvicorn.run(application(Logins(user, password, Path(key))), host="127.0.0.1", port=int(port), log_level="warning")
