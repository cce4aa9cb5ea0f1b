"""Each connector beside its database's own bulk tool: the same rows into a table and out of it, in turns.

python -m bench.bulk_tools --rows 200000 --runs 3 --connectors mysql,duckdb

In: the tool reads a csv file; Sterna reads staged batches of the planner's size, begins a load and writes ledger and
rows. Out: the tool writes a csv file; Sterna writes staged batches, range by range as the planner cuts the table. Both
log in anew; neither builds what the planner builds after the load. Medians. Times of the processors are of client and
server together, and are disturbed least by other work on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from activities.resources.staging import LocalStaging
from activities.resources.survey import LARGEST_BATCH_BYTES
from bench.bulk_rows import COLUMNS, KEY, batches_of, make_rows, parts_of, write_csv
from bench.own_tools import OWN_TOOLS, OwnTool
from bench.stopwatch import Taken, stopwatch
from connectors.base import ReadsRows, capability
from connectors.conformance.copying import Destination, Row
from connectors.contract import CSV_INTERCHANGE, Selection
from core.schema import Digest

MOST_TIMES = 3.0
ARROW = "arrow"
HEAD = (
    "| connector | way | own tool | s | Sterna's path | s | ratio | own CPU s | Sterna CPU s | ratio of CPU |",
    "|---|---|---|---:|---|---:|---:|---:|---:|---:|",
)


@dataclass(frozen=True)
class StagedBatch:
    """One batch in staging."""

    reference: str
    bytes: int
    rows: int


@dataclass
class Times:
    """One way of one connector, on one path."""

    own: list[Taken] = field(default_factory=list)
    sterna: list[Taken] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """By the clock."""
        return statistics.median(taken.seconds for taken in self.sterna) / statistics.median(
            taken.seconds for taken in self.own
        )

    def cells(self, path: str) -> str:
        """Of the printed table."""
        own, sterna = ([taken.seconds for taken in times] for times in (self.own, self.sterna))
        own_cpu, sterna_cpu = (statistics.median(taken.cpu for taken in times) for times in (self.own, self.sterna))
        ratio_of_cpu = f"{sterna_cpu / own_cpu:.2f}" if own_cpu else ""
        return (
            f"{statistics.median(own):.2f} | {path} | {statistics.median(sterna):.2f} | {self.ratio:.2f} | "
            f"{own_cpu:.2f} | {sterna_cpu:.2f} | {ratio_of_cpu}"
        )


class Comparison:
    """One connector and its database's own tool, on one server."""

    def __init__(self, tool: OwnTool, rows: Sequence[Row], folder: Path) -> None:
        self.tool = tool
        self.times: dict[tuple[str, str], Times] = defaultdict(Times)
        """By way and path."""
        self._rows = rows
        self._folder = folder
        self._staging = LocalStaging(folder / "staging")
        self._paths = [*tool.harness.capabilities().native_formats, ARROW]
        self._staged = {ARROW: self._stage_arrow()}
        if CSV_INTERCHANGE in self._paths:
            self._staged[CSV_INTERCHANGE] = self._stage_csv()

    async def run(self) -> None:
        """Everything once, in turns."""
        file = self._folder / "rows.csv"
        write_csv(self._rows, file)
        table = (await self._made()).table
        with stopwatch() as load:
            self.tool.load(table, file)
        with stopwatch() as unload:
            self.tool.unload(table, self._folder / "unloaded.csv")
        self._expect_all(table.name)
        source = await self._measure_load(ARROW, self._staged[ARROW], load)
        for path in self._paths:
            with stopwatch() as taken:
                extracted = await self._extract(source, path)
            self._note("out", path, unload, taken)
            if path != ARROW:
                await self._measure_load(path, self._staged.get(path, extracted), load)

    @property
    def rows(self) -> int:
        """Of the table."""
        return len(self._rows)

    async def _measure_load(self, path: str, batches: Sequence[StagedBatch], own: Taken) -> Destination:
        made = await self._made()
        with stopwatch() as taken:
            await self._load(made, path, batches)
        self._note("in", path, own, taken)
        self._expect_all(made.table.name)
        return made

    def _note(self, way: str, path: str, own: Taken, sterna: Taken) -> None:
        times = self.times[way, path]
        times.own.append(own)
        times.sterna.append(sterna)

    async def _made(self) -> Destination:
        return await Destination.prepare(self.tool.harness, COLUMNS, key=KEY)

    async def _extract(self, source: Destination, path: str) -> list[StagedBatch]:
        reader = capability(source.connector, ReadsRows)
        table = (await reader.describe_tables([source.table]))[source.table]
        plan = await reader.plan_ranges(table, batch_rows=None, batch_bytes=LARGEST_BATCH_BYTES, stable_pages=True)
        selection = Selection(
            table,
            [column.name for column in table.columns],
            interchange=path in (ARROW, CSV_INTERCHANGE),
            native_format=path if path == CSV_INTERCHANGE else "",
        )
        extracted = []
        async with reader.reading(None) as session:
            for number in range(plan.batches):
                reference, counted = f"extracted/{number}", 0
                with self._staging.writing(reference) as staged:

                    async def keep_bytes(piece: bytes) -> None:
                        staged.write(piece)

                    async def keep_rows(batch: pa.RecordBatch) -> None:
                        nonlocal counted
                        staged.write_batch(batch)
                        counted += batch.num_rows

                    if path == ARROW:
                        await session.read_arrow(selection, plan.range_of(number), keep_rows)
                    else:
                        counted = await session.read_native(selection, plan.range_of(number), keep_bytes)
                extracted.append(StagedBatch(reference, staged.bytes, counted))
        if sum(batch.rows for batch in extracted) != len(self._rows):
            sys.exit(f"{self.tool.harness.type_name} {path}: rows were lost on their way out")
        return extracted

    async def _load(self, destination: Destination, path: str, batches: Sequence[StagedBatch]) -> None:
        begun = await destination.begin()
        target = destination.target
        if path != ARROW:
            own = path != CSV_INTERCHANGE
            target = replace(target, native_format="" if own else path, written=() if own else target.written)
        for number, batch in enumerate(batches):
            entry = destination.entry(begun.load, number, Digest(rows=batch.rows))
            if path == ARROW:
                parts = self._staging.read_batches(batch.reference, batch.bytes)
                await destination.writer.load_arrow(target, entry, parts, lambda moved: None)
            else:
                pieces = self._staging.read(batch.reference, batch.bytes)
                await destination.writer.load_native(target, entry, pieces, lambda moved: None)

    def _stage_arrow(self) -> list[StagedBatch]:
        batches = []
        for number, rows in enumerate(batches_of(self._rows)):
            with self._staging.writing(f"arrow/{number}") as staged:
                for part in parts_of(rows):
                    staged.write_batch(part)
            batches.append(StagedBatch(f"arrow/{number}", staged.bytes, len(rows)))
        return batches

    def _stage_csv(self) -> list[StagedBatch]:
        batches = []
        for number, rows in enumerate(batches_of(self._rows)):
            file = self._folder / "batch.csv"
            write_csv(rows, file)
            with self._staging.writing(f"csv/{number}") as staged:
                staged.write(file.read_bytes())
            batches.append(StagedBatch(f"csv/{number}", staged.bytes, len(rows)))
        return batches

    def _expect_all(self, table: str) -> None:
        found = self.tool.harness.count(table)
        if found != len(self._rows):
            sys.exit(f"{self.tool.harness.type_name}: {len(self._rows)} rows were sent, {found} are there")


def main() -> None:
    """Prints the table and fails where a judged connector needs more than three times its tool's time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the table (default 200,000)")
    parser.add_argument("--runs", type=int, default=3, help="how often everything is done (default 3)")
    parser.add_argument("--connectors", default=",".join(OWN_TOOLS).lower(), help="which, by commas (default: all)")
    given = parser.parse_args()
    print(f"{_settings(given.rows, given.runs)}\n\n" + "\n".join(HEAD), flush=True)
    slow = []
    for name in given.connectors.upper().split(","):
        comparison = compare(OWN_TOOLS[name], given.rows, given.runs)
        for (way, path), times in sorted(comparison.times.items()):
            tool = comparison.tool.loads_by if way == "in" else comparison.tool.unloads_by
            judged = "" if comparison.tool.judged else f" ({comparison.rows:,} rows, not judged)"
            print(f"| {name}{judged} | {way} | {tool} | {times.cells(path)} |", flush=True)
            if comparison.tool.judged and times.ratio > MOST_TIMES:
                slow.append(f"{name} {way} {path}: {times.ratio:.2f} times")
    if slow:
        sys.exit(f"slower than {MOST_TIMES:g} times the database's own tool: {'; '.join(slow)}")


def compare(make: type[OwnTool], rows: int, runs: int) -> Comparison:
    """Starts the server, measures, stops it."""
    with tempfile.TemporaryDirectory(prefix="sterna-bench-") as folder, ExitStack() as stack:
        place = Path(folder)
        place.chmod(0o755)  # servers may run as another account
        comparison = Comparison(make(place, stack), make_rows(min(rows, make.most_rows)), place)
        for _ in range(runs):
            asyncio.run(comparison.run())
        return comparison


def _settings(rows: int, runs: int) -> str:
    return (
        f"{rows:,} rows of {len(COLUMNS)} columns, batches of {LARGEST_BATCH_BYTES >> 20} MB, one stream, medians of "
        f"{runs} interleaved runs; {os.cpu_count()} processors shared by client and server, load before the first "
        f"run {os.getloadavg()[0]:.1f}; every server as its own settings are but for memory, commits flushed to disk"
    )


if __name__ == "__main__":
    main()
