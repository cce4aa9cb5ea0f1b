"""The suite proves itself: planted mistakes, of kinds that tools of this trade have made, fail a named behaviour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.conformance.harness import Harness
from connectors.conformance.suite import ConformanceSuite
from connectors.contract import LoadTarget
from connectors.mysql.session import MysqlSession
from connectors.sql import query, rows_of
from connectors.sql.ledger import SqlLedger
from connectors.sql.session import SqlSession
from connectors.sql.writer import SqlWriter
from connectors.sqlite.dialect import SqliteDialect
from core.errors import MigrationError
from core.schema import Digest
from core.value_type import ValueType
from tests.conformance.conftest import OpenHarness
from tests.conformance.harnesses.sqlite import SqliteHarness

Plant = Callable[[pytest.MonkeyPatch], None]


async def fails(harness: Harness, behaviour: str, *cases: str) -> bool:
    """Whether the behaviour sees that something is wrong: by an assertion, or by an error of the product."""
    try:
        await getattr(ConformanceSuite(), f"test_{behaviour}")(harness, *cases)
    except (AssertionError, MigrationError, pytest.fail.Exception):
        return True
    return False


def ledger_outside_the_transaction(patch: pytest.MonkeyPatch) -> None:
    """The ledger row is committed before the rows."""
    claim = SqlLedger.claim

    async def early(self: SqlLedger, session: SqlSession, entry: object) -> Digest | None:
        recorded = await claim(self, session, entry)  # type: ignore[arg-type]
        if recorded is None:
            await session.commit()
            await session.begin()
        return recorded

    patch.setattr(SqlLedger, "claim", early)


def ledger_after_the_commit(patch: pytest.MonkeyPatch) -> None:
    """The ledger is asked, but its row is written by nobody."""

    async def forgetful(self: SqlLedger, session: SqlSession, entry: object) -> Digest | None:
        return await self.recorded(session, entry)  # type: ignore[arg-type]

    patch.setattr(SqlLedger, "claim", forgetful)


def range_begins_one_late(patch: pytest.MonkeyPatch) -> None:
    """A range leaves out the key at which it begins."""
    condition = SqliteDialect.key_condition
    patch.setattr(SqliteDialect, "key_condition", lambda self, rows: condition(self, rows).replace(">=", ">"))


def range_ends_one_late(patch: pytest.MonkeyPatch) -> None:
    """A range takes the key at which the next one begins."""
    condition = SqliteDialect.key_condition
    patch.setattr(SqliteDialect, "key_condition", lambda self, rows: condition(self, rows).replace(" < ", " <= "))


def empty_for_null(patch: pytest.MonkeyPatch) -> None:
    """NULL is read as the empty text."""
    read = SqliteDialect.read_expression

    def empty(self: SqliteDialect, sql: str, value: ValueType, native: str) -> str:
        text = read(self, sql, value, native)
        return f"coalesce({text}, '')" if value.kind == "text" else text

    patch.setattr(SqliteDialect, "read_expression", empty)


def number_by_float(patch: pytest.MonkeyPatch) -> None:
    """Decimals pass through a double."""
    read = SqliteDialect.read_expression

    def rounded(self: SqliteDialect, sql: str, value: ValueType, native: str) -> str:
        return f"CAST(CAST({sql} AS REAL) AS TEXT)" if value.kind == "decimal" else read(self, sql, value, native)

    patch.setattr(SqliteDialect, "read_expression", rounded)


def rows_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    """Whatever came is committed."""
    load = SqlWriter._load

    async def trusting(self: SqlWriter, target: object, entry: object, write: Callable[[object], object]) -> object:
        async def claimed(into: object) -> int:
            await write(into)  # type: ignore[misc]
            return entry.digest.rows  # type: ignore[attr-defined,no-any-return]

        return await load(self, target, entry, claimed)  # type: ignore[arg-type]

    patch.setattr(SqlWriter, "_load", trusting)


def replaced_rows_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The proof of an upsert does not know what its rows took the place of."""

    async def none(self: SqlLedger, session: SqlSession, load: object) -> Digest:
        return Digest()

    patch.setattr(SqlLedger, "replaced", none)


def watermarks_are_not_heeded(patch: pytest.MonkeyPatch) -> None:
    """Every pass reads the whole table."""
    patch.setattr(query, "_watermark_conditions", lambda dialect, selection: [])


def stragglers_are_let_in(patch: pytest.MonkeyPatch) -> None:
    """A batch of an older load is loaded beside those of the newer one."""

    async def never(self: SqlLedger, session: SqlSession, job_id: str, table_id: str) -> int:
        return 0

    claim = SqlLedger.claim

    async def blind(self: SqlLedger, session: SqlSession, entry: object) -> Digest | None:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(SqlLedger, "_newest_load", never)
            return await claim(self, session, entry)  # type: ignore[arg-type]

    patch.setattr(SqlLedger, "claim", blind)


def proof_counts_only(patch: pytest.MonkeyPatch) -> None:
    """The digest sees how many rows there are, and not what they hold."""

    async def counted(parts: object, proof: object) -> Digest:
        rows = 0
        async for part in parts:  # type: ignore[attr-defined]
            rows += part.num_rows
        return Digest(rows=rows)

    patch.setattr(rows_of, "digest_rows", counted)


def ignore_in_silence(patch: pytest.MonkeyPatch) -> None:
    """LOAD DATA LOCAL means IGNORE: what does not fit is cut, and nobody asks for the warnings."""

    async def silent(self: MysqlSession, target: LoadTarget, data: object) -> int:
        statement = self._load_statement(target)
        taken, _ = await self._run(lambda: self._connection.load_local(statement, data))  # type: ignore[arg-type]
        return taken

    patch.setattr(MysqlSession, "_load", silent)


MUTANTS: list[tuple[Plant, str, tuple[str, ...]]] = [
    (ledger_outside_the_transaction, "failure_in_mid_batch", ()),
    (ledger_outside_the_transaction, "cancelled_in_mid_batch", ()),
    (ledger_after_the_commit, "repeated_batch", ()),
    (range_begins_one_late, "ranges_cover", ("dense",)),
    (range_begins_one_late, "ranges_meet", ()),
    (range_ends_one_late, "ranges_meet", ()),
    (empty_for_null, "reads_values", ("text",)),
    (empty_for_null, "values_arrive", ("text",)),
    (number_by_float, "values_arrive", ("decimal_38_10",)),
    (rows_are_not_counted, "wrong_row_count", ()),
    (stragglers_are_let_in, "straggler", ()),
    (proof_counts_only, "digest_sees_faults", ()),
    (replaced_rows_are_forgotten, "upserted_rows", ()),
    (watermarks_are_not_heeded, "watermarks", ("int64",)),
]


@pytest.fixture
def sqlite(tmp_path: Path) -> SqliteHarness:
    return SqliteHarness(tmp_path / "mutant.sqlite")


@pytest.mark.parametrize(
    ("plant", "behaviour", "cases"), MUTANTS, ids=[f"{plant.__name__}-{name}" for plant, name, _ in MUTANTS]
)
async def test_a_planted_mistake_fails_a_behaviour(
    plant: Plant, behaviour: str, cases: tuple[str, ...], sqlite: SqliteHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not await fails(sqlite, behaviour, *cases), "without the mistake it holds"
    plant(monkeypatch)
    assert await fails(sqlite, behaviour, *cases)


@pytest.mark.parametrize("behaviour", ["values_that_do_not_fit"])
async def test_a_load_data_local_that_ignores_in_silence_fails_a_behaviour(
    behaviour: str, opened_harness: OpenHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = opened_harness("MYSQL")
    assert not await fails(harness, behaviour)
    ignore_in_silence(monkeypatch)
    assert await fails(harness, behaviour)
