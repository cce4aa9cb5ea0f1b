"""Columns that a table of the destination has already: NULL stays NULL, and a number stays what it is."""

from __future__ import annotations

import pytest

from connectors.canonical import digest_batch
from core.schema import Column
from core.value_type import ValueType
from tests.mysql.conftest import Arriving, Database

INTEGER = ValueType(kind="integer")


@pytest.mark.parametrize("nullable", [True, False])
async def test_null_is_refused_where_the_server_would_fill_it(database: Database, nullable: bool) -> None:
    """LOAD DATA numbers a NULL for AUTO_INCREMENT and dates one for TIMESTAMP NOT NULL, without a warning."""
    database.run(
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, made TIMESTAMP(6) NOT NULL DEFAULT NOW(6), n INT NOT NULL, "
        "seen TIMESTAMP(6) NULL)"
    )
    values = [INTEGER, ValueType(kind="timestamp_tz"), INTEGER, ValueType(kind="timestamp_tz")]
    refusing = set()
    for existing, value in zip((await database.describe("t")).columns, values, strict=True):
        column = Column(name=existing.name, type="", base_type="", nullable=nullable, value=value)
        arrival = database.connector().arrival(column, existing, key=False)
        refusing |= {existing.name for limit in arrival.limits if limit.kind == "not_null" and not limit.loud}
    assert refusing == ({"id", "made"} if nullable else set())


@pytest.mark.parametrize("kind", ["integer", "decimal"])
@pytest.mark.parametrize("native", ["BIGINT", "DOUBLE"])
async def test_a_zero_is_not_numbered_beside_a_column_that_is_converted(
    database: Database, kind: str, native: str
) -> None:
    database.run(f"CREATE TABLE t (id {native} AUTO_INCREMENT PRIMARY KEY, v BLOB)")
    value = ValueType.model_validate({"kind": kind, "precision": 10 if kind == "decimal" else None})
    arriving = await Arriving(database, "t", {"id": value, "v": ValueType(kind="binary")}).prepare()
    begun = await arriving.begin()
    await arriving.load(begun.load, 0, [("0", "\\x00"), ("7", None)])
    assert database.run("SELECT id FROM t ORDER BY id") == "0\n7\n"


@pytest.mark.parametrize(
    ("native", "texts"),
    [
        ("DOUBLE", ["1000000000000000000000", "-0.00000001234", "123456789012345", "0", "0.1", "12300" + "0" * 38]),
        ("FLOAT", ["0.1", "-123456", "1000000000", "0.00125", None]),
    ],
)
async def test_decimals_in_a_float_are_proved_as_decimals(
    database: Database, native: str, texts: list[str | None]
) -> None:
    database.run(f"CREATE TABLE t (v {native})")
    arriving = await Arriving(database, "t", {"v": ValueType(kind="decimal")}).prepare()
    begun = await arriving.begin()
    rows = [(text,) for text in texts]
    await arriving.load(begun.load, 0, rows)
    wanted = digest_batch(arriving.batch(rows), arriving.proof.columns)
    connector = database.connector()
    assert await connector.digest_table(arriving.name, arriving.proof) == wanted
    hashes = [number async for part in connector.table_hashes(arriving.name, arriving.proof) for number in part]
    assert sum(hashes) % 2**64 == int(wanted.total)
