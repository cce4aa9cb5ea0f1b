"""Routes: what a worker knows about a table, and what is told about it in plan and certificate."""

from __future__ import annotations

from pathlib import Path

from activities.resources.routes import Routes
from core.documents import DocumentStore
from core.job_spec import ConnectionSpec
from core.ranges import RangePlan, WholeSegment
from core.route import Endpoint, TableRoute
from core.schema import (
    Statement,
    TableDdl,
    TableName,
    TableSchema,
    TypeDefinition,
)

ORDERS = TableName(schema_name="shop", name="orders")
STATE = TypeDefinition(
    name=TableName(schema_name="shop", name="state"), kind="enum", statements=["CREATE TYPE state"], fingerprint="state"
)
DDL = TableDdl(
    table=ORDERS,
    schemas=[Statement(sql="CREATE SCHEMA", purpose="")],
    types=[STATE],
    tables=[Statement(sql="CREATE TABLE", purpose="")],
    keys=[Statement(sql="ADD PRIMARY KEY", purpose="")],
)


def route(*, create_table: bool) -> TableRoute:
    connection = ConnectionSpec.model_validate({"type": "POSTGRES", "host": "db", "database": "shop"})
    return TableRoute(
        job_id="job",
        table_id="table",
        run=1,
        source=Endpoint(side="source", connection=connection),
        destination=Endpoint(side="destination", connection=connection),
        source_table=ORDERS,
        destination_table=ORDERS,
        source_schema=TableSchema(dialect="postgres", name=ORDERS, columns=[]),
        read_columns=[],
        columns=[],
        path="native",
        digest_algorithm="any",
        load_mode="append",
        plan=RangePlan(segments=[WholeSegment()], method="whole table"),
        ddl=DDL,
        create_table=create_table,
    )


def test_a_table_that_is_planned_again_is_seen_by_workers_that_read_its_first_route(tmp_path: Path) -> None:
    control, load = Routes(DocumentStore(tmp_path)), Routes(DocumentStore(tmp_path))
    reference = control.write(route(create_table=True))
    assert load.read(reference).create_table
    assert control.write(route(create_table=False)) == reference
    assert not load.read(reference).create_table


def test_types_stand_before_the_tables_that_need_them() -> None:
    assert route(create_table=True).statements() == [
        "CREATE SCHEMA",
        "CREATE TYPE state",
        "CREATE TABLE",
        "ADD PRIMARY KEY",
    ]


def test_of_a_table_that_exists_only_what_comes_after_the_load_is_told() -> None:
    assert route(create_table=False).statements() == ["ADD PRIMARY KEY"]
