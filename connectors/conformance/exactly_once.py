"""What a connector does so that each batch is loaded once, whoever comes twice, late or not to the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pyarrow as pa
import pytest

from connectors.conformance.behaviours import needs
from connectors.conformance.copying import ID, NAME, Destination, Row
from connectors.conformance.harness import Harness
from core.errors import DataMismatch, DataRejected, Defect, InvalidConfiguration, MigrationError
from core.schema import Digest

ROWS: Sequence[Row] = [("1", "one"), ("2", None), ("3", "three")]
MORE: Sequence[Row] = [("4", "four"), ("5", "five")]
PATIENCE = 60.0


class LoadsOnce:
    """Exactly once"""

    @needs("writes")
    async def test_ledger_records(self, harness: Harness) -> None:
        """The ledger lists each batch of a load with what it recorded, empty ones too."""
        destination = await Destination.prepare(harness)
        load = (await destination.begin()).load
        for number, rows in ((2, MORE), (0, ROWS), (1, [])):
            loaded = await destination.load(rows, load=load, number=number)
            assert (loaded.digest, loaded.repeated) == (destination.digest(rows), False)
        recorded = await destination.writer.ledger_rows(destination.load_ref(load))
        assert [(row.number, row.digest) for row in recorded] == [
            (0, destination.digest(ROWS)),
            (1, Digest()),
            (2, destination.digest(MORE)),
        ]
        assert all(row.loaded_at.tzinfo is not None for row in recorded)
        assert await destination.proof.count_rows(destination.table) == len(ROWS) + len(MORE)

    @needs("writes")
    async def test_repeated_batch(self, harness: Harness) -> None:
        """A batch that comes again writes nothing and returns what was recorded."""
        destination = await Destination.prepare(harness)
        load = await destination.copy(ROWS)
        again = await destination.load(ROWS, load=load)
        assert (again.digest, again.repeated) == (destination.digest(ROWS), True)
        other = await destination.load(MORE, load=load)
        assert (other.digest, other.repeated) == (destination.digest(ROWS), True)
        assert harness.count(destination.table.name) == len(ROWS)

    @needs("writes")
    async def test_failure_in_mid_batch(self, harness: Harness) -> None:
        """A batch that breaks off leaves neither rows nor a ledger row, and can be loaded afterwards."""
        destination = await Destination.prepare(harness)
        load, before = (await destination.begin()).load, harness.ledger_rows()

        async def breaks_off() -> AsyncIterator[pa.RecordBatch]:
            yield destination.batch(ROWS)
            raise _BrokenOff

        with pytest.raises(_BrokenOff):
            await destination.load(ROWS, load=load, parts=breaks_off())
        assert harness.count(destination.table.name) == 0
        assert harness.ledger_rows() == before
        assert not (await destination.load(ROWS, load=load)).repeated
        assert harness.count(destination.table.name) == len(ROWS)
        assert harness.ledger_rows() == before + 1

    @needs("writes")
    async def test_cancelled_in_mid_batch(self, harness: Harness) -> None:
        """A batch whose activity is cancelled leaves nothing, and does not hold up its successor."""
        destination = await Destination.prepare(harness)
        load, before = (await destination.begin()).load, harness.ledger_rows()
        pause = _Pause(destination.batch(ROWS))
        running = asyncio.create_task(destination.load(ROWS, load=load, parts=pause.parts()))
        await pause.reached(running)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert harness.count(destination.table.name) == 0
        assert harness.ledger_rows() == before
        async with asyncio.timeout(PATIENCE):
            assert not (await destination.load(ROWS, load=load)).repeated
        assert harness.count(destination.table.name) == len(ROWS)

    @needs("writes")
    async def test_wrong_row_count(self, harness: Harness) -> None:
        """A batch that brings other than its rows is rolled back."""
        destination = await Destination.prepare(harness)
        load = (await destination.begin()).load
        for claimed in (len(ROWS) + 1, len(ROWS) - 1):
            claims = Digest(rows=claimed, total=destination.digest(ROWS).total)
            with pytest.raises((DataMismatch, DataRejected)):
                await destination.load(ROWS, load=load, claims=claims)
        assert harness.count(destination.table.name) == 0
        assert not await destination.writer.ledger_rows(destination.load_ref(load))

    @needs("writes", "key_during_load")
    async def test_duplicate_key(self, harness: Harness) -> None:
        """Where keys exist during the load, a row whose key is taken is refused, and its batch leaves nothing."""
        destination = await Destination.prepare(harness)
        load = await destination.copy(ROWS)
        with pytest.raises(DataRejected):
            await destination.load([("9", "nine"), ("1", "again")], load=load, number=1)
        assert harness.count(destination.table.name) == len(ROWS)
        assert len(await destination.writer.ledger_rows(destination.load_ref(load))) == 1

    @needs("writes")
    async def test_null_into_not_null(self, harness: Harness) -> None:
        """NULL for a NOT NULL column is refused and leaves nothing; a default does not take its place."""
        name = harness.new_name()
        columns = [
            harness.column("id", "int64", nullable=False),
            harness.column("name", "varchar_4000", nullable=False),
        ]
        harness.create_table(name, columns)
        destination = await Destination.existing(harness, name, [ID, NAME])
        load = (await destination.begin()).load
        with pytest.raises(DataRejected):
            await destination.load(ROWS, load=load)
        assert harness.count(name) == 0
        assert not await destination.writer.ledger_rows(destination.load_ref(load))

    @needs("writes", "isolates_rejects")
    async def test_rejects(self, harness: Harness) -> None:
        """Rows that are refused are told from the others, which are loaded with a ledger row that counts both."""
        name = harness.new_name()
        columns = [
            harness.column("id", "int64", nullable=False),
            harness.column("name", "varchar_4000", nullable=False),
        ]
        harness.create_table(name, columns)
        destination = await Destination.existing(harness, name, [ID, NAME])
        load = (await destination.begin()).load
        rows: list[Row] = [(str(n), None if n in (3, 40) else f"row {n}") for n in range(50)]
        refused = [rows[3], rows[40]]
        loaded, kept = await destination.load_isolating(rows, load=load)
        assert [(row.position, tuple(row.values.values())) for row in kept] == [(3, rows[3]), (40, rows[40])]
        assert all(row.error.message for row in kept)
        others = destination.digest([row for row in rows if row not in refused])
        assert (loaded.digest, loaded.rejected, loaded.repeated) == (others, 2, False)
        assert harness.count(name) == 48
        recorded = await destination.writer.ledger_rows(destination.load_ref(load))
        assert [(row.digest, row.rejected) for row in recorded] == [(others, 2)]
        again, _ = await destination.load_isolating(rows, load=load)
        assert (again.digest, again.rejected, again.repeated) == (others, 2, True)
        assert harness.count(name) == 48

    @needs("writes", "isolates_rejects")
    async def test_too_many_rejects(self, harness: Harness) -> None:
        """Where the refused rows may not be kept, nothing is loaded."""
        name = harness.new_name()
        columns = [
            harness.column("id", "int64", nullable=False),
            harness.column("name", "varchar_4000", nullable=False),
        ]
        harness.create_table(name, columns)
        destination = await Destination.existing(harness, name, [ID, NAME])
        load = (await destination.begin()).load
        with pytest.raises(_BrokenOff):
            await destination.load_isolating(ROWS, load=load, keeping=_BrokenOff)
        assert harness.count(name) == 0
        assert not await destination.writer.ledger_rows(destination.load_ref(load))

    @needs("writes")
    async def test_same_token(self, harness: Harness) -> None:
        """The same token gets the same load, and nothing is taken away."""
        destination = await Destination.prepare(harness)
        begun = await destination.begin("1")
        await destination.load(ROWS, load=begun.load)
        again = await destination.begin("1")
        assert (again.load, again.rows_before) == (begun.load, begun.rows_before)
        assert harness.count(destination.table.name) == len(ROWS)

    @needs("writes")
    async def test_new_token(self, harness: Harness) -> None:
        """A new token of the same run takes away what the run's earlier load wrote into the empty table."""
        destination = await Destination.prepare(harness)
        first = (await destination.begin("1")).load
        await destination.load(ROWS, load=first)
        second = await destination.begin("2")
        assert second.load > first
        assert second.rows_before == 0
        assert harness.count(destination.table.name) == 0
        await destination.load(MORE, load=second.load)
        assert harness.count(destination.table.name) == len(MORE)
        assert len(await destination.writer.ledger_rows(destination.load_ref(second.load))) == 1

    @needs("writes")
    async def test_rows_before(self, harness: Harness) -> None:
        """Rows that stood before are counted and never taken away by a new token: they stay, or it is refused."""
        destination = await Destination.prepare(harness)
        await self._stand_before(harness, destination)
        begun = await destination.begin("1")
        assert (begun.rows_before, begun.emptied) == (1, False)
        await destination.load(ROWS, load=begun.load)
        with contextlib.suppress(InvalidConfiguration):
            await destination.begin("2")
            assert harness.count(destination.table.name) == 1
        assert harness.count(destination.table.name, harness.one_of("id", [100])) == 1

    @needs("writes")
    async def test_replace(self, harness: Harness) -> None:
        """`replace` empties the table once, at the beginning of the load."""
        destination = await Destination.prepare(harness)
        await self._stand_before(harness, destination)
        begun = await destination.begin("1", replace=True)
        assert begun.emptied
        assert begun.rows_before == 0
        await destination.load(ROWS, load=begun.load)
        assert (await destination.begin("1", replace=True)).load == begun.load
        assert harness.count(destination.table.name) == len(ROWS)

    @needs("writes")
    async def test_another_run(self, harness: Harness) -> None:
        """Another run appends to what the run before wrote."""
        destination = await Destination.prepare(harness)
        await destination.copy(ROWS)
        second = await destination.begin("2", run=2)
        assert second.rows_before == len(ROWS)
        await destination.load(MORE, load=second.load)
        assert harness.count(destination.table.name) == len(ROWS) + len(MORE)

    @needs("writes")
    async def test_straggler(self, harness: Harness) -> None:
        """A batch of an older load loads nothing into the newer one."""
        destination = await Destination.prepare(harness)
        first = (await destination.begin("1")).load
        second = (await destination.begin("2")).load
        with pytest.raises(MigrationError):
            await destination.load(ROWS, load=first)
        assert harness.count(destination.table.name) == 0
        await destination.load(MORE, load=second)
        assert harness.count(destination.table.name) == len(MORE)

    @needs("writes")
    async def test_straggling_beginning(self, harness: Harness) -> None:
        """A load that was asked for before the newest one, and comes after it, takes nothing away: not even one of an
        earlier run."""
        destination = await Destination.prepare(harness)
        load = (await destination.begin("2.1.3.0", run=2)).load
        await destination.load(ROWS, load=load)
        for token, run in (("2.1.2.10", 2), ("1.20.1.0", 1)):
            with pytest.raises(Defect):
                await destination.begin(token, run=run)
        assert harness.count(destination.table.name) == len(ROWS)
        assert (await destination.begin("2.1.3.0", run=2)).load == load

    @needs("writes")
    async def test_batches_at_once(self, harness: Harness) -> None:
        """Batches that are loaded at the same time all arrive, each once, even where one is tried by two."""
        destination = await Destination.prepare(harness)
        load = (await destination.begin()).load
        batches: list[list[Row]] = [[(str(number * 10 + row), "x") for row in range(10)] for number in range(4)]
        attempts = [*enumerate(batches), (1, batches[1]), (2, batches[2])]
        outcomes = await asyncio.gather(
            *(_until_settled(destination, rows, load, number) for number, rows in attempts), return_exceptions=True
        )
        assert [outcome for outcome in outcomes if isinstance(outcome, BaseException)] == []
        assert outcomes.count(False) == len(batches)
        assert harness.count(destination.table.name) == 40
        assert len(await destination.writer.ledger_rows(destination.load_ref(load))) == len(batches)

    @needs("writes")
    async def test_loads_of_others(self, harness: Harness) -> None:
        """The ledger keeps the tables of a job, and jobs, apart."""
        one, other = await Destination.prepare(harness), await Destination.prepare(harness)
        first, second = await one.copy(ROWS), await other.copy(MORE)
        await one.begin("2")
        assert harness.count(other.table.name) == len(MORE)
        assert len(await other.writer.ledger_rows(other.load_ref(second))) == 1
        assert (await other.load(MORE, load=second)).repeated
        assert first >= 1

    async def _stand_before(self, harness: Harness, destination: Destination) -> None:
        columns = [harness.column("id", "int64"), harness.column("name", "varchar_4000")]
        harness.insert(destination.table.name, columns, [["100", "x"]])


class _BrokenOff(Exception):
    """What goes wrong in the tests' own source of rows."""


class _Pause:
    """Gives a part, then waits for ever; the test knows when."""

    def __init__(self, part: pa.RecordBatch) -> None:
        self._part = part
        self._reached = asyncio.Event()

    async def parts(self) -> AsyncIterator[pa.RecordBatch]:
        yield self._part
        self._reached.set()
        await asyncio.Event().wait()

    async def reached(self, running: asyncio.Task[object]) -> None:
        """Returns once the writer asks for the next part. Raises what the writer raised before."""
        waiting = asyncio.create_task(self._reached.wait())
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([waiting, running], return_when=asyncio.FIRST_COMPLETED)
        if not self._reached.is_set():
            waiting.cancel()
            await running


async def _until_settled(destination: Destination, rows: Sequence[Row], load: int, number: int) -> bool:
    """As Temporal does: what time may mend is tried again. Whether the batch stood already."""
    for _ in range(20):
        try:
            return (await destination.load(rows, load=load, number=number)).repeated
        except MigrationError as error:
            if not error.retryable:
                raise
            await asyncio.sleep(0.1)
    raise AssertionError("a batch was refused again and again")
