"""What a connector does so that rows that differ are found by key and loaded anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.base import ComparesKeys, ReadsRows, ReplacesRows, capability
from connectors.conformance.behaviours import needs
from connectors.conformance.copying import Destination, Row, one_by_one
from connectors.conformance.harness import Harness
from connectors.contract import AnyRange, KeyBuckets, Loaded, Selection
from core.key_spans import KeySpans
from core.ranges import WholeTable
from core.schema import Digest

ROWS: Sequence[Row] = [(str(number), f"row {number}") for number in (-4, -1, 0, 3, 5, 11, 12)]
KEY = "id"


class Heals:
    """Healing"""

    @needs("writes", "heals")
    async def test_digests_by_key(self, harness: Harness) -> None:
        """Digests of key ranges are those of their rows, negative keys and single ones too, and know the ends."""
        destination = await Destination.prepare(harness)
        await destination.copy(ROWS)
        expected = {0: ROWS[:2], 1: ROWS[2:4], 2: ROWS[4:5], 3: ROWS[5:6], 4: ROWS[6:]}
        ends, found = await _buckets(destination, WholeTable(), KeyBuckets(KEY, -4, 4))
        assert ends == (-4, 12)
        assert found == {bucket: destination.digest(rows) for bucket, rows in expected.items()}
        spans = KeySpans(column=KEY, spans=[(-4, -3), (0, 4), (12, 13), (20, 30)])
        _, found = await _buckets(destination, spans, KeyBuckets(KEY, -4, 1))
        assert found == {int(row[0] or 0) + 4: destination.digest([row]) for row in (ROWS[0], *ROWS[2:4], ROWS[6])}

    @needs("writes", "heals")
    async def test_ends_of_nothing(self, harness: Harness) -> None:
        """An empty table has no ends and no digests."""
        destination = await Destination.prepare(harness)
        assert await _buckets(destination, WholeTable(), KeyBuckets(KEY, 0, 1)) == (None, {})

    @needs("writes", "heals")
    async def test_rows_in_place_of_others(self, harness: Harness) -> None:
        """A batch takes the place of the rows of its keys, once, and the ledger records the difference."""
        destination = await Destination.prepare(harness)
        load = await destination.copy(ROWS)
        wanted: Sequence[Row] = [("-1", "changed"), ("4", "new")]
        spans = KeySpans(column=KEY, spans=[(-1, 0), (3, 6)])
        healed = await _heal(destination, wanted, spans, load, 7)
        gone = [ROWS[1], *ROWS[3:5]]
        assert (healed.digest, healed.repeated) == (destination.digest(wanted) - destination.digest(gone), False)
        again = await _heal(destination, ROWS, spans, load, 7)
        assert (again.digest, again.repeated) == (healed.digest, True)
        left = [row for row in [*ROWS, *wanted] if row not in gone]
        assert sorted(await destination.rows()) == sorted(left)
        ledger = await destination.writer.ledger_rows(destination.load_ref(load))
        assert [row.number for row in ledger] == [0, 7]
        assert sum((row.digest for row in ledger), Digest()) == destination.digest(left)
        digest = await destination.proof.digest_load(destination.table, destination.method, destination.load_ref(load))
        assert digest == destination.digest(left)

    @needs("writes", "heals")
    async def test_rows_taken_away(self, harness: Harness) -> None:
        """A batch without rows takes rows away; a new load then takes away what is left."""
        destination = await Destination.prepare(harness)
        load = await destination.copy(ROWS)
        await _heal(destination, [], KeySpans(column=KEY, spans=[(3, 100)]), load, 1)
        assert sorted(await destination.rows()) == sorted(ROWS[:3])
        assert (await destination.begin("2")).load == load + 1
        assert await destination.rows() == []

    @needs("writes", "heals")
    async def test_ledger_correction(self, harness: Harness) -> None:
        """A ledger row that comes without rows keeps a straggler from loading the batch of its number."""
        destination = await Destination.prepare(harness)
        load = (await destination.begin()).load
        correcting = capability(destination.connector, ReplacesRows)
        for digest in (Digest(), Digest(rows=-2, total="5")):
            entry = destination.entry(load, -digest.rows, digest)
            first = await correcting.correct_ledger(destination.target, entry)
            again = await correcting.correct_ledger(destination.target, entry)
            assert (first.digest, first.repeated) == (digest, False)
            assert (again.digest, again.repeated) == (digest, True)
        assert (await destination.load(ROWS, load=load)).repeated
        assert await destination.rows() == []


async def _buckets(
    destination: Destination, rows: AnyRange, buckets: KeyBuckets
) -> tuple[tuple[int, int] | None, dict[int | None, Digest]]:
    reader = capability(destination.connector, ReadsRows)
    described = (await reader.describe_tables([destination.table]))[destination.table]
    selection = Selection(described, [column.name for column in destination.columns])
    async with reader.reading(None) as session:
        assert isinstance(session, ComparesKeys)
        ends = await session.key_ends(selection, buckets.key)
        return ends, await session.bucket_digests(selection, rows, destination.method, buckets)


async def _heal(destination: Destination, rows: Sequence[Row], spans: KeySpans, load: int, number: int) -> Loaded:
    target = replace(destination.target, in_place_of=spans, removal_proof=destination.method)
    entry = destination.entry(load, number, destination.digest(rows))
    parts = one_by_one([destination.batch(rows)] if rows else [])
    return await destination.writer.load_arrow(target, entry, parts, lambda moved: None)
