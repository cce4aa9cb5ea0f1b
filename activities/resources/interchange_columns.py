"""Columns between databases of different kinds: interchange text, judged by what the destination can hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from activities.resources.planned_table import ColumnPlan, Draft, PlansColumns, match_existing, shaped_schema
from activities.transformations.base import TransformedColumn
from connectors.base import CreatesTables, WritesRows
from connectors.contract import CANONICAL_DIGEST, CSV_INTERCHANGE
from core.job_spec import JobOptions
from core.limit_words import beyond, change
from core.route import ColumnRoute
from core.schema import (
    Capabilities,
    Column,
    ForeignKey,
    TableDdl,
    TableName,
    TableSchema,
)
from core.value_type import Arrival, Limit, ValueType

ANY_TEXT = ("text", "char", "other")
"""Kinds of which every text is a value."""


@dataclass(frozen=True)
class _Judged:
    """One column with what the destination says of it."""

    route: ColumnRoute
    label: str
    accepted: bool
    refusal: str = ""


class InterchangeColumns(PlansColumns):
    """The destination says of each column how its values arrive; what it cannot hold is refused or accepted by name."""

    def __init__(
        self,
        options: JobOptions,
        capabilities: tuple[Capabilities, Capabilities],
        destination: WritesRows,
        creator: CreatesTables,
    ) -> None:
        self._options = options
        self._source_can, self._destination_can = capabilities
        self._destination = destination
        self._creator = creator

    def before(self, column: Column) -> TransformedColumn:
        """Its type as transformations read it."""
        return TransformedColumn.of_interchange(column)

    def plan(self, draft: Draft) -> ColumnPlan:
        """See PlansColumns. Refused columns are named, all of them, and stay in the plan."""
        shaped = self._shape(draft)
        judged = self._judge(draft, shaped)
        native = self._native_format(draft, judged)
        return ColumnPlan(
            columns=[column.route for column in judged],
            shaped=shaped,
            path="native" if native else "arrow",
            native_format=native,
            interchange=True,
            digest_algorithm=CANONICAL_DIGEST,
            warnings=self._warnings(draft, judged),
            refusals=[column.refusal for column in judged if column.refusal],
        )

    def ddl(self, draft: Draft, shaped: Sequence[Column], others: Sequence[Draft]) -> TableDdl:
        """See PlansColumns. An existing table keeps its own keys: its foreign keys are dropped for the load and built
        again, its identities set past the data; nothing is added."""
        schema, table = shaped_schema(draft, shaped), draft.table
        if table.existing is not None:
            return self._completion(draft, schema, table.existing, others)
        return self._creator.table_ddl(schema, table.destination_name, draft.renames, *_renames(draft, schema, others))

    def _shape(self, draft: Draft) -> list[Column]:
        """The columns as the transformations leave them, under their destination names."""
        shaped = []
        for step, name in zip(draft.chain.columns, draft.names, strict=True):
            origin = draft.table.source.column(step.source) if step.source is not None else None
            if origin is not None and not step.values_changed:
                shaped.append(origin.model_copy(update={"name": name}))
                continue
            shaped.append(
                Column(
                    name=name,
                    type=step.type,
                    nullable=origin is None or origin.nullable,
                    comment=origin.comment if origin else None,
                    value=ValueType.parse(step.type),
                )
            )
        return shaped

    def _judge(self, draft: Draft, shaped: Sequence[Column]) -> list[_Judged]:
        existing: list[Column] | list[None] = [None] * len(shaped)
        if draft.table.existing is not None:
            blind = self._destination_can.ignores_case != "nothing"
            existing = match_existing(draft.table, [column.name for column in shaped], blind=blind)
        keys = draft.table.source.key_columns()
        return [
            self._judge_column(draft, step, column, found, key=step.source in keys)
            for step, column, found in zip(draft.chain.columns, shaped, existing, strict=True)
        ]

    def _judge_column(
        self, draft: Draft, step: TransformedColumn, column: Column, existing: Column | None, *, key: bool
    ) -> _Judged:
        arrival = self._destination.arrival(column, existing, key=key)
        name = existing.name if existing is not None else column.name
        table = draft.table.destination_name if draft.table.existing is None else draft.table.existing.name
        label = f"{table}.{name}"
        accepted = label in self._options.accept_lossy
        foreign = self._source_can.dialect != self._destination_can.dialect
        own = [limit for limit in column.limits if limit not in arrival.limits] if foreign else []
        limits = [*own, *arrival.limits]
        if self._source_can.loosely_typed:
            limits = _declared_limits(arrival.value) + limits
        if accepted:
            limits = [limit.model_copy(update={"refuse": False}) for limit in limits]
        route = ColumnRoute.model_validate(
            {
                "source": step.source,
                "destination": name,
                "source_type": column.type,
                "destination_type": arrival.type,
                "form": arrival.value.digest_form,
                "verdict": arrival.verdict,
                "reason": arrival.reason,
                "value": arrival.value,
                "limits": limits,
            }
        )
        return _Judged(route, label, accepted, _refusal(label, column, arrival, accepted))

    def _native_format(self, draft: Draft, judged: Sequence[_Judged]) -> str:
        """The bulk format that both sides have, where no value needs a look on its way; '' where some does."""
        shared = CSV_INTERCHANGE in self._source_can.native_formats and (
            CSV_INTERCHANGE in self._destination_can.native_formats
        )
        if not shared or draft.chain.needs_values or any(map(_needs_a_look, judged)):
            return ""
        return CSV_INTERCHANGE

    def _warnings(self, draft: Draft, judged: Sequence[_Judged]) -> list[str]:
        warnings = []
        for column in judged:
            origin = draft.table.source.column(column.route.source) if column.route.source else None
            if origin is not None:
                warnings += [f"{column.label}: {words}" for words in _weaker_meaning(origin, column.route)]
            for limit in column.route.limits:
                if not limit.refuse:
                    warnings.append(
                        f"{column.label}: a value that {beyond(limit)} is changed and counted: {change(limit)}"
                    )
        return [*warnings, *self._collations(draft, judged), *self._staying_foreign_keys(draft)]

    def _staying_foreign_keys(self, draft: Draft) -> list[str]:
        """Foreign keys of the existing table that are enforced while rows come in, because they cannot be built again
        as they are."""
        existing = draft.table.existing
        if existing is None or not self._options.create_tables or not self._destination_can.enforces_keys:
            return []
        return [
            f"foreign key {key.name} of {existing.name} stays while rows are loaded, because it could not be built "
            f"again as it is: rows that come before those of {key.referenced} are refused"
            for key in existing.foreign_keys
            if self._restated(existing, [key]).not_carried
        ]

    def _collations(self, draft: Draft, judged: Sequence[_Judged]) -> list[str]:
        """Existing key columns whose collation may take for equal what the source tells apart."""
        existing = draft.table.existing
        keys = set(existing.key_columns()) if existing is not None else set()
        warnings = []
        for column in judged:
            found = existing.column(column.route.destination) if existing is not None else None
            origin = draft.table.source.column(column.route.source) if column.route.source else None
            exact = origin is None or origin.deterministic
            if found is not None and found.name in keys and exact and not found.deterministic:
                warnings.append(
                    f"{column.label}: keys that differ at the source may be the same here, where texts are not "
                    "compared by their bytes; such rows are refused"
                )
        return warnings

    def _completion(
        self, draft: Draft, schema: TableSchema, existing: TableSchema, others: Sequence[Draft]
    ) -> TableDdl:
        own = self._own_foreign_keys(existing)
        counted = {column.name for column in existing.columns if column.identity is not None}
        counted |= {sequence.column for sequence in existing.sequences}
        renames = draft.renames
        advanced = schema.model_copy(
            update={"sequences": [known for known in schema.sequences if renames.get(known.column) in counted]}
        )
        made = self._creator.table_ddl(
            advanced, draft.table.destination_name, renames, *_renames(draft, schema, others)
        )
        return TableDdl(
            table=existing.name, foreign_keys=own.foreign_keys, sequences=made.sequences, not_carried=made.not_carried
        )

    def _own_foreign_keys(self, existing: TableSchema) -> TableDdl:
        """DDL of an existing table whose foreign keys are those that can be built again just as they stand."""
        keys = [key for key in existing.foreign_keys if not self._restated(existing, [key]).not_carried]
        return self._restated(existing, keys)

    def _restated(self, existing: TableSchema, keys: Sequence[ForeignKey]) -> TableDdl:
        alone = existing.model_copy(
            update={"foreign_keys": list(keys), "checks": [], "indexes": [], "unique_keys": [], "not_carried": []}
        )
        columns = {key.referenced: {name: name for name in key.referenced_columns} for key in keys}
        own_names = {column.name: column.name for column in existing.columns}
        made = self._creator.table_ddl(
            alone, existing.name, own_names, {key.referenced: key.referenced for key in keys}, columns
        )
        lost = [item for item in made.not_carried if "foreign key" in item.kind]
        return made.model_copy(update={"not_carried": lost})


def _renames(
    draft: Draft, schema: TableSchema, others: Sequence[Draft]
) -> tuple[dict[TableName, TableName], dict[TableName, dict[str, str]]]:
    """What the job's tables and their columns are called, and those that its foreign keys name beyond the job, where
    the destination has them."""
    naming = draft.naming
    beyond_job = [key for key in schema.foreign_keys if key.referenced in draft.table.beyond_job]
    tables = {key.referenced: naming.carried_table(key.referenced) for key in beyond_job}
    columns = {key.referenced: {name: naming.carried(name) for name in key.referenced_columns} for key in beyond_job}
    tables |= {other.table.source.name: other.table.destination_name for other in others}
    columns |= {other.table.source.name: other.renames for other in others}
    return tables, columns


def _declared_limits(value: ValueType) -> list[Limit]:
    """What the declared type promises and a loosely typed source does not enforce."""
    limits = [] if value.kind in ANY_TEXT else [Limit(kind="syntax")]
    if value.kind == "decimal" and value.precision is not None:
        limits.append(Limit(kind="digits", precision=value.precision, scale=value.scale))
    if value.kind in ("text", "char") and value.length is not None:
        limits.append(Limit(kind="characters", high=value.length))
    return limits


def _weaker_meaning(origin: Column, route: ColumnRoute) -> list[str]:
    """What of the column does not arrive, though every value does."""
    words = []
    if origin.zone_lost:
        words.append(f"of the time zone only the instant arrives ({origin.type})")
    if origin.value.kind == "char":
        words.append(f"blanks that fill up {origin.type} are no part of its values")
    if origin.value.kind == "enum" and not route.destination_type.upper().startswith("ENUM"):
        words.append(f"the order of the labels of {origin.type} is not kept")
    return words


def _needs_a_look(column: _Judged) -> bool:
    if column.route.form == "json" or (column.accepted and column.route.limits):
        return True
    return any(not limit.loud or not limit.refuse for limit in column.route.limits)


def _refusal(label: str, column: Column, arrival: Arrival, accepted: bool) -> str:
    """Why the column may not travel; '' where it may."""
    reason = f": {arrival.reason}" if arrival.reason else ""
    if arrival.verdict == "UNSUPPORTED":
        return (
            f"column {label} cannot be carried from {column.type} to {arrival.type or 'the destination'}{reason}. "
            "Leave it out with the table's 'columns', or turn it into text with an EXPRESSION"
        )
    if arrival.verdict != "LOSSY" or accepted:
        return ""
    return (
        f"column {label} is {arrival.type} at the destination, its source is {column.type}: values could change"
        f'{reason}. Accept the loss with "acceptLossy": ["{label}"], or give the destination a wider column'
    )
