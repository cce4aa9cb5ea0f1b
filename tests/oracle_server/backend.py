"""One session's SQL: Oracle's is translated by the Mirror, and what it translates otherwise than Oracle means is put
right here. What PostgreSQL would take and Oracle refuses is refused (strictness.py)."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from seerdb.server.backend import BackendError, Result
from seerdb.server.backends.postgres import PostgresBackend

from tests.oracle_server.rewriting import lock_timeout, rewritten
from tests.oracle_server.strictness import refuse_foreign_sql

if TYPE_CHECKING:
    from tests.oracle_server.wire import WireStream

T = TypeVar("T")

HERE = Path(__file__).parent
DICTIONARY_VERSION = "1"
NUL_STANDS_AS = "\U000ffffe"
"""PostgreSQL's text holds no U+0000, Oracle's does; nobody's text holds this one."""

FAULT = re.compile(
    r"\s*sim\s+fault\s+(?P<kind>ora-\d+|drop|delay|clear)(?:\s+(?:after\s+)?(?P<number>[\d.]+))?"
    r"(?:\s+times\s+(?P<times>\d+))?(?:\s+on\s+'(?P<on>.*)')?\s*",
    re.IGNORECASE | re.DOTALL,
)
CREATED = re.compile(r'\s*(?:create|alter)\s+table\s+((?:"[^"]+"|[\w$#]+)(?:\.(?:"[^"]+"|[\w$#]+))?)', re.IGNORECASE)

# By SQLSTATE and a pattern of PostgreSQL's message: the code that Oracle gives, where the Mirror gives another.
CORRECTIONS = (
    ("23503", "update or delete on table", 2292, "integrity constraint violated - child record found"),
    ("22008", "", 1843, "not a valid month"),
    ("22007", "", 1861, "literal does not match format string"),
    ("42P07", "", 955, "name is already used by an existing object"),
    ("42710", "", 2275, "such a constraint already exists in the table"),
    ("42P16", "multiple primary keys", 2260, "table can have only one primary key"),
    ("42704", "constraint .* does not exist", 2443, "Cannot drop constraint - nonexistent constraint"),
    ("42883", "function .* does not exist", 904, "invalid identifier"),
    ("57014", "", 1013, "user requested cancel of current operation"),
    ("40P01", "", 60, "deadlock detected while waiting for resource"),
    ("55P03", "", 54, "resource busy and acquire with NOWAIT specified or timeout expired"),
    ("40001", "", 8177, "can't serialize access for this transaction"),
)


@dataclass
class Fault:
    """Something that a test asked for."""

    kind: str
    number: float
    times: int
    on: re.Pattern[str]


ACCOUNTS = {"SCOTT": "tiger"}
PASSWORD = "tiger"
FAULTS: list[Fault] = []
"""Of all sessions of this process: a test plants them through a session of its own."""


class OracleBackend(PostgresBackend):
    """Any user may log in with one password."""

    stream: WireStream | None = None
    _inside = False

    def __init__(self, conninfo: str) -> None:
        super().__init__(conninfo, credentials=ACCOUNTS, presents="23ai")

    def authenticate(self, username: str) -> str | None:
        """Makes the user known: the Mirror is asked for the secret and never sees the client's password."""
        ACCOUNTS.setdefault(username.upper(), PASSWORD)
        return super().authenticate(username)

    def _connect(self, conninfo: str, role: str | None = None) -> None:
        super()._connect(conninfo, role)
        self._conn.execute("SELECT pg_advisory_xact_lock(42)")
        found = self._conn.execute(
            "SELECT obj_description(to_regclass('public.wire_dictionary'), 'pg_class')"
        ).fetchone()
        if found is None or found[0] != DICTIONARY_VERSION:
            self._conn.execute((HERE / "dictionary.sql").read_text())
            self._conn.execute(f"COMMENT ON TABLE public.wire_dictionary IS '{DICTIONARY_VERSION}'")
        self._conn.commit()

    def set_end_to_end(self, attrs: dict[str, str | None]) -> None:
        """Other sessions see the client's identifier (GV$SESSION)."""
        super().set_end_to_end(attrs)
        if "client_identifier" in attrs:
            self._conn.execute("SELECT set_config('application_name', %s, false)", (attrs["client_identifier"] or "",))
            self._conn.commit()

    def execute(self, sql: str, binds: Sequence[Any] = ()) -> Result:
        """One statement."""
        asked = FAULT.fullmatch(sql)
        if asked:
            self._plant(asked)
            return Result()
        seconds = lock_timeout(sql)
        if seconds is not None:
            self._conn.execute(f"SET LOCAL lock_timeout = '{seconds}s'")
        result = self._run(super().execute, sql, _stored(binds))
        if seconds is not None:
            self._conn.execute("SET LOCAL lock_timeout = 0")
        table = CREATED.match(sql)
        if table and "varchar2" in sql.lower():
            self._count_bytes(table[1])
        return _fetched(result)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> Any:
        """An array DML."""
        return self._run(super().execute_many, sql, [_stored(row) for row in rows])

    def parse(self, sql: str) -> None:
        """Without running it."""
        self._run(super().parse, sql)

    def _run(self, call: Callable[..., T], sql: str, *given: Any) -> T:
        if self._inside:  # the Mirror runs some statements through others
            return call(rewritten(sql), *given)
        refuse_foreign_sql(sql)
        self._suffer(sql)
        self._inside = True
        try:
            with self._cancellable():
                return call(rewritten(sql), *given)
        except BackendError as error:
            better = _corrected(error)
            if better is error:
                raise
            raise better from error
        finally:
            self._inside = False

    @contextlib.contextmanager
    def _cancellable(self) -> Iterator[None]:
        if self.stream is None:
            yield
            return
        with self.stream.cancellable(self._conn.cancel_safe):
            yield

    def _plant(self, asked: re.Match[str]) -> None:
        kind = asked["kind"].lower()
        if kind == "clear":
            FAULTS.clear()
            return
        on = re.compile(asked["on"] or "", re.IGNORECASE | re.DOTALL)
        FAULTS.append(Fault(kind, float(asked["number"] or 0), int(asked["times"] or 1), on))

    def _suffer(self, sql: str) -> None:
        for fault in FAULTS:
            if not fault.times or not fault.on.search(sql):
                continue
            fault.times -= 1
            if fault.kind == "delay":
                time.sleep(fault.number)
            elif fault.kind == "drop":
                assert self.stream is not None
                self.stream.packets_left = int(fault.number)
            else:
                raise BackendError("asked for by the test", ora_code=int(fault.kind.removeprefix("ora-")))

    def _count_bytes(self, table: str) -> None:
        """VARCHAR2 counts bytes unless told otherwise, and has 4,000 at most in any case. DDL has committed."""
        self._conn.execute("CALL public.wire_count_bytes(%s::regclass)", (_folded(table),))
        self._conn.commit()


def _folded(name: str) -> str:
    """The Mirror keeps upper-case names in lower case."""
    return ".".join(part.lower() if part.upper() == part else part for part in name.split("."))


def _stored(binds: Sequence[Any]) -> list[Any]:
    return [_stored_value(value) for value in binds]


def _stored_value(value: Any) -> Any:
    if isinstance(value, float) and value == 0.0:
        return 0.0  # Oracle coerces -0
    if isinstance(value, str) and "\0" in value:
        kept = type(value)(value.replace("\0", NUL_STANDS_AS))
        if hasattr(value, "max_size"):
            kept.max_size = value.max_size
        return kept
    return value


def _fetched(result: Result) -> Result:
    for number, row in enumerate(result.rows):
        if any(isinstance(value, str) and NUL_STANDS_AS in value for value in row):
            result.rows[number] = tuple(
                value.replace(NUL_STANDS_AS, "\0") if isinstance(value, str) else value for value in row
            )
    return result


def _corrected(error: BackendError) -> BackendError:
    cause: BaseException | None = error
    text = str(error)
    for _ in range(10):
        state = getattr(cause, "sqlstate", None)
        if state:
            text = str(cause)
            break
        if cause is None:
            return error
        cause = cause.__cause__ or cause.__context__
    too_long = re.search(r"wire-12899 ([^\n]*)", text)
    if too_long:
        return BackendError(too_long[1], ora_code=12899, rowcount=error.rowcount)
    for wanted, pattern, code, message in CORRECTIONS:
        if state == wanted and re.search(pattern, text):
            return BackendError(message, ora_code=code, rowcount=error.rowcount)
    return error
