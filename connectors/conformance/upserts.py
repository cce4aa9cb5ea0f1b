"""What a connector does that updates the rows whose key is there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connectors.conformance.behaviours import needs
from connectors.conformance.copying import ID, NAME, Destination, Row
from connectors.conformance.harness import Harness
from connectors.contract import REPEATED_KEY
from core.errors import DataMismatch, DataRejected

STOOD: Sequence[Row] = [("1", "one"), ("2", None), ("3", "three")]
FIRST: Sequence[Row] = [("2", "two"), ("4", "four")]
SECOND: Sequence[Row] = [("3", None), ("5", "five"), ("6", None)]
AFTER: Sequence[Row] = [("1", "one"), *FIRST, *SECOND]


class Upserts:
    """Upserts"""

    @needs("writes", "upserts")
    async def test_upserted_rows(self, harness: Harness) -> None:
        """An upsert updates rows whose key is there, inserts the others, leaves the rest alone, and is proved over
        just the rows that it brought."""
        destination = await _standing(harness)
        load = (await destination.begin()).load
        for number, rows in enumerate((FIRST, SECOND)):
            assert not (await destination.load(rows, load=load, number=number)).repeated
        assert (await destination.load(FIRST, load=load)).repeated
        assert sorted(await destination.rows()) == sorted(AFTER)
        assert await _proved(destination, load) == destination.digest([*FIRST, *SECOND])
        later = (await destination.begin("2")).load
        await destination.load(SECOND, load=later)
        assert later == load + 1
        assert sorted(await destination.rows()) == sorted(AFTER)
        assert await _proved(destination, later) == destination.digest(SECOND)
        empty = (await destination.begin("3", run=3)).load
        await destination.load([], load=empty)
        assert await _proved(destination, empty) == destination.digest([])

    @needs("writes", "upserts")
    async def test_upserted_twice(self, harness: Harness) -> None:
        """Two rows of one key in a batch are refused and leave nothing."""
        destination = await _standing(harness)
        load = (await destination.begin()).load
        with pytest.raises((DataRejected, DataMismatch)):
            await destination.load([*FIRST, ("2", "again")], load=load)
        assert sorted(await destination.rows(), key=str) == sorted(STOOD, key=str)
        assert await destination.writer.ledger_rows(destination.load_ref(load)) == []
        await destination.load(FIRST, load=load)
        assert await _proved(destination, load) == destination.digest(FIRST)

    @needs("writes", "upserts", "isolates_rejects")
    async def test_upsert_rejects(self, harness: Harness) -> None:
        """Rows that an upsert may not bring are told from the others, of rows of one key in a batch all but the first;
        what is loaded is proved."""
        destination = await _standing(harness, required=True)
        load = (await destination.begin()).load
        rows: list[Row] = [("2", "two"), ("4", "four"), ("3", "x"), ("4", "y"), ("7", None), ("2", "z"), ("8", "eight")]
        loaded, kept = await destination.load_isolating(rows, load=load)
        assert [row.position for row in kept] == [3, 4, 5]
        assert [row.error.code == REPEATED_KEY for row in kept] == [True, False, True]
        others = [row for position, row in enumerate(rows) if position not in (3, 4, 5)]
        assert (loaded.digest, loaded.rejected) == (destination.digest(others), 3)
        assert sorted(await destination.rows()) == [
            ("1", "one"),
            ("2", "two"),
            ("3", "x"),
            ("4", "four"),
            ("8", "eight"),
        ]
        assert await _proved(destination, load) == destination.digest(others)

    @needs("writes", "upserts")
    async def test_upsert_is_proved(self, harness: Harness) -> None:
        """A row that an upsert brought, and that is gone afterwards, is missed by the proof."""
        destination = await _standing(harness)
        load = (await destination.begin()).load
        await destination.load(FIRST, load=load)
        harness.delete_rows(destination.table.name)
        assert await _proved(destination, load) != destination.digest(FIRST)


async def _standing(harness: Harness, *, required: bool = False) -> Destination:
    """A table with rows of an application, and a primary key. `required`: every row has a name."""
    name = harness.new_name()
    columns = [
        harness.column("id", "int64", nullable=False),
        harness.column("name", "varchar_4000", nullable=not required),
    ]
    rows = [[key, value or "two"] if required else [key, value] for key, value in STOOD]
    harness.create_table(name, columns, rows, key=["id"])
    destination = await Destination.existing(harness, name, [ID, NAME])
    destination.upsert_keys = ("id",)
    return destination


async def _proved(destination: Destination, load: int) -> object:
    return await destination.proof.digest_load(destination.table, destination.method, destination.load_ref(load))
