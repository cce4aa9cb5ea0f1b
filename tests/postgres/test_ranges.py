"""Plans of ranges on a real server: every row exactly once, in batches of the size asked for, without a scan."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable

import psycopg
import pytest

from connectors.contract import Credentials
from connectors.postgres.catalog import describe_tables
from connectors.postgres.options import PostgresOptions
from connectors.postgres.ranges import plan_ranges
from connectors.postgres.session import open_session
from core.ranges import KeyRange, PageRange, RangePlan
from core.schema import TableName
from deploy.local.postgres_server import PostgresServer

MANY_BYTES = 10**9


class Planned:
    """A database whose tables are planned by the product and read back by psycopg."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        self._options = PostgresOptions(host="127.0.0.1", port=server.port, database=name, user=server.user)
        self._connection = psycopg.connect(
            host="127.0.0.1", port=server.port, user=server.user, dbname=name, autocommit=True
        )

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        cursor = self._connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []

    async def plan(
        self, name: str, *, rows: int | None = None, volume: int = MANY_BYTES, stable_pages: bool = True
    ) -> RangePlan:
        table = TableName(schema_name="public", name=name)
        async with open_session(self._options, Credentials(), "test") as session:
            description = (await describe_tables(session, [table]))[table]
            return await plan_ranges(
                session, description, batch_rows=rows, batch_bytes=volume, stable_pages=stable_pages
            )

    def batches(self, name: str, plan: RangePlan) -> list[list[object]]:
        """The ids that each batch of the plan reads."""
        return [
            [row[0] for row in self.execute(f"SELECT id FROM {_source(name, plan.range_of(number))}")]
            for number in range(plan.batches)
        ]

    def located(self, name: str, plan: RangePlan) -> list[list[object]]:
        """The same by comparing each row's address with the ranges here, for plans with very many batches."""
        ranges = [plan.range_of(number) for number in range(plan.batches)]
        starts = [part.start for part in ranges if isinstance(part, PageRange)]
        stops = [part.stop for part in ranges if isinstance(part, PageRange)]
        # Items count from 1, so (page, 0) and (page, 1) are the same place.
        assert [stop and (stop[0], max(stop[1], 1)) for stop in stops] == [
            *((page, max(item, 1)) for page, item in starts[1:]),
            None,
        ]
        batches: list[list[object]] = [[] for _ in ranges]
        for number, address in self.execute(f"SELECT id, ctid::text FROM {name}"):
            page, item = str(address).strip("()").split(",")
            batches[bisect_right(starts, (int(page), int(item))) - 1].append(number)
        return batches


def _source(name: str, part: object) -> str:
    if isinstance(part, PageRange):
        conditions = [f"ctid >= '({part.start[0]},{part.start[1]})'"]
        if part.stop is not None:
            conditions.append(f"ctid < '({part.stop[0]},{part.stop[1]})'")
        return f'ONLY "{part.relation.name}" WHERE {" AND ".join(conditions)}'
    assert isinstance(part, KeyRange)
    conditions = ["true", *([f"id >= {part.low}"] if part.low is not None else [])]
    conditions += [f"id < {part.high}"] if part.high is not None else []
    return f"ONLY {name} WHERE {' AND '.join(conditions)}"


def covers_once(batches: list[list[object]], ids: list[object]) -> bool:
    return Counter(row for batch in batches for row in batch) == Counter(ids)


@pytest.fixture(scope="module")
def planned(postgres: PostgresServer, new_database: Callable[[], str]) -> Planned:
    return Planned(postgres, new_database())


@pytest.fixture
def database(planned: Planned) -> Planned:
    """The module's database, empty."""
    planned.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return planned


@pytest.mark.parametrize("padding", [0, 300, 7000])
@pytest.mark.parametrize("rows", [1, 7, 60, 10000, None])
@pytest.mark.parametrize("state", ["analysed", "holey", "never analysed"])
async def test_pages_cover_every_row_once(database: Planned, padding: int, rows: int | None, state: str) -> None:
    database.execute(
        "CREATE TABLE t (id int, padding text) WITH (autovacuum_enabled = false);"
        "ALTER TABLE t ALTER padding SET STORAGE PLAIN;"
        f"INSERT INTO t SELECT n, repeat('x', {padding}) FROM generate_series(1, 700) AS n;"
    )
    if state == "holey":
        database.execute("DELETE FROM t WHERE id % 3 = 0 AND id > 300")
    if state != "never analysed":
        database.execute("VACUUM ANALYZE t")
    ids = [row[0] for row in database.execute("SELECT id FROM t")]
    plan = await database.plan("t", rows=rows, volume=50_000)
    batches = database.batches("t", plan) if plan.batches < 1000 else database.located("t", plan)
    assert covers_once(batches, ids)
    if rows is not None and state == "analysed":
        assert max(map(len, batches)) <= rows * 2


async def test_a_page_of_tiny_rows_is_sliced(database: Planned) -> None:
    database.execute("CREATE TABLE t (id \"char\"); INSERT INTO t SELECT 'a' FROM generate_series(1, 3000); ANALYZE t")
    database.execute("ALTER TABLE t DROP COLUMN id, ADD COLUMN id int; UPDATE t SET id = 1")
    database.execute("VACUUM (FULL, ANALYZE) t")
    plan = await database.plan("t", rows=7)
    sizes = [len(batch) for batch in database.batches("t", plan)]
    assert sum(sizes) == 3000
    assert max(sizes) <= 14


async def test_rows_that_come_after_planning_are_read_too(database: Planned) -> None:
    database.execute("CREATE TABLE t (id int)")
    plan = await database.plan("t", rows=10)
    assert plan.batches == 1
    database.execute("INSERT INTO t SELECT generate_series(1, 5000)")
    assert covers_once(database.batches("t", plan), list(range(1, 5001)))


async def test_out_of_line_values_make_batches_smaller(database: Planned) -> None:
    database.execute(
        "CREATE TABLE t (id int, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;"
        "INSERT INTO t SELECT n, repeat('x', 1000000) FROM generate_series(1, 12) AS n; ANALYZE t"
    )
    batches = database.batches("t", await database.plan("t", volume=4_000_000))
    assert covers_once(batches, list(range(1, 13)))
    assert max(map(len, batches)) <= 5


async def test_every_leaf_of_a_partitioned_table_is_covered(database: Planned) -> None:
    database.execute(
        "CREATE TABLE t (id int) PARTITION BY RANGE (id); CREATE TABLE a PARTITION OF t FOR VALUES FROM (0) TO (500);"
        "CREATE TABLE b PARTITION OF t FOR VALUES FROM (500) TO (5000) PARTITION BY HASH (id);"
        "CREATE TABLE b0 PARTITION OF b FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE b1 PARTITION OF b FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        'CREATE TABLE "C c" PARTITION OF t DEFAULT; INSERT INTO t SELECT generate_series(1, 6000); ANALYZE t, a, b0, b1'
    )
    plan = await database.plan("t", rows=300)
    assert covers_once(database.batches("t", plan), list(range(1, 6001)))
    assert len(plan.segments) == 4


async def test_an_inheritance_parent_is_planned_without_its_children(database: Planned) -> None:
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE child () INHERITS (t);"
        "INSERT INTO t VALUES (1); INSERT INTO child VALUES (1000000)"
    )
    assert covers_once(database.batches("t", await database.plan("t", rows=1)), [1])
    plan = await database.plan("t", rows=1, stable_pages=False)
    assert plan.segments[0].model_dump(exclude={"kind", "nullable"}) == {
        "column": "id",
        "low": 1,
        "high": 1,
        "width": 1,
    }


@pytest.mark.parametrize("key", ["PRIMARY KEY (id)", "UNIQUE (id)", "PRIMARY KEY (id, other)"])
async def test_keys_are_used_where_pages_do_not_stay(database: Planned, key: str) -> None:
    database.execute(
        f"CREATE TABLE t (id bigint NOT NULL, other int, {key});"
        "INSERT INTO t SELECT n * 10 - 5000, 1 FROM generate_series(1, 1000) AS n; ANALYZE t"
    )
    plan = await database.plan("t", rows=50, stable_pages=False)
    assert plan.method == "key ranges on id"
    batches = database.batches("t", plan)
    assert covers_once(batches, [n * 10 - 5000 for n in range(1, 1001)])
    assert len(batches) == 20
    assert max(map(len, batches)) <= 51


async def test_views_and_nullable_keys_are_read_whole(database: Planned) -> None:
    database.execute(
        "CREATE TABLE t (id int UNIQUE); CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW m AS TABLE t"
    )
    for name, stable, method in (("v", True, "whole view"), ("m", True, "whole view"), ("t", False, "whole table")):
        plan = await database.plan(name, stable_pages=stable)
        assert plan.batches == 1
        assert plan.method.startswith(method)


async def test_planning_reads_no_row(database: Planned) -> None:
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, padding text); ALTER TABLE t SET (autovacuum_enabled = false);"
        "INSERT INTO t SELECT n, repeat('x', 200) FROM generate_series(1, 50000) AS n"
    )
    reads = "SELECT seq_scan, idx_scan, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables"
    database.execute("SELECT pg_stat_force_next_flush()")
    [(scans, lookups, rows)] = database.execute(reads)
    for stable_pages in (True, False):
        await database.plan("t", rows=100, stable_pages=stable_pages)
    [(scans_after, lookups_after, rows_after)] = database.execute(reads)
    assert scans_after == scans
    assert lookups_after == lookups + 2
    assert rows_after <= rows + 2


async def test_a_hundred_thousand_batches_are_a_small_plan(database: Planned) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100000); ANALYZE t")
    plan = await database.plan("t", rows=1)
    assert plan.batches >= 100_000
    assert len(plan.model_dump_json()) < 1000
