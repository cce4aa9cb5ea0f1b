"""What a connector does about rows that keep a constraint from being built after the load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from connectors.base import MovesViolations, capability
from connectors.conformance.behaviours import needs
from connectors.conformance.copying import ID, Destination, Row, Sent, sent_table
from connectors.conformance.harness import Harness
from connectors.contract import MovedRow
from core.errors import DataRejected
from core.schema import Digest, Index, Statement

CODE = Sent.sample("code", "int64")
ROWS: Sequence[Row] = [("1", "10"), ("2", "20"), ("3", "10"), ("4", None), ("5", "10"), ("6", None)]
FIRST_OF_EACH: Sequence[Row] = [("1", "10"), ("2", "20"), ("4", None), ("6", None)]


@dataclass
class Kept:
    """What was told to be moved."""

    rows: list[MovedRow] = field(default_factory=list)
    most: int = 10

    async def keep(self, rows: Sequence[MovedRow], error: DataRejected) -> None:
        """Refuses more than may be."""
        if len(rows) > self.most:
            raise error
        self.rows += rows


class MovesOut:
    """Rows in the way of constraints"""

    @needs("writes", "moves_violations")
    async def test_violations(self, harness: Harness) -> None:
        """Rows that keep a unique index from being built are moved out, all but the first of a key, and the ledger says
        what is left; then it is built."""
        destination = await self._prepare(harness)
        load = (await destination.begin()).load
        await destination.load(ROWS[:3], load=load)
        await destination.load(ROWS[3:], load=load, number=1)
        with pytest.raises(DataRejected):
            await self._build(destination)
        kept = Kept()
        assert await self._move_out(destination, load, kept) == 2
        assert sorted(row.values["id"] or "" for row in kept.rows) == ["3", "5"]
        assert all(row.values["code"] == "10" for row in kept.rows)
        assert await self._move_out(destination, load, Kept()) == 0
        await self._build(destination)
        recorded = await destination.writer.ledger_rows(destination.load_ref(load))
        assert sum((row.digest for row in recorded), Digest()) == destination.digest(FIRST_OF_EACH)
        assert sum(row.rejected for row in recorded) == 2
        assert sorted(await destination.rows()) == sorted(FIRST_OF_EACH)

    @needs("writes", "moves_violations")
    async def test_too_many_violations(self, harness: Harness) -> None:
        """Where the rows may not be kept, none of them is moved."""
        destination = await self._prepare(harness)
        load = await destination.copy(ROWS)
        with pytest.raises(DataRejected, match="unique index"):
            await self._move_out(destination, load, Kept(most=1))
        assert harness.count(destination.table.name) == len(ROWS)
        recorded = await destination.writer.ledger_rows(destination.load_ref(load))
        assert [(row.digest.rows, row.rejected) for row in recorded] == [(len(ROWS), 0)]

    @needs("writes", "moves_violations")
    async def test_violations_of_others(self, harness: Harness) -> None:
        """Rows that others wrote are never moved."""
        destination = await self._prepare(harness)
        await destination.copy(ROWS[2:3])
        load = (await destination.begin("2", run=2)).load
        await destination.load([("7", "70")], load=load)
        assert await self._move_out(destination, load, Kept()) == 0
        assert harness.count(destination.table.name) == 2

    async def _prepare(self, harness: Harness) -> Destination:
        destination = await Destination.prepare(harness, [ID, CODE])
        name = destination.table.name
        index = Index(name=f"{name}_code", columns=["code"], unique=True, definition="")
        source = sent_table(name, [ID, CODE], ["id"]).model_copy(update={"indexes": [index]})
        destination.ddl = destination.creator.table_ddl(source, destination.table, {"id": "id", "code": "code"}, {}, {})
        return destination

    async def _build(self, destination: Destination) -> None:
        await destination.creator.build(destination.ddl.keys, 1)

    async def _move_out(self, destination: Destination, load: int, kept: Kept) -> int:
        moving, moved = capability(destination.connector, MovesViolations), 0
        statements: Sequence[Statement] = destination.ddl.keys
        for statement in statements:
            ref = destination.load_ref(load)
            moved += await moving.move_out(
                statement, destination.target, ref, destination.method, kept.keep, most=kept.most
            )
        return moved
