"""What a connector does with the shape of tables: it is carried, or it is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from connectors.base import CreatesTables, ListsObjects, ReadsRows, WritesRows, capability
from connectors.conformance.behaviours import needs
from connectors.conformance.copying import FOREIGN, ID, Destination, Row, Sent
from connectors.conformance.harness import Harness
from connectors.conformance.matrix import SAMPLES
from connectors.conformance.reading import describe
from connectors.conformance.writing import arrival_of
from core.errors import Parks
from core.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    Key,
    TableDdl,
    TableName,
    TableSchema,
)
from core.schema import Sequence as NumberSequence
from core.value_type import ValueType

DIALECT = "postgres"
INTEGER = ValueType(kind="integer")
TEXT = ValueType(kind="text", length=20)


def orders(name: str, **parts: object) -> TableSchema:
    """A table as PostgreSQL's catalog would describe it; `parts` are added or replaced."""
    columns = [
        Column(name="id", type="bigint", base_type="int8", nullable=False, value=INTEGER),
        Column(name="code", type="character varying(20)", base_type="varchar", nullable=False, modifier=24, value=TEXT),
        Column(name="parent", type="bigint", base_type="int8", value=INTEGER),
    ]
    fields: dict[str, object] = {
        "dialect": DIALECT,
        "name": source_name(name),
        "columns": columns,
        "primary_key": Key(name=f"{name}_pk", columns=["id"], definition="PRIMARY KEY (id)"),
        **parts,
    }
    return TableSchema.model_validate(fields)


def source_name(name: str) -> TableName:
    """Where the table is at the source."""
    return TableName(schema_name="public", name=name)


class Shapes:
    """Schema"""

    @needs("creates_tables", "reads")
    async def test_created_once(self, harness: Harness) -> None:
        """Tables are created and built with keys; doing it again changes nothing."""
        name = harness.new_name()
        ddl = table_ddl(harness, orders(name))
        for _ in range(2):
            assert await creator(harness).create([ddl]) == {}
            await build(harness, [ddl])
        made = await describe(harness, name)
        assert [column.name for column in made.columns] == ["id", "code", "parent"]
        assert [column.nullable for column in made.columns] == [False, False, True]
        assert made.primary_key is not None
        assert made.primary_key.columns == ["id"]

    @needs("creates_tables", "writes", "reads")
    async def test_keys_hold(self, harness: Harness) -> None:
        """Primary and unique keys that were built refuse duplicates."""
        name = harness.new_name()
        unique = Key(name=f"{name}_code", columns=["code"], definition="UNIQUE (code)")
        ddl = table_ddl(harness, orders(name, unique_keys=[unique]))
        await creator(harness).create([ddl])
        await build(harness, [ddl])
        columns = [harness.column("id", "int64"), harness.column("code", "varchar_10")]
        harness.insert(name, columns, [["1", "a"], ["2", "b"]])
        for row in (["1", "c"], ["3", "a"]):
            with pytest.raises(Exception):  # noqa: B017, PT011 - a client of any kind
                harness.insert(name, columns, [row])
        assert harness.count(name) == 2

    @needs("creates_tables", "reads")
    async def test_key_that_does_not_hold(self, harness: Harness) -> None:
        """A key that the rows break is an error that parks, and names the key."""
        if harness.capabilities().key_during_load:
            return
        destination = await Destination.prepare(harness, [ID], key=["id"])
        await destination.copy([("1",), ("1",)])
        with pytest.raises(Parks):
            await build(harness, [destination.ddl])

    @needs("creates_tables", "reads")
    async def test_indexes(self, harness: Harness) -> None:
        """Secondary indexes are built or listed."""
        name = harness.new_name()
        index = Index(name=f"{name}_parent", columns=["parent"], unique=False, definition="USING btree (parent)")
        ddl = table_ddl(harness, orders(name, indexes=[index]))
        await creator(harness).create([ddl])
        await build(harness, [ddl])
        made = await describe(harness, name)
        assert [part.columns for part in made.indexes] == [["parent"]] or listed(ddl, index.name)

    @needs("creates_tables", "reads")
    async def test_cyclic_foreign_keys(self, harness: Harness) -> None:
        """Foreign keys in a circle, and of a table to itself, are built after the rows, or listed."""
        one, other = harness.new_name(), harness.new_name()
        ddls = [
            table_ddl(
                harness, orders(name, foreign_keys=[foreign_key(name, target), foreign_key(name, name)]), one, other
            )
            for name, target in ((one, other), (other, one))
        ]
        assert await creator(harness).create(ddls) == {}
        await build(harness, ddls)
        for _ in range(2):
            for ddl in ddls:
                await creator(harness).build(ddl.foreign_keys, 1)
        for name, ddl in zip((one, other), ddls, strict=True):
            found = {key.referenced.name for key in (await describe(harness, name)).foreign_keys}
            assert found == {one, other} or len([part for part in ddl.not_carried if "foreign" in part.kind]) == 2

    @needs("creates_tables", "writes", "reads")
    async def test_nothing_is_dropped_silently(self, harness: Harness) -> None:
        """Defaults, checks, generated columns and comments are carried, or listed."""
        name = harness.new_name()
        source = orders(
            name,
            columns=[
                *orders(name).columns[:2],
                Column(
                    name="parent", type="bigint", base_type="int8", value=INTEGER, default="7", comment="a 'comment'"
                ),
                Column(name="twice", type="bigint", base_type="int8", value=INTEGER, generated="(parent * 2)"),
            ],
            checks=[Check(name=f"{name}_positive", definition="CHECK ((id > 0))", columns=["id"])],
            comment="the table's comment",
        )
        ddl = table_ddl(harness, source)
        await creator(harness).create([ddl])
        await build(harness, [ddl])
        made = await describe(harness, name)
        twice = made.column("twice")
        carried = {
            "default": (made.column("parent") or source.columns[2]).default == "7" or _default_works(harness, name),
            "check": bool(made.checks),
            "generated": twice is not None and twice.generated is not None,
            "comment": made.comment == "the table's comment",
        }
        words = " ".join(f"{part.kind} {part.object} {part.reason}" for part in ddl.not_carried).lower()
        assert [part for part, is_there in carried.items() if not is_there and part not in words] == []

    @needs("creates_tables", "writes", "reads")
    async def test_identity_goes_on(self, harness: Harness) -> None:
        """An identity is set past the source's last value, or listed as not carried."""
        name = harness.new_name()
        table = orders(name)
        identity = table.columns[0].model_copy(update={"identity": "BY DEFAULT"})
        sequence = NumberSequence(
            name=source_name(f"{name}_id_seq"),
            column="id",
            identity=True,
            options="AS bigint INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1 NO CYCLE",
            last_value=41,
            is_called=True,
        )
        source = table.model_copy(update={"columns": [identity, *table.columns[1:]], "sequences": [sequence]})
        ddl = table_ddl(harness, source)
        await creator(harness).create([ddl])
        await build(harness, [ddl])
        made = (await describe(harness, name)).column("id")
        assert made is not None
        if made.identity is None and made.default is None:
            assert [
                part for part in ddl.not_carried if "identity" in f"{part.kind} {part.reason} {part.object}".lower()
            ]
            return
        harness.insert(name, [harness.column("code", "varchar_10")], [["a"], ["b"]])
        assert harness.count(name) == 2
        assert harness.count(name, harness.one_of("id", range(42))) == 0

    @needs("creates_tables", "writes", "reads")
    async def test_identity_takes_what_comes(self, harness: Harness) -> None:
        """An identity takes the numbers that come, 0 and negative ones too, whatever else is in the row."""
        name = harness.new_name()
        others = [Sent.sample(sample, sample) for sample in ("boolean", "varbinary_16", "timestamp_3")]
        identity = ID.column.model_copy(update={"identity": "BY DEFAULT", "type": "bigint", "base_type": "int8"})
        source = orders(name).model_copy(
            update={"dialect": FOREIGN, "columns": [identity, *(column.column for column in others)]}
        )
        await creator(harness).create([table_ddl(harness, source)])
        destination = await Destination.existing(harness, name, [ID, *others])
        moment = "2024-02-29 12:00:00"
        rows: list[Row] = [(number, "t", "\\x61", moment) for number in ("0", "-1", "1", "7")]
        await destination.copy(rows)
        assert sorted(await destination.proved_rows()) == sorted(rows)

    @needs("creates_tables", "writes", "reads")
    async def test_made_tables_are_used_again(self, harness: Harness, sample: str) -> None:
        """A table that was made for a type is accepted as it stands when the job is planned again."""
        column = Sent.sample("v", sample)
        arrival = arrival_of(harness, column)
        if arrival.verdict == "UNSUPPORTED":
            return
        destination = await Destination.of_sample(harness, sample)
        made = (await describe(harness, destination.table.name)).column("v")
        assert made is not None
        again = destination.writer.arrival(column.column, made, key=False)
        assert again.verdict == arrival.verdict or (again.verdict, arrival.verdict) == ("EXACT", "CONVERT"), (
            again.reason
        )
        kinds, before = {limit.kind for limit in again.limits}, {limit.kind for limit in arrival.limits}
        assert kinds <= before
        assert before - kinds <= {"labels"}, "only a check constraint judges by itself"
        assert again.value == arrival.value

    @needs("writes", "reads")
    async def test_unsupported_columns(self, harness: Harness) -> None:
        """A column of the wrong kind at the destination is LOSSY or UNSUPPORTED, with a reason."""
        writer = capability(harness.connector(), WritesRows)
        name = harness.new_name()
        harness.create_table(name, [harness.column("v", "int32")])
        existing = (await describe(harness, name)).column("v")
        for sample in ("timestamp", "binary", "uuid", "json"):
            column = Sent(name="v", value=SAMPLES[sample].value)
            arrival = writer.arrival(column.column, existing, key=False)
            assert arrival.verdict in ("LOSSY", "UNSUPPORTED") or harness.capabilities().loosely_typed, sample
            assert arrival.reason

    @needs("reads")
    async def test_views_and_triggers(self, harness: Harness) -> None:
        """Views and triggers are no tables, and are listed as not carried."""
        name = harness.new_name()
        harness.create_table(name, [harness.column("id", "int64", nullable=False)], key=["id"])
        names = harness.add_view_and_trigger(name)
        assert names, "the harness makes neither view nor trigger and does not say why in `without`"
        connector = harness.connector()
        listed_objects = await capability(connector, ListsObjects).list_not_carried([harness.schema])
        described = (await describe(harness, name)).not_carried
        text = " ".join(part.object for part in [*listed_objects, *described])
        assert [missing for missing in names if missing not in text] == []
        prefix = f"{harness.schema}." if harness.schema else ""
        tables = await capability(connector, ReadsRows).list_tables([f"{prefix}*"], [])
        assert not {table.name for table in tables} & set(names)


def foreign_key(name: str, target: str) -> ForeignKey:
    """A reference by `parent`."""
    return ForeignKey(
        name=f"{name}_{target}_fk",
        columns=["parent"],
        referenced=source_name(target),
        referenced_columns=["id"],
    )


def creator(harness: Harness) -> CreatesTables:
    """The connector as one that creates tables."""
    return capability(harness.connector(), CreatesTables)


def table_ddl(harness: Harness, source: TableSchema, *others: str) -> TableDdl:
    """DDL of the table under its own name; `others` are the job's other tables."""
    names = {*others, source.name.name}
    renames: Mapping[str, str] = {column.name: column.name for column in source.columns}
    return creator(harness).table_ddl(
        source,
        harness.table(source.name.name),
        dict(renames),
        {source_name(name): harness.table(name) for name in names},
        {source_name(name): renames for name in names},
    )


async def build(harness: Harness, ddls: Sequence[TableDdl]) -> None:
    """What *finish* does, without foreign keys."""
    for ddl in ddls:
        await creator(harness).build(ddl.keys, 2)
        await creator(harness).build([*ddl.checks, *ddl.comments, *ddl.sequences], 1)


def listed(ddl: TableDdl, word: str) -> bool:
    """Something of that name, or for that reason, is listed as not carried."""
    return any(word.lower() in f"{part.kind} {part.object} {part.reason}".lower() for part in ddl.not_carried)


def _default_works(harness: Harness, name: str) -> bool:
    harness.insert(name, [harness.column("id", "int64"), harness.column("code", "varchar_10")], [["5", "x"]])
    return harness.count(name, harness.one_of("parent", [7])) == 1
