"""Columns between two databases of one dialect, which exchange values in their own text or bytes."""

from __future__ import annotations

from collections.abc import Sequence

from activities.resources.planned_table import (
    ColumnPlan,
    Draft,
    PlannedTable,
    PlansColumns,
    match_existing,
    shaped_schema,
)
from activities.transformations.base import TransformedColumn
from connectors.base import CreatesTables, KeepsNativeText
from connectors.contract import CANONICAL_DIGEST, CSV_INTERCHANGE
from core.errors import InvalidConfiguration
from core.job_spec import JobOptions
from core.route import ColumnRoute
from core.schema import Capabilities, Column, TableDdl


class NativeColumns(PlansColumns):
    """Types are compared, not judged: every value of a column arrives where the destination keeps it."""

    def __init__(
        self,
        options: JobOptions,
        capabilities: tuple[Capabilities, Capabilities],
        destination: KeepsNativeText,
        creator: CreatesTables,
    ) -> None:
        self._options = options
        self._source_can, self._destination_can = capabilities
        self._destination = destination
        self._creator = creator

    def before(self, column: Column) -> TransformedColumn:
        """Its type as the catalog spells it."""
        return TransformedColumn.of(column)

    def plan(self, draft: Draft) -> ColumnPlan:
        """See PlansColumns."""
        shaped = self._shape(draft)
        arrow = draft.chain.needs_values or not self._shares_bytes()
        arrivals = self._arrivals(draft, shaped)
        algorithm = self._algorithm(arrow, shaped, arrivals)
        return ColumnPlan(
            columns=[
                self._column_route(step, source, arrival, algorithm, arrow)
                for step, source, arrival in zip(draft.chain.columns, shaped, arrivals, strict=True)
            ],
            shaped=shaped,
            path="arrow" if arrow else "native",
            as_text=not arrow and not all(map(_travels_as_bytes, shaped, arrivals)),
            digest_algorithm=algorithm,
        )

    def ddl(self, draft: Draft, shaped: Sequence[Column], others: Sequence[Draft]) -> TableDdl:
        """See PlansColumns."""
        return self._creator.table_ddl(
            shaped_schema(draft, shaped),
            draft.table.destination_name,
            draft.renames,
            {other.table.source.name: other.table.destination_name for other in others},
            {other.table.source.name: other.renames for other in others},
        )

    def _shares_bytes(self) -> bool:
        own = set(self._source_can.native_formats) & set(self._destination_can.native_formats)
        return bool(own - {CSV_INTERCHANGE})

    def _shape(self, draft: Draft) -> list[Column]:
        """The destination's columns as the transformations leave them: made ones and changed types included."""
        shaped = []
        for step, name in zip(draft.chain.columns, draft.names, strict=True):
            origin = draft.table.source.column(step.source) if step.source is not None else None
            if origin is not None and (step.type == origin.type or not step.values_changed):
                shaped.append(origin.model_copy(update={"name": name}))
            else:
                shaped.append(self._destination.column_of(name, step.type, origin is None or origin.nullable))
        return shaped

    def _arrivals(self, draft: Draft, shaped: Sequence[Column]) -> list[Column]:
        """The destination's columns, in the order of `shaped`."""
        if draft.table.existing is None:
            return list(shaped)
        arrivals = match_existing(draft.table, [column.name for column in shaped], blind=False)
        for column, arrival in zip(shaped, arrivals, strict=True):
            self._refuse_lossy(draft.table, column, arrival)
        return arrivals

    def _refuse_lossy(self, table: PlannedTable, column: Column, arrival: Column) -> None:
        named = f"{table.destination_name}.{arrival.name}"
        if self._destination.keeps_values(column, arrival) or named in self._options.accept_lossy:
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
                "destination": arrival.name,
                "source_type": source.type,
                "destination_type": arrival.type,
                "form": form,
                "verdict": self._verdict(source, arrival),
            }
        )

    def _verdict(self, column: Column, arrival: Column) -> str:
        """`LOSSY` is here only where the job accepts it by name."""
        if _same_type(column, arrival):
            return "EXACT"
        return "CONVERT" if self._destination.keeps_values(column, arrival) else "LOSSY"


def _same_type(column: Column, arrival: Column) -> bool:
    return column.type == arrival.type


def _travels_as_bytes(column: Column, arrival: Column) -> bool:
    return _same_type(column, arrival) and column.portable
