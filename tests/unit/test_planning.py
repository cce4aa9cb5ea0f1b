"""What the planner makes of two catalogs: names, verdicts, paths, refusals and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from activities.resources.planned_table import PlannedTable
from activities.resources.route_planner import RoutePlanner
from activities.transformations.chain import bind_chain
from connectors.base import Connector, CreatesTables, WritesRows
from connectors.contract import CSV_INTERCHANGE, Credentials
from core.errors import InvalidConfiguration, MigrationError, NotFound
from core.job_spec import JobSpec, TableSpec
from core.ranges import RangePlan, WholeSegment
from core.route import TableRoute
from core.schema import (
    Capabilities,
    Column,
    ForeignKey,
    Key,
    Sequence,
    Statement,
    TableDdl,
    TableName,
    TableSchema,
)
from core.value_type import Arrival, Limit, ValueType

PLAN = RangePlan(segments=[WholeSegment()], method="whole table")
LOWER = Capabilities(
    dialect="low", folds="lower", exports_snapshot=True, native_formats=[CSV_INTERCHANGE], load_modes=["append"]
)
UPPER = Capabilities(
    dialect="up", folds="upper", native_formats=[CSV_INTERCHANGE], load_modes=["append"], identifier_bytes=20
)
TEXT, WHOLE = ValueType(kind="text"), ValueType(kind="integer", bits=32)


class Database(Connector, CreatesTables, WritesRows):
    """A connector of which only what is pure is asked: arrivals as told, and DDL that tells what it was given."""

    def __init__(self, can: Capabilities, schema: str = "", arrivals: Mapping[str, Arrival] | None = None) -> None:
        self.capabilities = can  # type: ignore[misc]
        super().__init__(None, Credentials(), "test")
        self._schema = schema
        self._arrivals = arrivals or {}
        self.asked: dict[str, tuple[Column | None, bool]] = {}

    @property
    def default_schema(self) -> str:
        return self._schema

    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        self.asked[column.name] = existing, key
        return self._arrivals.get(column.name, Arrival(type=f"to {column.type}", value=column.value, verdict="EXACT"))

    def table_ddl(
        self,
        source: TableSchema,
        destination: TableName,
        renames: dict[str, str],
        table_renames: Mapping[TableName, TableName],
        column_renames: Mapping[TableName, Mapping[str, str]],
    ) -> TableDdl:
        named = ", ".join(f"{name}={renames[name]}" for name in renames)
        return TableDdl(
            table=destination,
            tables=[Statement(sql=f"CREATE {destination} ({named})", purpose="")],
            keys=[Statement(sql=f"KEY {source.name}", purpose="")],
            foreign_keys=[
                Statement(
                    sql=f"REFERENCES {table_renames.get(key.referenced, key.referenced)} "
                    f"({', '.join(column_renames.get(key.referenced, {}).get(c, c) for c in key.referenced_columns)})",
                    purpose=key.name,
                )
                for key in source.foreign_keys
            ],
            sequences=[Statement(sql=f"RESTART {known.column}", purpose="") for known in source.sequences],
        )

    check = create = drop_foreign_keys = build = prepare_ledger = begin_load = None  # type: ignore[assignment]
    load_native = load_arrow = ledger_rows = None  # type: ignore[assignment]


def job_of(table: dict[str, Any], **options: Any) -> JobSpec:
    side = {"type": "POSTGRES", "host": "db", "database": "shop"}
    return JobSpec.model_validate(
        {
            "name": "j",
            "source": side,
            "destination": side,
            "tables": [{"sourceTable": "t", **table}],
            "options": options,
        }
    )


def source_of(*columns: Column, name: str = "t", **more: Any) -> TableSchema:
    return TableSchema(dialect="low", name=TableName(schema_name="public", name=name), columns=list(columns), **more)


def column(name: str, value: ValueType = TEXT, **more: Any) -> Column:
    return Column(name=name, type=more.pop("type", value.spelled), value=value, **more)


def plan(
    source: TableSchema,
    destination: Database,
    table: dict[str, Any] | None = None,
    *,
    existing: TableSchema | None = None,
    source_can: Capabilities = LOWER,
    beyond_job: frozenset[TableName] = frozenset(),
    **options: Any,
) -> TableRoute:
    job = job_of({"sourceSchema": source.name.schema_name, "sourceTable": source.name.name, **(table or {})}, **options)
    assert isinstance(job.tables, list)
    planner = RoutePlanner("job", 1, job, Database(source_can, "public"), destination, bind_chain)
    spec = job.tables[0]
    planned = PlannedTable("1", spec, source, planner.naming.destination_table(spec), existing, beyond_job)
    draft = planner.draft(planned)
    return planner.route(draft, PLAN, [draft])


def names(route: TableRoute) -> list[str]:
    return [known.destination for known in route.columns]


def test_names_in_the_sources_case_take_the_destinations_and_others_stay() -> None:
    route = plan(source_of(column("id"), column("Mixed"), column("straße"), column("ñame")), Database(UPPER, "APP"))
    assert names(route) == ["ID", "Mixed", "straße", "ÑAME"]
    assert str(route.destination_table) == "APP.T"


def test_what_the_job_writes_is_literal() -> None:
    renamed = {"type": "COLUMN_MAP", "mapping": {"id": "id", "note": "Remark"}}
    made = {"type": "EXPRESSION", "column": "made", "expression": "'x'", "resultType": "text"}
    route = plan(
        source_of(column("id"), column("note"), column("plain")),
        Database(UPPER, "APP"),
        {"transformations": [renamed, made], "destinationTable": "Customers", "destinationSchema": "own"},
    )
    assert names(route) == ["id", "Remark", "PLAIN", "made"]
    assert str(route.destination_table) == "own.Customers"
    assert route.ddl.tables[0].sql == "CREATE own.Customers (id=id, note=Remark, plain=PLAIN, made=made)"


def test_lower_case_is_folded_where_the_source_keeps_names_as_typed() -> None:
    route = plan(source_of(column("id"), column("ID2")), Database(UPPER, "APP"), source_can=Capabilities(folds="none"))
    assert names(route) == ["ID", "ID2"]


def test_upper_case_becomes_lower_and_a_destination_that_keeps_names_gets_them_as_they_are() -> None:
    upper = Capabilities(dialect="other", folds="upper")
    route = plan(source_of(column("ID"), column("low"), name="T"), Database(LOWER, "main"), source_can=upper)
    assert (names(route), str(route.destination_table)) == (["id", "low"], "main.t")
    kept = Capabilities(dialect="file", folds="none", has_schemas=False, load_modes=["append"])
    route = plan(source_of(column("ID"), name="T"), Database(kept), source_can=upper)
    assert (names(route), str(route.destination_table)) == (["ID"], "T")


@pytest.mark.parametrize(("schema", "arrives"), [("public", "APP.T"), ("sales", "SALES.T"), ("Sales", "Sales.T")])
def test_the_default_schema_goes_to_the_default_schema_and_others_are_carried_over(schema: str, arrives: str) -> None:
    table = source_of(column("id")).model_copy(update={"name": TableName(schema_name=schema, name="t")})
    assert str(plan(table, Database(UPPER, "APP")).destination_table) == arrives


def test_names_that_would_be_one_at_the_destination_are_refused() -> None:
    with pytest.raises(InvalidConfiguration, match="share the name ID") as caught:
        plan(source_of(column("id"), column("ID")), Database(UPPER, "APP"))
    assert "COLUMN_MAP" in str(caught.value)
    blind = UPPER.model_copy(update={"ignores_case": "columns"})
    with pytest.raises(InvalidConfiguration, match="share the name"):
        plan(source_of(column("Id"), column("iD")), Database(blind, "APP"))


def test_a_name_that_is_too_long_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidConfiguration, match="longer than the 20 bytes") as caught:
        plan(source_of(column("ä" * 11)), Database(UPPER, "APP"))
    assert "COLUMN_MAP" in str(caught.value)
    with pytest.raises(InvalidConfiguration, match="destinationTable"):
        plan(source_of(column("a"), name="t" * 21), Database(UPPER, "APP"))


def test_a_schema_for_a_database_that_has_none_is_refused() -> None:
    with pytest.raises(InvalidConfiguration, match="has no schemas"):
        plan(source_of(column("a")), Database(Capabilities(has_schemas=False)), {"destinationSchema": "x"})


def test_columns_of_keys_are_announced_as_such() -> None:
    orders = TableName(schema_name="public", name="o")
    table = source_of(
        *(column(name) for name in "abcde"),
        primary_key=Key(name="pk", columns=["a"], definition=""),
        unique_keys=[Key(name="u", columns=["b", "c"], definition="")],
        foreign_keys=[ForeignKey(name="f", columns=["d"], referenced=orders, referenced_columns=["Id"])],
    )
    destination = Database(UPPER, "APP")
    route = plan(table, destination)
    assert {name: key for name, (_, key) in destination.asked.items()} == {
        "A": True,
        "B": True,
        "C": True,
        "D": True,
        "E": False,
    }
    assert [known.sql for known in route.ddl.foreign_keys] == ["REFERENCES public.o (Id)"], "not found: the name stays"
    route = plan(table, destination, beyond_job=frozenset([orders]))
    assert [known.sql for known in route.ddl.foreign_keys] == ["REFERENCES APP.O (Id)"]


LOSSY = Arrival(
    type="TIMESTAMP(6)",
    value=ValueType(kind="timestamp"),
    verdict="LOSSY",
    reason="9 digits of a second",
    limits=[Limit(kind="fraction", scale=6)],
)


def test_a_lossy_column_is_refused_by_name_and_accepted_by_name() -> None:
    table = source_of(column("at", ValueType(kind="timestamp", fraction=9)))
    route = plan(table, Database(UPPER, "APP", {"AT": LOSSY}))
    assert len(route.refusals) == 1
    for part in ("APP.T.AT", "TIMESTAMP(6)", "timestamp(9)", "9 digits of a second", '"acceptLossy": ["APP.T.AT"]'):
        assert part in route.refusals[0]
    accepted = plan(table, Database(UPPER, "APP", {"AT": LOSSY}), acceptLossy=["APP.T.AT"])
    assert accepted.refusals == []
    assert [limit.refuse for limit in accepted.columns[0].limits] == [False]
    assert accepted.columns[0].verdict == "LOSSY"
    assert any("is changed and counted: cut to 6 digits" in warning for warning in accepted.warnings)


def test_an_unsupported_column_is_refused_even_where_it_is_accepted() -> None:
    nothing = Arrival(type="", value=TEXT, verdict="UNSUPPORTED", reason="no such type")
    route = plan(source_of(column("a"), column("b")), Database(UPPER, "APP", {"A": nothing}), acceptLossy=["APP.T.A"])
    assert len(route.refusals) == 1
    assert "no such type" in route.refusals[0]


def test_every_refused_column_is_named() -> None:
    table = source_of(column("at"), column("at2"))
    assert len(plan(table, Database(UPPER, "APP", {"AT": LOSSY, "AT2": LOSSY})).refusals) == 2


def limited(*limits: Limit, value: ValueType = TEXT) -> dict[str, Arrival]:
    return {"A": Arrival(type="x", value=value, verdict="CONVERT", limits=list(limits))}


@pytest.mark.parametrize(
    ("arrivals", "table", "path"),
    [
        ({}, {}, "native"),
        (limited(Limit(kind="no_nul", loud=True)), {}, "native"),
        (limited(Limit(kind="no_nul")), {}, "arrow"),
        (limited(Limit(kind="empty_is_null", loud=True, refuse=False)), {}, "arrow"),
        (limited(value=ValueType(kind="json", normalised=True)), {}, "arrow"),
        ({}, {"transformations": [{"type": "COLUMN_MAP", "mapping": {"a": "b"}}]}, "native"),
        ({}, {"transformations": [{"type": "DATA_MASK", "columns": ["a"]}]}, "arrow"),
    ],
)
def test_bulk_bytes_travel_only_where_no_value_needs_a_look(
    arrivals: dict[str, Arrival], table: dict[str, Any], path: str
) -> None:
    route = plan(source_of(column("a")), Database(UPPER, "APP", arrivals), table)
    assert (route.path, route.interchange) == (path, True)
    assert route.native_format == (CSV_INTERCHANGE if path == "native" else "")


def test_without_a_format_in_common_rows_pass_as_arrow() -> None:
    other = UPPER.model_copy(update={"native_formats": ["its-own"]})
    assert plan(source_of(column("a")), Database(other), source_can=LOWER).path == "arrow"


def test_accepting_a_loss_takes_a_loud_column_off_the_bulk_bytes() -> None:
    arrivals = limited(Limit(kind="years", low=1, high=9999, loud=True))
    assert plan(source_of(column("a")), Database(UPPER, "APP", arrivals)).path == "native"
    assert plan(source_of(column("a")), Database(UPPER, "APP", arrivals), acceptLossy=["APP.T.A"]).path == "arrow"


def test_values_of_a_loosely_typed_source_are_all_judged_by_their_syntax() -> None:
    loose = LOWER.model_copy(update={"loosely_typed": True})
    route = plan(source_of(column("a", WHOLE), column("b")), Database(UPPER), source_can=loose)
    assert [[limit.kind for limit in known.limits] for known in route.columns] == [["syntax"], []]
    assert route.path == "arrow"


def test_what_a_transformation_makes_arrives_as_the_type_that_it_declares() -> None:
    made = {"type": "EXPRESSION", "column": "total", "expression": "id * 2", "resultType": "numeric(12,2)"}
    masked = {"type": "DATA_MASK", "columns": ["name"]}
    destination = Database(UPPER, "APP")
    route = plan(
        source_of(column("id", WHOLE, type="INT UNSIGNED"), column("name", ValueType(kind="char", length=9))),
        destination,
        {"transformations": [made, masked]},
    )
    assert [known.value for known in route.columns] == [
        WHOLE,
        ValueType(kind="char", length=9),
        ValueType(kind="decimal", precision=12, scale=2, specials=True),
    ]
    assert [known.form for known in route.columns] == ["text", "text", "decimal"]
    assert [known.source_type for known in route.columns] == ["INT UNSIGNED", "char(9)", "numeric(12,2)"]


def existing_of(*columns: Column, **more: Any) -> TableSchema:
    return TableSchema(dialect="up", name=TableName(schema_name="APP", name="T"), columns=list(columns), **more)


def test_an_existing_table_is_used_as_it_is_and_what_it_lacks_is_named() -> None:
    customers = TableName(schema_name="APP", name="C")
    existing = existing_of(
        column("ID", identity="ALWAYS"),
        column("N"),
        foreign_keys=[ForeignKey(name="OWN", columns=["ID"], referenced=customers, referenced_columns=["ID"])],
    )
    sequences = [
        Sequence(
            name=TableName(schema_name="public", name=name),
            column=name,
            identity=True,
            options="",
            last_value=1,
            is_called=True,
        )
        for name in ("id", "n")
    ]
    destination = Database(UPPER, "APP")
    table = source_of(
        column("id"), column("n"), primary_key=Key(name="pk", columns=["id"], definition=""), sequences=sequences
    )
    route = plan(table, destination, existing=existing)
    assert destination.asked["ID"][0] == existing.columns[0]
    assert not route.create_table
    assert route.statements() == ["REFERENCES APP.C (ID)", "RESTART id"]
    assert [warning for warning in route.warnings if "exists already" in warning]
    assert [warning for warning in route.warnings if "lacks a primary key" in warning]


def test_existing_columns_are_found_in_any_case_where_the_destination_does_not_tell_them_apart() -> None:
    blind = UPPER.model_copy(update={"ignores_case": "columns"})
    route = plan(source_of(column("id")), Database(blind, "APP"), existing=existing_of(column("Id")))
    assert names(route) == ["Id"]
    with pytest.raises(NotFound, match="no column ID"):
        plan(source_of(column("id")), Database(UPPER, "APP"), existing=existing_of(column("Id")))


@pytest.mark.parametrize(
    ("left", "error"),
    [(column("X", nullable=False), "NOT NULL without a default"), (column("ID", generated="1"), "is generated")],
)
def test_existing_columns_that_cannot_be_filled_are_refused(left: Column, error: str) -> None:
    columns = [left] if left.name == "ID" else [column("ID"), left]
    with pytest.raises(MigrationError, match=error):
        plan(source_of(column("id")), Database(UPPER, "APP"), existing=existing_of(*columns))


def test_what_is_weaker_at_the_destination_is_a_warning() -> None:
    weak = UPPER.model_copy(update={"single_process_writer": True, "enforces_keys": False})
    table = source_of(column("at", zone_lost=True), primary_key=Key(name="pk", columns=["at"], definition=""))
    no_snapshot = LOWER.model_copy(update={"exports_snapshot": False})
    warnings = "\n".join(plan(table, Database(weak, "APP"), source_can=no_snapshot).warnings)
    for part in ("only the instant arrives", "consistency is batch", "one process at a time", "does not enforce"):
        assert part in warnings


def test_the_plan_says_that_the_job_reads_without_a_snapshot_and_that_keys_exist_during_the_load() -> None:
    keyed = UPPER.model_copy(update={"key_during_load": True})
    table = source_of(column("a"), primary_key=Key(name="pk", columns=["a"], definition=""))
    asked, early = plan(table, Database(keyed, "APP"), consistency="batch").warnings
    assert "consistency is batch, as the job asks" in asked
    assert "keys exist while rows are loaded" in early
    assert plan(source_of(column("a")), Database(keyed, "APP")).warnings == []


def test_an_existing_tables_column_is_accepted_by_the_name_that_refusals_give_it() -> None:
    blind = UPPER.model_copy(update={"ignores_case": "all"})
    existing = existing_of(column("AT")).model_copy(update={"name": TableName(schema_name="APP", name="Events")})
    table, answer = source_of(column("at", ValueType(kind="timestamp", fraction=9))), {"AT": LOSSY}
    [refusal] = plan(table, Database(blind, "APP", answer), existing=existing).refusals
    assert "APP.Events.AT" in refusal
    assert plan(table, Database(blind, "APP", answer), existing=existing, acceptLossy=["APP.Events.AT"]).refusals == []


def test_a_source_with_a_snapshot_and_a_plain_table_give_no_warning() -> None:
    assert plan(source_of(column("a")), Database(UPPER, "APP")).warnings == []


def test_a_load_mode_that_the_destination_lacks_is_refused() -> None:
    with pytest.raises(InvalidConfiguration, match="cannot upsert") as caught:
        plan(source_of(column("a")), Database(UPPER), loadMode="upsert")
    assert "append" in str(caught.value)


def test_a_mask_on_a_key_is_refused_between_engines_too() -> None:
    table = source_of(column("a"), primary_key=Key(name="pk", columns=["a"], definition=""))
    with pytest.raises(InvalidConfiguration, match="would break its primary key"):
        plan(table, Database(UPPER), {"transformations": [{"type": "DATA_MASK", "columns": ["a"]}]})


def test_old_routes_without_interchange_are_still_read() -> None:
    route = plan(source_of(column("a")), Database(UPPER))
    document = route.model_dump(mode="json", by_alias=True)
    for name in ("interchange", "nativeFormat", "refusals"):
        del document[name]
    for known in document["columns"]:
        for name in ("value", "limits", "reason"):
            del known[name]
    read = TableRoute.model_validate(document)
    assert (read.interchange, read.columns[0].value, read.columns[0].limits) == (False, None, [])


def test_a_table_that_is_named_twice_in_another_case_is_one_table() -> None:
    blind = UPPER.model_copy(update={"ignores_case": "all"})
    planner = RoutePlanner("job", 1, job_of({}), Database(LOWER, "public"), Database(blind, "APP"), bind_chain)
    one, other = (
        planner.naming.destination_table(TableSpec(source_table="t", destination_table=name)) for name in ("X", "x")
    )
    assert planner.naming.identity(one) == planner.naming.identity(other)
