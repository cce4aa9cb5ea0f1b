"""Describe a rich schema, create it elsewhere from the description, describe it again: the same comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
import pytest

from connectors.contract import Credentials
from connectors.postgres import catalog, create, objects
from connectors.postgres.ddl import table_ddl
from connectors.postgres.options import PostgresOptions
from connectors.postgres.session import open_session
from core.errors import DataRejected, InvalidConfiguration
from core.schema import Statement, TableDdl, TableName, TableSchema
from deploy.local.postgres_server import PostgresServer

RICH_SCHEMA = Path(__file__).with_name("rich_schema.sql")
NOBODY = Credentials()
LABEL = "test"


class Database:
    """One database of the test server, by the product and by psycopg."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        self.options = PostgresOptions(host="127.0.0.1", port=server.port, database=name, user=server.user)
        self._connection = psycopg.connect(
            host="127.0.0.1", port=server.port, user=server.user, dbname=name, autocommit=True
        )

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        cursor = self._connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []

    async def list(self, include: Sequence[str], exclude: Sequence[str] = ()) -> list[TableName]:
        async with open_session(self.options, NOBODY, LABEL) as session:
            return await catalog.list_tables(session, include, exclude, "shop")

    async def describe(self, *names: TableName) -> dict[TableName, TableSchema]:
        async with open_session(self.options, NOBODY, LABEL) as session:
            return await catalog.describe_tables(session, names)

    async def create(self, *tables: TableDdl) -> dict[int, str]:
        return await create.create(self.options, NOBODY, LABEL, tables)

    async def build(self, statements: Sequence[Statement], parallel: int = 2) -> None:
        await create.build(self.options, NOBODY, LABEL, statements, parallel)

    async def finish(self, *tables: TableDdl) -> None:
        await self.build([statement for ddl in tables for statement in ddl.keys])
        await self.build([sql for ddl in tables for sql in (*ddl.checks, *ddl.comments, *ddl.sequences)], 1)
        await self.build([statement for ddl in tables for statement in ddl.foreign_keys])


MakeDatabase = Callable[[], Database]


@pytest.fixture(scope="module")
def make_database(postgres: PostgresServer, new_database: Callable[[], str]) -> MakeDatabase:
    return lambda: Database(postgres, new_database())


@pytest.fixture(scope="module")
def rich(make_database: MakeDatabase) -> Database:
    database = make_database()
    database.execute(RICH_SCHEMA.read_text())
    return database


def named(schema: str, name: str) -> TableName:
    return TableName(schema_name=schema, name=name)


def copied(source: TableSchema) -> TableDdl:
    """DDL without any renaming."""
    return table_ddl(source, source.name, {column.name: column.name for column in source.columns})


async def described(database: Database, ddl: str, name: str) -> TableSchema:
    database.execute(ddl)
    return (await database.describe(named("public", name)))[named("public", name)]


async def test_lists_tables_and_partition_roots_by_pattern(rich: Database) -> None:
    everything = [str(name) for name in await rich.list(["*.*"])]
    assert everything == [
        'Odd schéma.Tä "ble',
        *("shop.bookings", "shop.customers", "shop.eggs", "shop.events", "shop.heirs", "shop.hens"),
        *("shop.no_columns", "shop.wide"),
    ]
    assert [str(name) for name in await rich.list(["h?ns", "Odd*.*"], ["*.nothing"])] == [everything[0], "shop.hens"]
    assert await rich.list(["shop.*"], ["shop.*"]) == []
    assert await rich.list(["shop.[h]ens"]) == []


async def test_a_copied_schema_is_described_as_its_source(rich: Database, make_database: MakeDatabase) -> None:
    names = await rich.list(["*.*"])
    sources = await rich.describe(*names)
    destination = make_database()
    ddl = [copied(sources[name]) for name in names]
    assert await destination.create(*ddl) == {}
    await destination.finish(*ddl)
    copies = await destination.describe(*names)
    ignored = {"not_carried", "estimated_rows", "estimated_bytes"}
    for name in names:
        assert copies[name].model_dump(exclude=ignored) == sources[name].model_dump(exclude=ignored)


async def test_creating_and_building_again_changes_nothing(rich: Database, make_database: MakeDatabase) -> None:
    names = await rich.list(["*.*"])
    ddl = [copied(schema) for schema in (await rich.describe(*names)).values()]
    destination = make_database()
    states = []
    for _ in range(2):
        assert await destination.create(*ddl) == {}
        await destination.finish(*ddl)
        states.append(
            destination.execute(
                "SELECT 'relation', oid, relfilenode FROM pg_class WHERE oid >= 16384 UNION ALL "
                "SELECT 'constraint', oid, 0 FROM pg_constraint WHERE oid >= 16384 ORDER BY 1, 2"
            )
        )
    assert states[0] == states[1]


async def test_two_workers_may_create_at_once(rich: Database, make_database: MakeDatabase) -> None:
    names = await rich.list(["*.*"])
    ddl = [copied(schema) for schema in (await rich.describe(*names)).values()]
    destination = make_database()
    assert await asyncio.gather(*(destination.create(*ddl) for _ in range(3))) == [{}, {}, {}]
    assert set(await destination.describe(*names)) == set(names)


async def test_what_stays_behind_is_named(rich: Database) -> None:
    tables = await rich.describe(
        named("shop", "eggs"), named("shop", "bookings"), named("shop", "heirs"), named("shop", "events")
    )
    found = {str(name): {(item.kind, item.object) for item in table.not_carried} for name, table in tables.items()}
    assert found["shop.eggs"] == {("trigger", "passing"), ("statistics", "hens_and_eggs"), ("privileges", "eggs")}
    assert found["shop.bookings"] == {("policy", "everybody"), ("row security", "bookings")}
    assert found["shop.heirs"] == {("inheritance", "shop.hens")}
    assert found["shop.events"] == {("index of a partition", "of_one_partition")}
    async with open_session(rich.options, NOBODY, LABEL) as session:
        listed = {(item.kind, item.object) for item in await objects.list_not_carried(session, ["shop"])}
    assert listed == {
        *(("function", "shop.pass()"), ("function", "shop.three()"), ("procedure", "shop.nothing()")),
        *(("view", "shop.names"), ("materialized view", "shop.totals"), ("sequence", "shop.shared")),
        *(("trigger", "passing on shop.eggs"), ("rule", "no_delete on shop.hens")),
        *(("policy", "everybody on shop.bookings"), ("statistics", "shop.hens_and_eggs")),
    }


async def test_types_that_name_objects_by_id_are_not_portable(make_database: MakeDatabase) -> None:
    table = await described(
        make_database(),
        "CREATE DOMAIN d AS regtype; CREATE TYPE mine AS ENUM ('a'); CREATE TYPE inner_row AS (c regclass[], x int);"
        "CREATE TABLE t (a regclass, b d, c inner_row, d inner_row[], e mine[], f oid, g aclitem, h text, i int8range)",
        "t",
    )
    assert [column.name for column in table.columns if not column.portable] == ["a", "b", "c", "d", "g"]


async def test_views_are_described_without_keys(rich: Database) -> None:
    name = named("shop", "names")
    view = (await rich.describe(name))[name]
    assert (view.kind, [column.name for column in view.columns], view.primary_key) == ("view", ["id", "name"], None)
    assert await rich.describe(named("shop", "missing"), named("nowhere", "names")) == {}


async def test_a_thousand_tables_are_described_in_seconds(make_database: MakeDatabase) -> None:
    database = make_database()
    database.execute(
        "DO $$ BEGIN FOR n IN 1..1000 LOOP EXECUTE format('CREATE TABLE t%s (id serial PRIMARY KEY, a text DEFAULT 1, "
        "b int CHECK (b > 0), UNIQUE (a, b))', n); END LOOP; END $$"
    )
    names = [named("public", f"t{number}") for number in range(1, 1001)]
    tables = await asyncio.wait_for(database.describe(*names), timeout=15)
    assert len(tables) == 1000
    assert all(table.sequences and table.primary_key and table.checks for table in tables.values())


async def test_renames_reach_everything_that_names_a_column(rich: Database, make_database: MakeDatabase) -> None:
    tables = await rich.describe(named("shop", "customers"), named("shop", "events"))
    customers, events = tables[named("shop", "customers")], tables[named("shop", "events")]
    renames = {column.name: f"{column.name} Ω".upper() for column in customers.columns}
    event_renames = {column.name: f"new_{column.name}" for column in events.columns}
    table_renames = {customers.name: named("crm", "CUSTOMERS")}
    ddl = [
        table_ddl(customers, named("crm", "CUSTOMERS"), renames, table_renames),
        table_ddl(events, named("crm", "happenings"), event_renames, table_renames, {customers.name: renames}),
    ]
    destination = make_database()
    assert await destination.create(*ddl) == {}
    await destination.finish(*ddl)
    copies = await destination.describe(named("crm", "CUSTOMERS"), named("crm", "happenings"))
    copy, happenings = copies[named("crm", "CUSTOMERS")], copies[named("crm", "happenings")]
    assert [column.name for column in copy.columns] == list(renames.values())
    assert [column.type for column in copy.columns] == [column.type for column in customers.columns]
    for kept in ("unique_keys", "indexes", "checks", "foreign_keys", "sequences"):
        assert [item.name for item in getattr(copy, kept) if kept != "sequences"] == [
            item.name for item in getattr(customers, kept) if kept != "sequences"
        ]
        assert len(getattr(copy, kept)) == len(getattr(customers, kept))
    by_lower = next(index for index in copy.indexes if index.name == "by_lower")
    assert "\"STATE Ω\" = 'new'::shop.state" in by_lower.definition
    assert copy.foreign_keys[0].referenced == named("crm", "CUSTOMERS")
    assert copy.foreign_keys[0].referenced_columns == ["ID Ω"]
    assert happenings.foreign_keys[0].referenced_columns == ["ID Ω"]
    assert happenings.partition_key == "RANGE (new_at)"
    assert {str(partition.name) for partition in happenings.partitions} == {
        f"crm.{partition.name.name}" for partition in events.partitions
    }
    assert {str(known.name) for known in copy.sequences} == {
        *("crm.customers_id_seq", "crm.customers_legacy_seq", "crm.customers_ticket_seq", "crm.shared")
    }


async def test_what_needs_a_dropped_column_is_dropped_and_named(rich: Database, make_database: MakeDatabase) -> None:
    name = named("shop", "customers")
    source = (await rich.describe(name))[name]
    dropped = {"name", "amount", "ticket", "parent"}
    renames = {column.name: column.name for column in source.columns if column.name not in dropped}
    ddl = table_ddl(source, name, renames, {})
    assert {(item.kind, item.object) for item in ddl.not_carried} == {
        *(("generated column", "lower_name"), ("generated column", "double_amount"), ("key", "nick_key")),
        *(("index", "by_lower"), ("check", "name_check"), ("check", "amount_positive"), ("check", "later")),
        ("foreign key", "customers_parent_fkey"),
    }
    destination = make_database()
    assert await destination.create(ddl) == {}
    await destination.finish(ddl)
    copy = (await destination.describe(name))[name]
    assert {column.name for column in source.columns} - {column.name for column in copy.columns} == {
        *dropped,
        *("lower_name", "double_amount"),
    }


async def test_a_table_whose_partition_key_is_dropped_is_created_whole(rich: Database) -> None:
    name = named("shop", "events")
    source = (await rich.describe(name))[name]
    ddl = table_ddl(source, name, {"id": "id", "region": "region"}, {})
    assert "PARTITION" not in "".join(statement.sql for statement in ddl.tables)
    assert ("partitioning", "shop.events") in {(item.kind, item.object) for item in ddl.not_carried}


async def test_sequences_go_on_past_source_data_and_own_value(make_database: MakeDatabase) -> None:
    table = await described(
        make_database(),
        "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b serial, c serial, "
        "d int GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY -1), e serial); "
        "SELECT setval('t_b_seq', 50, false), setval('t_c_seq', 7)",
        "t",
    )
    destination = make_database()
    await destination.create(copied(table))
    destination.execute("INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (41, 3, 5, -9, 1)")
    destination.execute("SELECT setval('t_e_seq', 99)")
    for _ in range(2):
        await destination.finish(copied(table))
    assert destination.execute("INSERT INTO t DEFAULT VALUES RETURNING a, b, c, d, e") == [(42, 50, 8, -10, 100)]


async def test_an_existing_table_is_left_alone(make_database: MakeDatabase) -> None:
    table = await described(make_database(), "CREATE TABLE t (a serial PRIMARY KEY, b int)", "t")
    destination = make_database()
    destination.execute('CREATE TABLE t (a int, CONSTRAINT "other name" PRIMARY KEY (a)); INSERT INTO t VALUES (1)')
    assert await destination.create(copied(table)) == {}
    assert destination.execute("SELECT * FROM t") == [(1,)]
    await destination.build(copied(table).keys)
    assert destination.execute(
        "SELECT conname FROM pg_constraint WHERE contype = 'p' AND conrelid = 't'::regclass"
    ) == [("other name",)]


async def test_a_different_type_of_that_name_parks_only_its_tables(make_database: MakeDatabase) -> None:
    database = make_database()
    table = await described(database, "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE t (m mood)", "t")
    other = await described(database, "CREATE TABLE fine (a int)", "fine")
    destination = make_database()
    destination.execute("CREATE TYPE mood AS ENUM ('b', 'a')")
    reasons = await destination.create(copied(table), copied(other))
    assert list(reasons) == [0]
    assert "mood exists at the destination and differs" in reasons[0]
    assert "CREATE TYPE" in reasons[0]
    assert set(await destination.describe(table.name, other.name)) == {other.name}


async def test_a_missing_extension_is_the_reason_given(make_database: MakeDatabase) -> None:
    table = await described(make_database(), "CREATE EXTENSION vector; CREATE TABLE t (v vector(2))", "t")
    ddl = copied(table)
    missing = ddl.model_copy(
        update={"extensions": [Statement(sql='CREATE EXTENSION IF NOT EXISTS "absent"', purpose="extension absent")]}
    )
    reasons = await make_database().create(missing)
    assert 'extension "absent" is not available' in reasons[0]


async def test_an_invalid_index_is_built_again(make_database: MakeDatabase) -> None:
    database = make_database()
    table = await described(database, "CREATE TABLE t (a int); CREATE UNIQUE INDEX by_a ON t (a)", "t")
    destination = make_database()
    destination.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        destination.execute("CREATE UNIQUE INDEX CONCURRENTLY by_a ON t (a)")
    with pytest.raises(DataRejected):
        await destination.build(copied(table).keys)
    destination.execute("DELETE FROM t")
    await destination.build(copied(table).keys)
    assert destination.execute("SELECT indisvalid FROM pg_index WHERE indrelid = 't'::regclass") == [(True,)]


async def test_a_name_taken_by_another_table_is_an_error(make_database: MakeDatabase) -> None:
    table = await described(make_database(), "CREATE TABLE t (a int); CREATE INDEX by_a ON t (a)", "t")
    destination = make_database()
    destination.execute("CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE INDEX by_a ON u (a)")
    with pytest.raises(InvalidConfiguration, match="by_a"):
        await destination.build(copied(table).keys)


async def test_cancelling_a_build_cancels_the_statement(make_database: MakeDatabase) -> None:
    database = make_database()
    slow = Statement(sql="SELECT pg_sleep(60)", purpose="slow")
    building = asyncio.create_task(database.build([slow]))
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()"
    while database.execute(query) != [(1,)]:
        await asyncio.sleep(0.05)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert database.execute(query) == [(0,)]


async def test_foreign_keys_are_dropped_and_built_again(rich: Database, make_database: MakeDatabase) -> None:
    names = [named("shop", "hens"), named("shop", "eggs")]
    ddl = [copied(schema) for schema in (await rich.describe(*names)).values()]
    keys = [statement for each in ddl for statement in each.foreign_keys]
    destination = make_database()
    await destination.create(*ddl)
    await destination.finish(*ddl)
    count = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"
    for _ in range(2):
        await create.drop_foreign_keys(destination.options, NOBODY, LABEL, keys)
        assert destination.execute(count) == [(0,)]
    await destination.build(keys)
    assert destination.execute(count) == [(2,)]
