"""What a connector does as a destination: values arrive exactly, or are refused or changed as its limits say."""

from __future__ import annotations

import pytest

from connectors.base import WritesRows, capability
from connectors.conformance import fitted
from connectors.conformance.behaviours import needs
from connectors.conformance.copying import ID, NAME, Destination, Row, Sent, one_by_one
from connectors.conformance.equality import same_value
from connectors.conformance.fitted import Fate, fate_of
from connectors.conformance.harness import Harness
from connectors.conformance.matrix import MATRIX, SAMPLES
from connectors.conformance.reading import describe
from core.errors import DataRejected
from core.value_type import Arrival

COLUMNS_AT_ONCE = 20

DIALECT_OWN = ("array", "other", "enum", "json")
"""Kinds whose existing columns may take nothing but what comes from their own dialect."""


class Writes:
    """Writing"""

    @needs("writes", "reads")
    async def test_values_arrive(self, harness: Harness, sample: str) -> None:
        """Every value of the type matrix that the arrival's limits let pass arrives exactly, and so does NULL."""
        arrival = arrival_of(harness, Sent.sample("v", sample))
        if arrival.verdict == "UNSUPPORTED":
            assert arrival.reason
            return
        destination = await Destination.of_sample(harness, sample)
        held: list[str | None] = [fate.text for fate in fates_of(sample, arrival) if fate.held]
        rows: list[Row] = [(str(number), text) for number, text in enumerate([*held, None])]
        await destination.refill(rows)
        found = {row[0]: row[1] for row in await destination.proved_rows()}
        wrong = {
            text: found.get(number)
            for number, text in rows
            if same_value(found.get(str(number)), arrival.value) != same_value(text, arrival.value)
        }
        assert wrong == {}
        assert len(found) == len(rows)
        assert await destination.proof.digest_table(destination.table, destination.method) == destination.digest(rows)

    @needs("writes", "reads")
    async def test_changed_values_arrive(self, harness: Harness, sample: str) -> None:
        """A value that a limit changes arrives as the limit says."""
        arrival = arrival_of(harness, Sent.sample("v", sample))
        changed = [fate for fate in fates_of(sample, arrival, accepted=True) if fate.changed]
        if not changed:
            return
        destination = await Destination.of_sample(harness, sample)
        rows: list[Row] = [(str(number), fate.arrives) for number, fate in enumerate(changed)]
        await destination.refill(rows)
        found = {row[0]: row[1] for row in await destination.proved_rows()}
        assert {number: same_value(text, arrival.value) for number, text in found.items()} == {
            number: same_value(text, arrival.value) for number, text in rows
        }

    @needs("writes", "reads")
    async def test_loud_limits(self, harness: Harness, sample: str) -> None:
        """A value beyond a limit that is said to be loud is refused by the database itself, and leaves nothing."""
        arrival = arrival_of(harness, Sent.sample("v", sample))
        loud = arrival.model_copy(update={"limits": [limit for limit in arrival.limits if limit.loud]})
        refused = [fate.text for fate in fates_of(sample, loud) if not fate.held]
        if not refused:
            return
        destination = await Destination.of_sample(harness, sample)
        load = await destination.empty()
        for text in refused:
            with pytest.raises(DataRejected) as raised:
                await destination.load([("1", None), ("2", text)], load=load)
            assert_no_value(str(raised.value), text)
        assert await destination.proof.count_rows(destination.table) == 0
        assert not await destination.writer.ledger_rows(destination.load_ref(load))

    @needs("writes", "reads")
    async def test_key_values_arrive(self, harness: Harness) -> None:
        """Keys that differ only in case, accents, blanks at the end or their last bits stay different."""
        key = Sent.sample("k", "varchar_10", nullable=False)
        arrival = arrival_of(harness, key, key=True)
        texts = ["a", "A", "á", "a\u0301", "a ", "b", "ß", "ss", "é", "e"]
        held = [fate.text for fate in (fate_of(text, key, arrival) for text in texts) if fate.held]
        assert len(held) >= 8
        destination = await Destination.prepare(harness, [key, ID], key=["k"])
        await destination.copy([(text, str(number)) for number, text in enumerate(held)])
        await build_keys(destination)
        assert sorted(str(row[0]) for row in await destination.rows()) == sorted(held)

    @needs("writes", "reads")
    async def test_not_null_text_may_be_empty_or_is_refused(self, harness: Harness) -> None:
        """The empty text arrives in a NOT NULL column, or its limits refuse it."""
        column = Sent.sample("v", "varchar_10", nullable=False)
        fate = fate_of("", column, arrival_of(harness, column))
        assert not fate.changed
        if fate.held:
            destination = await Destination.prepare(harness, [ID, column])
            await destination.copy([("1", "")])
            assert await destination.rows() == [("1", "")]

    @needs("writes", "reads")
    async def test_many_parts(self, harness: Harness) -> None:
        """A batch of many parts and some thousand rows arrives once, in one transaction."""
        destination = await Destination.prepare(harness)
        rows: list[Row] = [(str(number), f"row {number}" if number % 7 else None) for number in range(2500)]
        load = (await destination.begin()).load
        parts = [destination.batch(rows[start : start + 400]) for start in range(0, len(rows), 400)]
        await destination.load([], load=load, claims=destination.digest(rows), parts=one_by_one(parts))
        assert sorted(await destination.rows()) == sorted(rows)

    @needs("writes", "reads")
    async def test_long_values_arrive(self, harness: Harness) -> None:
        """A text of a megabyte arrives whole, among short ones."""
        column = Sent.sample("v", "text")
        destination = await Destination.prepare(harness, [ID, column])
        long = "0123456789abcdé🙂" * 50_000
        rows: list[Row] = [("1", "x"), ("2", long), ("3", None), ("4", long[1:])]
        await destination.copy(rows)
        assert sorted(await destination.rows()) == rows

    @needs("writes", "reads")
    async def test_nothing_but_nulls(self, harness: Harness) -> None:
        """Rows of NULLs, and a table of one column, arrive."""
        destination = await Destination.prepare(harness, [NAME], key=())
        await destination.copy([(None,), ("",) if arrives_empty(harness) else ("x",), (None,)])
        assert sorted(str(row[0]) for row in await destination.rows()) == sorted(
            ["None", "" if arrives_empty(harness) else "x", "None"]
        )

    @needs("writes", "reads")
    async def test_odd_names_arrive(self, harness: Harness) -> None:
        """Columns with names of mixed case, blanks, quotes and reserved words are created and written."""
        odd = [Sent.sample(name, "int64") for name in ("Mixed Case", "select", "it's 1%", "ä")]
        destination = await Destination.prepare(harness, odd, key=())
        await destination.copy([("1", "2", "3", "4")])
        assert await destination.rows() == [("1", "2", "3", "4")]

    @needs("writes", "reads")
    async def test_existing_columns(self, harness: Harness, existing_native: str) -> None:
        """Into an existing column of any type go the values that the arrival's limits let pass, exactly, or none."""
        name = harness.new_name()
        harness.create_table(name, [harness.column("v", existing_native)])
        existing = (await describe(harness, name)).column("v")
        writer = capability(harness.connector(), WritesRows)
        sent: list[tuple[Sent, list[str]]] = []
        for sample in MATRIX:
            column = Sent(f"c{len(sent)}", sample.value)
            arrival = writer.arrival(column.column, existing, key=False)
            held = [fate.text for fate in fates_of(sample.name, arrival) if fate.held] if passes(arrival) else []
            sent += [(column, held)] if held else []
        assert sent or SAMPLES[existing_native].value.kind in DIALECT_OWN, (
            "no type goes into this one, not even its own"
        )
        wrong: dict[str, object] = {}
        for start in range(0, len(sent), COLUMNS_AT_ONCE):
            wrong |= await self._write_into(harness, existing_native, sent[start : start + COLUMNS_AT_ONCE])
        assert wrong == {}

    async def _write_into(
        self, harness: Harness, native: str, sent: list[tuple[Sent, list[str]]]
    ) -> dict[str, dict[str | None, str | None]]:
        """Writes each column's values into a column of the native type; what arrived as something else."""
        name, columns = harness.new_name(), [column for column, _ in sent]
        made = [harness.column(column.name, native) for column in columns]
        harness.create_table(name, [harness.column("id", "int64", nullable=False), *made], key=["id"])
        destination = await Destination.existing(harness, name, [ID, *columns])
        rows: list[Row] = [
            (str(row), *(held[row % len(held)] for _, held in sent))
            for row in range(max(len(held) for _, held in sent))
        ]
        await destination.copy(rows)
        found = {row[0]: row for row in await destination.proved_rows()}
        values = [arrival.value for arrival in destination.arrivals]
        wrong: dict[str, dict[str | None, str | None]] = {}
        for row in rows:
            for text, arrived, value, column in zip(row[1:], found[row[0]][1:], values[1:], columns, strict=True):
                if same_value(arrived, value) != same_value(text, value):
                    wrong.setdefault(f"{column.value.spelled} ({column.value.kind})", {})[text] = arrived
        return wrong

    @needs("writes", "reads")
    async def test_narrower_columns(self, harness: Harness) -> None:
        """An existing column that is narrower is not EXACT: its limits refuse what it cannot hold, and what passes
        arrives."""
        name = harness.new_name()
        native = harness.column("v", "int16") if "int16" in harness.natives else harness.column("v", "int32")
        harness.create_table(name, [harness.column("id", "int64", nullable=False), native], key=["id"])
        column = Sent.sample("v", "int64")
        destination = await Destination.existing(harness, name, [ID, column])
        fates = fates_of("int64", destination.arrivals[1])
        held = [fate.text for fate in fates if fate.held]
        await destination.copy([(str(number), text) for number, text in enumerate(held)])
        assert sorted(str(row[1]) for row in await destination.proved_rows()) == sorted(held)

    @needs("writes", "reads")
    async def test_values_that_do_not_fit(self, harness: Harness) -> None:
        """Values that a writer must never get (their limits refuse them) are refused or held, never changed."""
        samples = {"varchar_10": "eleven chars", "int32": "2147483648", "date": "2023-02-29"}
        for sample, text in samples.items():
            if sample not in harness.natives:
                continue
            name = harness.new_name()
            columns = [harness.column("id", "int64", nullable=False), harness.column("v", sample)]
            harness.create_table(name, columns, key=["id"])
            destination = await Destination.existing(harness, name, [ID, Sent.sample("v", sample)])
            load = (await destination.begin()).load
            try:
                await destination.load([("1", None), ("2", text)], load=load)
            except DataRejected as refused:
                assert_no_value(str(refused), text)
                assert harness.count(name) == 0
            else:
                assert sorted(await destination.proved_rows()) == [("1", None), ("2", text)]


def arrival_of(harness: Harness, column: Sent, *, key: bool = False) -> Arrival:
    """How the column arrives in a table that is made for it."""
    return capability(harness.connector(), WritesRows).arrival(column.column, None, key=key)


def arrives_empty(harness: Harness) -> bool:
    """The empty text arrives as such."""
    return fate_of("", NAME, arrival_of(harness, NAME)).held


def passes(arrival: Arrival) -> bool:
    """The plan lets it pass without being asked."""
    return arrival.verdict in ("EXACT", "CONVERT")


def fates_of(sample: str, arrival: Arrival, *, accepted: bool = False) -> list[Fate]:
    """What becomes of each value of the sample. `accepted`: the job accepts changes by name."""
    return fitted.fates_of(SAMPLES[sample].texts, Sent.sample("v", sample), arrival, accepted=accepted)


async def build_keys(destination: Destination) -> None:
    """What *finish* does."""
    await destination.creator.build(destination.ddl.keys, 1)


def assert_no_value(message: str, value: str) -> None:
    """Messages go into logs and histories: a row's value must not be in them."""
    if len(value.strip()) > 3:
        assert value not in message
