"""Plans a table's way: columns, types, path, digest, DDL and ranges, from the catalogs of both sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from activities.transformations.base import TransformedColumn
from activities.transformations.chain import BoundChain
from connectors.base import CANONICAL_DIGEST, CreatesTables, WritesRows
from core.errors import InvalidConfiguration, NotFound
from core.job_spec import JobSpec, TableSpec, TransformationSpec
from core.route import ColumnRoute, TableRoute, endpoints
from core.schema import Capabilities, Column, RangePlan, TableDdl, TableName, TableSchema

BindChain = Callable[[Sequence[TransformationSpec], Sequence[TransformedColumn]], BoundChain]


@dataclass(frozen=True)
class PlannedTable:
    """A table of the job with what both catalogs say about it."""

    table_id: str
    spec: TableSpec
    source: TableSchema
    destination_name: TableName
    existing: TableSchema | None

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.source.name} → {self.destination_name}"


@dataclass(frozen=True)
class Draft:
    """A table whose transformations are bound."""

    table: PlannedTable
    read: Sequence[Column]
    chain: BoundChain

    @property
    def renames(self) -> dict[str, str]:
        """Destination names of all columns that the destination has: carried, generated and made ones."""
        names = {step.source: step.name for step in self.chain.columns if step.source is not None}
        if self.table.spec.columns is None:
            generated = (column.name for column in self.table.source.columns if column.generated is not None)
            names |= {name: name for name in generated}
        return names | {step.name: step.name for step in self.chain.columns if step.source is None}


class RoutePlanner:
    """Builds routes for one run. Pure: catalogs and range plans are given."""

    def __init__(
        self,
        job_id: str,
        run: int,
        job: JobSpec,
        capabilities: tuple[Capabilities, Capabilities],
        destination: WritesRows,
        bind_chain: BindChain,
    ) -> None:
        self._job_id = job_id
        self._run = run
        self._job = job
        self._source_can, self._destination_can = capabilities
        self._destination = destination
        self._bind_chain = bind_chain

    def draft(self, table: PlannedTable) -> Draft:
        """Binds the table's transformations. Raises InvalidConfiguration, NotFound with table, column and remedy."""
        read = self._read_columns(table)
        chain = self._bind_chain(table.spec.transformations, [TransformedColumn.of(column) for column in read])
        self._refuse_masked_keys(table, chain)
        return Draft(table, read, chain)

    def route(self, draft: Draft, plan: RangePlan, others: Sequence[Draft]) -> TableRoute:
        """The table's route; `others` are all tables of the job, for foreign keys. Raises as `draft`."""
        table, steps = draft.table, draft.chain.columns
        shaped = self._shape(table, steps)
        arrow = draft.chain.needs_values or self._source_can.native_format != self._destination_can.native_format
        arrivals = self._arrivals(table, shaped)
        algorithm = self._algorithm(arrow, shaped, arrivals)
        load_mode = table.spec.load_mode or self._job.options.load_mode
        ddl = self._ddl(draft, shaped, others, load_mode)
        source, destination = endpoints(self._job)
        return TableRoute(
            job_id=self._job_id,
            table_id=table.table_id,
            run=self._run,
            source=source,
            destination=destination,
            source_table=table.source.name,
            destination_table=table.destination_name,
            source_schema=table.source,
            read_columns=[column.name for column in draft.read],
            columns=[
                self._column_route(step, source, arrival, algorithm, arrow)
                for step, source, arrival in zip(steps, shaped, arrivals, strict=True)
            ],
            path="arrow" if arrow else "native",
            as_text=not arrow and not all(map(_travels_as_bytes, shaped, arrivals)),
            digest_algorithm=algorithm,
            transformations=table.spec.transformations,
            where_clause=table.spec.where_clause,
            load_mode=load_mode,
            upsert_keys=_upsert_keys(draft, load_mode),
            plan=plan,
            ddl=ddl,
            create_table=table.existing is None,
            warnings=_warnings(table),
        )

    def _read_columns(self, table: PlannedTable) -> list[Column]:
        stored = [column for column in table.source.columns if column.generated is None]
        if table.spec.columns is None:
            return stored
        by_name = {column.name: column for column in table.source.columns}
        for name in table.spec.columns:
            if name not in by_name:
                raise NotFound(
                    f"table {table.source.name} has no column {name}",
                    remedy=f"Correct 'columns'. It has: {', '.join(by_name)}",
                )
        return [column for column in stored if column.name in table.spec.columns]

    def _refuse_masked_keys(self, table: PlannedTable, chain: BoundChain) -> None:
        keys = {name: label for label, columns in _keys(table.source) for name in columns}
        for column in chain.columns:
            if column.masked and column.source in keys:
                raise InvalidConfiguration(
                    f"DATA_MASK on {table.source.name}.{column.source} would break its {keys[column.source]}: "
                    "different values become equal",
                    remedy="Leave it out of DATA_MASK, or use CUSTOM_FUNCTION sha256_hex on every side of the key",
                )

    def _shape(self, table: PlannedTable, steps: Sequence[TransformedColumn]) -> list[Column]:
        """The destination's columns as the transformations leave them: made ones and changed types included."""
        shaped = []
        for step in steps:
            origin = table.source.column(step.source) if step.source is not None else None
            if origin is not None and (step.type == origin.type or not step.values_changed):
                shaped.append(origin.model_copy(update={"name": step.name}))
            else:
                shaped.append(self._destination.column_of(step.name, step.type, origin is None or origin.nullable))
        return shaped

    def _verdict(self, column: Column, arrival: Column) -> str:
        """`LOSSY` is here only where the job accepts it by name."""
        if _same_type(column, arrival):
            return "EXACT"
        return "CONVERT" if self._destination.keeps_values(column, arrival) else "LOSSY"

    def _arrivals(self, table: PlannedTable, shaped: Sequence[Column]) -> list[Column]:
        """The destination's columns, in the order of `shaped`."""
        if table.existing is None:
            return list(shaped)
        found = {column.name: column for column in table.existing.columns}
        arrivals = []
        for column in shaped:
            if column.name not in found:
                raise NotFound(
                    f"table {table.destination_name} exists at the destination and has no column {column.name}",
                    remedy="Add the column there, rename it with COLUMN_MAP, or leave it out with 'columns'",
                )
            arrivals.append(found.pop(column.name))
            self._refuse_lossy(table, column, arrivals[-1])
        for left in found.values():
            if not left.nullable and left.default is None and left.identity is None and left.generated is None:
                raise InvalidConfiguration(
                    f"column {left.name} of {table.destination_name} is NOT NULL without a default and gets no value",
                    remedy="Give it a default, or fill it by an EXPRESSION",
                )
        return arrivals

    def _refuse_lossy(self, table: PlannedTable, column: Column, arrival: Column) -> None:
        named = f"{table.destination_name}.{arrival.name}"
        if arrival.generated is not None:
            raise InvalidConfiguration(
                f"column {named} is generated at the destination and cannot be written",
                remedy="Leave it out with 'columns'",
            )
        if self._destination.keeps_values(column, arrival) or named in self._job.options.accept_lossy:
            return
        raise InvalidConfiguration(
            f"column {named} is {arrival.type} at the destination, its source is {column.type}: values could change",
            remedy=f'Alter the column to {column.type}, or accept the loss with "acceptLossy": ["{named}"]',
        )

    def _algorithm(self, arrow: bool, shaped: Sequence[Column], arrivals: Sequence[Column]) -> str:
        in_server = self._source_can.digest_in_server
        same = all(map(_same_type, shaped, arrivals))
        if arrow or not same or in_server is None or in_server != self._destination_can.digest_in_server:
            return CANONICAL_DIGEST
        return in_server

    def _column_route(
        self, step: TransformedColumn, source: Column, arrival: Column, algorithm: str, arrow: bool
    ) -> ColumnRoute:
        form = "output"
        if _same_type(source, arrival):
            form = self._destination.digest_form(arrival, algorithm)
            if arrow and not step.values_changed and form in ("float32", "float64"):
                form = "text"
        if step.values_changed and step.form in ("decimal", "float32", "float64"):
            form = step.form
        return ColumnRoute.model_validate(
            {
                "source": step.source,
                "destination": step.name,
                "source_type": source.type,
                "destination_type": arrival.type,
                "form": form,
                "verdict": self._verdict(source, arrival),
            }
        )

    def _ddl(self, draft: Draft, shaped: Sequence[Column], others: Sequence[Draft], load_mode: str) -> TableDdl:
        if not self._job.options.create_tables:
            return TableDdl()
        table, steps = draft.table, draft.chain.columns
        made = [column for column, step in zip(shaped, steps, strict=True) if step.source is None]
        changed = {step.source: column for column, step in zip(shaped, steps, strict=True) if step.source is not None}
        columns = [
            changed[column.name].model_copy(update={"name": column.name}) if column.name in changed else column
            for column in table.source.columns
        ]
        schema = table.source.model_copy(update={"columns": columns + made})
        assert isinstance(self._destination, CreatesTables)
        ddl = self._destination.table_ddl(
            schema,
            table.destination_name,
            draft.renames,
            {other.table.source.name: other.table.destination_name for other in others},
            {other.table.source.name: other.renames for other in others},
        )
        if load_mode == "upsert" and table.existing is None and schema.primary_key is not None:
            ddl = ddl.model_copy(update={"tables": [*ddl.tables, ddl.keys[0]], "keys": ddl.keys[1:]})
        return ddl


def _travels_as_bytes(column: Column, arrival: Column) -> bool:
    return _same_type(column, arrival) and column.portable


def _upsert_keys(draft: Draft, load_mode: str) -> list[str]:
    if load_mode != "upsert":
        return []
    table = draft.table
    key = (table.existing or table.source).primary_key
    if key is None:
        raise InvalidConfiguration(
            f"loadMode upsert needs a primary key on {table.destination_name}", remedy="Use append or replace"
        )
    if table.existing is not None:
        return key.columns
    left_out = [name for name in key.columns if name not in draft.renames]
    if left_out:
        raise InvalidConfiguration(
            f"loadMode upsert needs the key column {left_out[0]} of {table.source.name}", remedy="Add it to 'columns'"
        )
    return [draft.renames[name] for name in key.columns]


def _keys(table: TableSchema) -> list[tuple[str, Sequence[str]]]:
    keys: list[tuple[str, Sequence[str]]] = [(f"foreign key {key.name}", key.columns) for key in table.foreign_keys]
    keys += [(f"unique key {key.name}", key.columns) for key in table.unique_keys]
    keys += [(f"unique index {index.name}", index.columns) for index in table.indexes if index.unique]
    if table.primary_key is not None:
        keys.append(("primary key", table.primary_key.columns))
    return keys


def _same_type(column: Column, arrival: Column) -> bool:
    return column.type == arrival.type


def _warnings(table: PlannedTable) -> list[str]:
    if table.existing is None:
        return []
    return [f"{table.destination_name} exists already and is used as it is"]
