"""Every database to every database: the type matrix moves by the real activities, is proved by checksum, and compared
by the databases' own clients without a line of the product."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.base import ReadsRows, WritesRows, capability
from connectors.conformance.behaviours import gap
from connectors.conformance.copying import Sent
from connectors.conformance.fitted import fate_of
from connectors.conformance.matrix import SAMPLES
from connectors.registry import BUILT_IN
from core.schema import TableSchema
from tests.conformance.conftest import OpenHarness
from tests.conformance.harnesses.plain_reading import PlainColumn, PlainReading
from tests.conformance.job_in_process import JobInProcess

TYPES = [known.name for known in BUILT_IN]
PAIRS = [(source, destination) for source in TYPES for destination in TYPES]
GAPS: dict[tuple[str, str], str] = {}
"""Known gaps by pair, and why; they must fail."""


@pytest.fixture
def pair(request: pytest.FixtureRequest, opened_harness: OpenHarness) -> tuple[PlainReading, PlainReading]:
    """Source and destination of a pair."""
    names: tuple[str, str] = request.param
    if names in GAPS:
        request.node.add_marker(pytest.mark.xfail(reason=GAPS[names], strict=True))
    source, destination = opened_harness(names[0]), opened_harness(names[1], "destination")
    assert isinstance(source, PlainReading)
    assert isinstance(destination, PlainReading)
    return source, destination


@pytest.mark.parametrize("pair", PAIRS, ids=lambda names: "-to-".join(names).lower(), indirect=True)
async def test_the_type_matrix_arrives(pair: tuple[PlainReading, PlainReading], tmp_path: Path) -> None:
    source, destination = pair
    name, arrived = source.new_name("pair"), destination.new_name("arrived")
    carried = await carried_values(source, destination)
    columns = [
        source.column("id", "int64", nullable=False),
        *(source.column(f"c_{sample}", sample) for sample in carried),
    ]
    rows = [
        [str(number), *(_nth([*texts, None], number) for texts in carried.values())]
        for number in range(max(map(len, carried.values())) + 1)
    ]
    source.create_table(name, columns, rows, key=["id"])
    job = JobInProcess(source, destination, tmp_path)
    table = {
        "sourceTable": name,
        "destinationTable": arrived,
        **({"sourceSchema": source.schema} if source.schema else {}),
        **({"destinationSchema": destination.schema} if destination.schema else {}),
        "batchSize": 20,
    }
    [outcome] = await job.run(job.spec([table]))
    assert outcome.result.proved, outcome.result.message
    assert outcome.result.rows == len(rows)
    names = {column.source: column.destination for column in outcome.route.columns}
    assert set(names) == {column.name for column in columns}
    plain = [PlainColumn("id", "integer"), *(_plain_column(source, sample) for sample in carried)]
    expected = source.plain_rows(name, plain)
    found = destination.plain_rows(arrived, [PlainColumn(names[part.name], part.kind, part.length) for part in plain])
    wrong = {
        part.name: (value, found[key][names[part.name]])
        for key, values in expected.items()
        for part in plain
        if (value := values[part.name]) != found.get(key, {}).get(names[part.name])
    }
    assert wrong == {}
    assert len(found) == len(expected)


async def carried_values(source: PlainReading, destination: PlainReading) -> dict[str, list[str]]:
    """By sample: what the source holds of it and the destination's limits let pass; types that are not carried without
    being accepted by name are left out."""
    held = {name: native.holds(SAMPLES[name]) for name, native in source.natives.items()}
    described = await _describe_all(source)
    writer = capability(destination.connector(), WritesRows)
    same = source.type_name == destination.type_name
    carried = {}
    for name, texts in held.items():
        column = described.column(name)
        assert column is not None
        arrival = writer.arrival(column, None, key=False)
        if arrival.verdict not in ("EXACT", "CONVERT") or gap(type(destination), "values_arrive", name):
            continue
        sent = Sent(name, column.value)
        prints = source.natives[name].prints
        passing = [text for text in texts if same or fate_of(prints.get(text, text), sent, arrival).held]
        if passing:
            carried[name] = passing
    return carried


async def _describe_all(source: PlainReading) -> TableSchema:
    name = source.new_name("described")
    source.create_table(name, [source.column(sample, sample) for sample in source.natives])
    table = source.table(name)
    return (await capability(source.connector(), ReadsRows).describe_tables([table]))[table]


def _plain_column(source: PlainReading, sample: str) -> PlainColumn:
    value = SAMPLES[sample].value
    return PlainColumn(f"c_{sample}", source.natives[sample].kind or value.kind, value.length)


def _nth(texts: Sequence[str | None], number: int) -> str | None:
    return texts[number % len(texts)]
