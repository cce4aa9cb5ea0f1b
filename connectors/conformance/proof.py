"""What a connector does so that a difference cannot hide."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import ReadsRows, capability
from connectors.conformance.behaviours import needs
from connectors.conformance.copying import ID, Destination, Row, Sent
from connectors.conformance.harness import Harness
from connectors.conformance.reading import describe
from connectors.conformance.writing import arrives_empty
from connectors.contract import DigestColumn, DigestMethod, Selection
from core.ranges import WholeTable
from core.schema import Digest

COLUMNS = (ID, Sent.sample("a", "varchar_10"), Sent.sample("b", "varchar_10"), Sent.sample("n", "decimal_10_2"))
ROWS: Sequence[Row] = [("1", "x", "y", "1.1"), ("2", None, "", "0"), ("3", "x", None, None), ("4", "ab", "c", "100")]
FAULTS: dict[str, Sequence[Row]] = {
    "a value changed": [("1", "x", "y", "1.2"), *ROWS[1:]],
    "a value lost": [("1", None, "y", "1.1"), *ROWS[1:]],
    "values swapped between columns": [("1", "y", "x", "1.1"), *ROWS[1:]],
    "values swapped between rows": [("1", "ab", "y", "1.1"), *ROWS[1:3], ("4", "x", "c", "100")],
    "a character moved to the next column": [*ROWS[:3], ("4", "a", "bc", "100")],
    "a row doubled instead of another": [ROWS[0], ROWS[0], *ROWS[2:]],
    "a row missing": ROWS[1:],
    "a row too many": [*ROWS, ROWS[3]],
    "a blank at the end": [("1", "x ", "y", "1.1"), *ROWS[1:]],
    "another case": [("1", "X", "y", "1.1"), *ROWS[1:]],
}


class Proves:
    """Proof"""

    @needs("writes")
    async def test_digest_of_table(self, harness: Harness) -> None:
        """The digest of a table is the one that is computed outside any database over what was sent."""
        destination, rows = await _destination(harness, ROWS)
        assert await destination.proof.digest_table(destination.table, destination.method) == destination.digest(rows)
        assert await destination.proof.count_rows(destination.table) == len(rows)

    @needs("writes")
    async def test_digest_of_nothing(self, harness: Harness) -> None:
        """The digest of an empty table is zero."""
        destination = await Destination.prepare(harness, COLUMNS, key=())
        assert await destination.proof.digest_table(destination.table, destination.method) == Digest()

    @needs("writes")
    async def test_digest_sees_faults(self, harness: Harness) -> None:
        """Values that are changed, swapped, doubled or lost change the digest."""
        destination, rows = await _destination(harness, ROWS)
        right = await destination.proof.digest_table(destination.table, destination.method)
        faults = {**FAULTS, "NULL for the empty text": [ROWS[0], ("2", None, None, "0"), *ROWS[2:]]}
        alike = []
        for fault, changed in faults.items():
            await destination.refill(_kept(harness, changed))
            if await destination.proof.digest_table(destination.table, destination.method) == right:
                alike.append(fault)
        assert alike == []
        await destination.refill(rows)
        assert await destination.proof.digest_table(destination.table, destination.method) == right

    @needs("writes")
    async def test_digest_sees_later_changes(self, harness: Harness) -> None:
        """Rows that somebody adds after the load are in the digest and in the count."""
        destination, rows = await _destination(harness, ROWS)
        columns = [harness.column(name, sample) for name, sample in _native_columns()]
        harness.insert(destination.table.name, columns, [["9", "z", None, "5"]])
        found = await destination.proof.digest_table(destination.table, destination.method)
        assert found == destination.digest([*rows, ("9", "z", None, "5")])
        assert await destination.proof.count_rows(destination.table) == len(rows) + 1

    @needs("writes")
    async def test_digest_of_load(self, harness: Harness) -> None:
        """The digest of one load leaves out the rows that stood before it."""
        destination, _ = await _destination(harness, ROWS)
        before = [("5", "x", "y", "7"), ("6", None, None, None)]
        second = await destination.begin("2", run=2)
        await destination.load(before, load=second.load)
        found = await destination.proof.digest_load(
            destination.table, destination.method, destination.load_ref(second.load)
        )
        assert found == destination.digest(before)

    @needs("writes")
    async def test_table_hashes(self, harness: Harness) -> None:
        """The hashes of single rows add up to the digest, and lead to the row."""
        destination, rows = await _destination(harness, ROWS)
        hashes = [
            value
            async for part in destination.proof.table_hashes(destination.table, destination.method)
            for value in part
        ]
        assert len(hashes) == len(rows)
        assert sum(hashes) % 2**64 == int(destination.digest(rows).total)
        wanted = int(destination.digest(rows[:1]).total)
        assert wanted in hashes
        examples = await destination.proof.example_rows(destination.table, destination.method, [wanted])
        assert [str(example["id"]) for example in examples] == ["1"]

    @needs("reads")
    async def test_source_digest(self, harness: Harness) -> None:
        """A reading session's digest and hashes are those of the rows that it reads."""
        name = harness.new_name()
        columns = [harness.column(name, sample) for name, sample in _native_columns()]
        harness.create_table(name, columns, [row for row in ROWS if row[2] != ""])
        table = await describe(harness, name)
        names = [column.name for column in table.columns]
        method = DigestMethod(
            "canonical-md5-60/1",
            tuple(DigestColumn(part.name, part.value.digest_form, part.value, part.type) for part in table.columns),
        )
        selection = Selection(table, names, interchange=True)
        async with capability(harness.connector(), ReadsRows).reading(None) as session:
            digest = await session.digest(selection, WholeTable(), method)
            hashes = await session.row_hashes(selection, WholeTable(), method)
            examples = await session.example_rows(selection, WholeTable(), method, list(hashes)[:2])
        assert digest.rows == sum(hashes.values()) == len(ROWS) - 1
        assert int(digest.total) == sum(value * times for value, times in hashes.items()) % 2**64
        assert len(examples) == 2


def _native_columns() -> list[tuple[str, str]]:
    return [("id", "int64"), ("a", "varchar_10"), ("b", "varchar_10"), ("n", "decimal_10_2")]


async def _destination(harness: Harness, rows: Sequence[Row]) -> tuple[Destination, Sequence[Row]]:
    """A table without a key that holds the rows."""
    kept = _kept(harness, rows)
    destination = await Destination.prepare(harness, COLUMNS, key=())
    await destination.copy(kept)
    return destination, kept


def _kept(harness: Harness, rows: Sequence[Row]) -> Sequence[Row]:
    """The empty text becomes another one where it cannot be held."""
    return rows if arrives_empty(harness) else [tuple("-" if text == "" else text for text in row) for row in rows]
