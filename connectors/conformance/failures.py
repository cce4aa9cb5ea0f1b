"""What a connector does when something is wrong, and what it leaves behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from connectors.base import ReadsRows, WritesRows, capability
from connectors.conformance.behaviours import needs
from connectors.conformance.copying import Destination, read_rows
from connectors.conformance.harness import Harness
from connectors.conformance.reading import describe
from connectors.contract import Selection
from core.errors import AccessDenied, InvalidConfiguration, MigrationError, NotFound, Unavailable
from core.schema import Digest, TableName

PATIENCE = 30.0


class Fails:
    """Failures"""

    async def test_check(self, harness: Harness) -> None:
        """A login is checked and says which product, version and user were found."""
        found = await harness.connector().check()
        assert found.product
        assert found.version

    async def test_wrong_password(self, harness: Harness) -> None:
        """A wrong password is AccessDenied, and is not in the message."""
        login = harness.wrong_password()
        assert login is not None, "the harness gives no wrong password and does not say why in `without`"
        with pytest.raises(AccessDenied) as refused:
            await harness.connector_for(login).check()
        assert login.credentials.password
        assert login.credentials.password not in str(refused.value)

    async def test_unknown_host(self, harness: Harness) -> None:
        """A server that does not answer is Unavailable, a name that does not exist NotFound, within seconds."""
        login = harness.unknown_host()
        assert login is not None, "the harness gives no unknown host and does not say why in `without`"
        begun = time.monotonic()
        with pytest.raises((Unavailable, NotFound)):
            await harness.connector_for(login).check()
        assert time.monotonic() - begun < PATIENCE

    @needs("reads")
    async def test_missing_column(self, harness: Harness) -> None:
        """A column that is not there and a whereClause that is no SQL are found without reading, and named."""
        name = harness.new_name()
        harness.create_table(name, [harness.column("id", "int64")], [["1"]])
        table = await describe(harness, name)
        reader = capability(harness.connector(), ReadsRows)
        for where in ("there_is_no_such_column = 1", "id = = 1"):
            with pytest.raises((InvalidConfiguration, NotFound)):
                await reader.check_selection(Selection(table, ["id"], where, interchange=True))

    @needs("reads")
    async def test_table_gone(self, harness: Harness) -> None:
        """A table that vanished since it was planned is named in the error."""
        name = harness.new_name()
        harness.create_table(name, [harness.column("id", "int64")], [["1"]])
        table = await describe(harness, name)
        absent = TableName(schema_name=harness.schema, name="vanished_since")
        with pytest.raises(MigrationError) as raised:
            await read_rows(
                capability(harness.connector(), ReadsRows), table.model_copy(update={"name": absent}), ["id"]
            )
        assert not raised.value.retryable
        assert "vanished_since" in str(raised.value)

    @needs("writes")
    async def test_destination_gone(self, harness: Harness) -> None:
        """Loading into a table that vanished is an error that parks, and leaves no ledger row."""
        destination = await Destination.prepare(harness)
        load = (await destination.begin()).load
        destination.table = TableName(schema_name=harness.schema, name="vanished_since")
        with pytest.raises(MigrationError) as raised:
            await destination.load([("1", "x")], load=load)
        assert not raised.value.retryable
        assert not await destination.writer.ledger_rows(destination.load_ref(load))

    @needs("reads")
    async def test_missing_privilege(self, harness: Harness) -> None:
        """A table that the user may not read is AccessDenied or not to be seen."""
        name = harness.new_name()
        columns = [harness.column("id", "int64")]
        harness.create_table(name, columns, [["1"]])
        login = harness.unprivileged(name)
        assert login is not None, "the harness gives no user without privileges and does not say why in `without`"
        table = await describe(harness, name)
        reader = capability(harness.connector_for(login), ReadsRows)
        with pytest.raises((AccessDenied, NotFound)):
            await reader.check_selection(Selection(table, ["id"], interchange=True))
        with pytest.raises((AccessDenied, NotFound)):
            await read_rows(reader, table, ["id"])

    @needs("reads")
    async def test_cancelled_statement(self, harness: Harness) -> None:
        """A cancelled activity comes back within seconds, and its statement ends in the server."""
        slow = harness.slow_condition()
        assert slow is not None, "the harness gives no slow condition and does not say why in `without`"
        name = harness.new_name()
        harness.create_table(name, [harness.column("id", "int64")], [["1"]])
        table = await describe(harness, name)
        before = harness.statements()
        reader = capability(harness.connector(), ReadsRows)
        running = asyncio.create_task(read_rows(reader, table, ["id"], where=slow))
        await _until(lambda: running.done() or (harness.statements() or 1) > (before or 0), PATIENCE)
        await asyncio.sleep(0.2)
        assert not running.done(), "the slow condition is not slow"
        running.cancel()
        begun = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert time.monotonic() - begun < PATIENCE / 2
        await _until(lambda: (harness.statements() or 0) <= (before or 0), PATIENCE / 2)
        assert (harness.statements() or 0) <= (before or 0)

    @needs("reads", "writes")
    async def test_no_session_left(self, harness: Harness) -> None:
        """After the work no session is left behind, after failures neither."""
        before = harness.sessions()
        destination = await Destination.prepare(harness)
        load = await destination.copy([("1", "x")])
        await destination.rows()
        with pytest.raises(MigrationError):
            await destination.load([("2", "y")], load=load, number=1, claims=Digest(rows=7))
        with pytest.raises(MigrationError):
            await capability(harness.connector(), ReadsRows).check_selection(
                Selection(await describe(harness, destination.table.name), ["id"], "id = = 1", interchange=True)
            )
        await _until(lambda: (harness.sessions() or 0) <= (before or 0), PATIENCE)
        assert (harness.sessions() or 0) <= (before or 0)

    @needs("writes")
    async def test_ledger_prepared_twice(self, harness: Harness) -> None:
        """The ledger is prepared by several at once, and again, without harm."""
        writers = [capability(harness.connector(), WritesRows) for _ in range(3)]
        outcomes = await asyncio.gather(*(writer.prepare_ledger() for writer in writers), return_exceptions=True)
        assert [outcome for outcome in outcomes if outcome is not None and not _passes(outcome)] == []
        await writers[0].prepare_ledger()


def _passes(outcome: BaseException) -> bool:
    """Temporal tries it again."""
    return isinstance(outcome, MigrationError) and outcome.retryable


async def _until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
