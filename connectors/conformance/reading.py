"""What a connector does as a source."""

from __future__ import annotations

from connectors.base import ReadsRows, capability
from connectors.conformance.behaviours import needs
from connectors.conformance.copying import ranges_of, read_rows
from connectors.conformance.equality import same_value
from connectors.conformance.harness import Harness, NativeColumn
from connectors.conformance.matrix import SAMPLES
from connectors.contract import Selection
from core.ranges import KeyRange, RangePlan
from core.schema import TableName, TableSchema

MANY_BYTES = 10**9
FEW, MANY = 7, 5000
"""Rows of a batch. Databases guess how many rows a table has: ranges over a wide key would be very many."""
NUMBERS = [*range(1, 30), 31, 37]
KEYS: dict[str, tuple[str, list[int]]] = {
    "dense": ("int64", NUMBERS),
    "sparse": ("int64", [1, 2, 3, 1000, 10**12, 10**15, 10**18]),
    "negative": ("int64", [-(10**12), -7, -6, -1, 0, 1, 5, 10**9]),
    "widest": ("int64", [-(2**63), -1, 0, 1, 2**63 - 1]),
    "small": ("int32", NUMBERS),
    "unsigned": ("uint64", [0, 1, 2**63 - 1, 2**63, 2**64 - 1]),
    "single": ("int64", [42]),
    "empty": ("int64", []),
}
"""By case: the key's sample and the keys."""


class Reads:
    """Reading"""

    @needs("reads")
    async def test_lists_tables(self, harness: Harness) -> None:
        """Tables are listed by pattern, sorted, the ledger never."""
        first, second = sorted((harness.new_name("listed"), harness.new_name("listed")))
        for name in (second, first):
            harness.create_table(name, [harness.column("id", "int64")])
        connector = harness.connector()
        if harness.capabilities().writes:
            await connector.prepare_ledger()  # type: ignore[attr-defined]
        reader = capability(connector, ReadsRows)
        prefix = f"{harness.schema}." if harness.schema else ""
        found = await reader.list_tables([f"{prefix}*"], [])
        assert found == sorted(found, key=lambda table: (table.schema_name, table.name))
        assert {harness.table(first), harness.table(second)} <= set(found)
        assert not [table for table in found if table.name.lower().startswith("sterna_ledger")]
        assert harness.table(first) not in await reader.list_tables([f"{prefix}*"], [f"{prefix}{first}"])
        assert await reader.list_tables([f"{prefix}{first}"], []) == [harness.table(first)]

    @needs("reads")
    async def test_describes_tables(self, harness: Harness) -> None:
        """A table's description has its columns in order, with value types, nullability and keys."""
        name = harness.new_name()
        columns = [
            harness.column("id", "int64", nullable=False),
            harness.column("name", "varchar_4000"),
            harness.column("code", "int32", nullable=False),
        ]
        harness.create_table(name, columns, [["1", "a", "7"]], key=["id"], unique=["code"])
        table = await describe(harness, name)
        assert [column.name for column in table.columns] == ["id", "name", "code"]
        assert [column.nullable for column in table.columns] == [False, True, False]
        assert table.dialect == harness.capabilities().dialect
        assert table.primary_key is not None
        assert table.primary_key.columns == ["id"]
        assert [key.columns for key in table.unique_keys] + [
            index.columns for index in table.indexes if index.unique
        ] == [["code"]]

    @needs("reads")
    async def test_absent_tables(self, harness: Harness) -> None:
        """A table that does not exist is missing from the answer, and takes no other with it."""
        name = harness.new_name()
        harness.create_table(name, [harness.column("id", "int64")])
        absent = TableName(schema_name=harness.schema, name="there is no such table")
        found = await capability(harness.connector(), ReadsRows).describe_tables([absent, harness.table(name)])
        assert list(found) == [harness.table(name)]

    @needs("reads")
    async def test_quoted_names(self, harness: Harness) -> None:
        """Names of mixed case, with blanks, quotes and letters beyond ASCII are read as they are."""
        name = f"Mixed näme {harness.new_name()}"
        columns = [
            harness.column("Mixed Case", "int64"),
            harness.column("select", "int64"),
            harness.column("it's 1%", "int64"),
        ]
        harness.create_table(name, columns, [["1", "2", "3"]])
        table = await describe(harness, name)
        names = [column.name for column in table.columns]
        assert names == [column.name for column in columns]
        assert await read_rows(capability(harness.connector(), ReadsRows), table, names) == [("1", "2", "3")]

    @needs("reads")
    async def test_reads_values(self, harness: Harness, native: str) -> None:
        """Every value of the type matrix that the database holds is read as exact interchange text."""
        spelling, sample = harness.natives[native], SAMPLES[native]
        texts = spelling.holds(sample)
        name = harness.new_name()
        columns = [harness.column("id", "int64", nullable=False), harness.column("v", native)]
        rows = [[str(position), text] for position, text in enumerate([*texts, None])]
        harness.create_table(name, columns, rows, key=["id"])
        table = await describe(harness, name)
        value = table.columns[1].value
        assert value.kind == (spelling.kind or sample.value.kind)
        read = await read_rows(capability(harness.connector(), ReadsRows), table, ["id", "v"])
        found = {row[0]: row[1] for row in read}
        wrong = {
            text: found.get(str(position))
            for position, text in enumerate([*texts, None])
            if _differs(spelling.prints.get(text, text) if text is not None else None, found.get(str(position)), value)
        }
        assert wrong == {}
        assert len(read) == len(rows)

    @needs("reads")
    async def test_selected_columns(self, harness: Harness) -> None:
        """Columns are read in the order asked for, and only those."""
        name = harness.new_name()
        columns = [harness.column("id", "int64"), harness.column("a", "varchar_4000"), harness.column("b", "int32")]
        harness.create_table(name, columns, [["1", "x", "7"]])
        found = await read_rows(capability(harness.connector(), ReadsRows), await describe(harness, name), ["b", "id"])
        assert found == [("7", "1")]

    @needs("reads")
    async def test_ranges_cover(self, harness: Harness, keys: str) -> None:
        """Ranges over a key cover every row exactly once: dense, sparse, negative, unsigned and extreme keys."""
        sample, numbers = KEYS[keys]
        name = harness.new_name()
        columns = [harness.column("id", sample, nullable=False), harness.column("name", "varchar_4000")]
        harness.create_table(name, columns, [[str(number), f"row {number}"] for number in numbers], key=["id"])
        wide = bool(numbers) and max(numbers) - min(numbers) > 1000
        plan, found = await plan_and_read(harness, name, MANY if wide else FEW)
        assert sorted(int(row[0] or "") for row in found) == sorted(numbers)
        assert plan.batches < 1000

    @needs("reads")
    async def test_ranges_without_key(self, harness: Harness) -> None:
        """A table without a usable key is read whole, rows that are equal as often as they are there."""
        name = harness.new_name()
        columns = [harness.column("a", "int64"), harness.column("b", "varchar_4000")]
        rows: list[list[str | None]] = [["1", "x"], ["1", "x"], [None, "y"], [None, None], ["2", ""]]
        harness.create_table(name, columns, rows)
        _, found = await plan_and_read(harness, name)
        assert len(found) == len(rows)
        assert sorted(str(row[0]) for row in found) == ["1", "1", "2", "None", "None"]

    @needs("reads")
    async def test_ranges_nullable_key(self, harness: Harness) -> None:
        """Rows whose unique key is NULL are read, each once."""
        name = harness.new_name()
        columns = [harness.column("id", "int64"), harness.column("name", "varchar_4000")]
        rows = [[str(number), "x"] for number in range(20)]
        harness.create_table(name, columns, [*rows, [None, "a"], [None, "b"]], unique=["id"])
        _, found = await plan_and_read(harness, name)
        assert sorted(str(row[0]) for row in found) == sorted([*(row[0] for row in rows), "None", "None"])

    @needs("reads")
    async def test_ranges_of_other_keys(self, harness: Harness) -> None:
        """Tables with a key of two columns or of text are covered once."""
        for key in (["id", "code"], ["name"]):
            name = harness.new_name()
            columns = [
                harness.column("id", "int64", nullable=False),
                harness.column("code", "int32", nullable=False),
                key_text(harness),
            ]
            rows = [[str(number % 3), str(number), f"row {number}"] for number in range(20)]
            harness.create_table(name, columns, rows, key=key)
            _, found = await plan_and_read(harness, name)
            assert sorted(int(row[1] or "") for row in found) == list(range(20))

    @needs("reads")
    async def test_ranges_meet(self, harness: Harness) -> None:
        """Ranges that meet at a key give its row to exactly one of them, the one that begins there."""
        name = harness.new_name()
        columns = [harness.column("id", "int64", nullable=False)]
        harness.create_table(name, columns, [[str(number)] for number in range(10)], key=["id"])
        table, reader = await describe(harness, name), capability(harness.connector(), ReadsRows)
        bounds = [(None, 3), (3, 4), (4, 9), (9, None)]
        batches = []
        for low, high in bounds:
            found = await read_rows(reader, table, ["id"], [KeyRange(column="id", low=low, high=high)])
            batches.append(sorted(int(row[0] or "") for row in found))
        assert batches == [[0, 1, 2], [3], [4, 5, 6, 7, 8], [9]]

    @needs("reads")
    async def test_where_clause(self, harness: Harness) -> None:
        """A whereClause with OR selects its rows in every range and in the count."""
        name = harness.new_name()
        columns = [harness.column("id", "int64", nullable=False)]
        harness.create_table(name, columns, [[str(number)] for number in NUMBERS], key=["id"])
        reader, table = capability(harness.connector(), ReadsRows), await describe(harness, name)
        where = harness.one_of("id", [3, 29])
        plan = await reader.plan_ranges(table, batch_rows=7, batch_bytes=MANY_BYTES, stable_pages=False)
        found = await read_rows(reader, table, ["id"], ranges_of(plan), where)
        assert sorted(int(row[0] or "") for row in found) == [3, 29]
        selection = Selection(table, ["id"], where, interchange=True)
        await reader.check_selection(selection)
        async with reader.reading(None) as session:
            assert await session.count(selection) == 2
            assert await session.count(Selection(table, ["id"], interchange=True)) == len(NUMBERS)

    @needs("reads")
    async def test_long_values(self, harness: Harness) -> None:
        """Texts of several megabytes are read whole."""
        name, long = harness.new_name(), "0123456789abcdé🙂" * 150_000
        if "text" not in harness.natives:
            return
        harness.create_table(name, [harness.column("v", "text")], [[long], ["x"], [long]])
        found = await read_rows(capability(harness.connector(), ReadsRows), await describe(harness, name), ["v"])
        assert sorted(len(row[0] or "") for row in found) == [1, len(long), len(long)]
        assert {row[0] for row in found} == {"x", long}


async def describe(harness: Harness, name: str) -> TableSchema:
    """The connector's description of a table. Fails where there is none."""
    found = await capability(harness.connector(), ReadsRows).describe_tables([harness.table(name)])
    assert list(found) == [harness.table(name)]
    return found[harness.table(name)]


async def plan_and_read(
    harness: Harness, name: str, batch_rows: int = FEW
) -> tuple[RangePlan, list[tuple[str | None, ...]]]:
    """Plans small ranges and reads them all."""
    reader, table = capability(harness.connector(), ReadsRows), await describe(harness, name)
    plan = await reader.plan_ranges(table, batch_rows=batch_rows, batch_bytes=MANY_BYTES, stable_pages=False)
    assert plan.segments
    assert plan.method
    return plan, await read_rows(reader, table, [column.name for column in table.columns], ranges_of(plan))


def key_text(harness: Harness) -> NativeColumn:
    """A text column that may be a key."""
    return harness.column("name", "varchar_10", nullable=False)


def _differs(expected: str | None, found: str | None, value: object) -> bool:
    try:
        return same_value(found, value) != same_value(expected, value)  # type: ignore[arg-type]
    except (ValueError, ArithmeticError):
        return True
