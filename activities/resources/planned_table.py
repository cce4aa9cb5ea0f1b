"""A table while it is planned: what the catalogs say of it, its transformations, and how its columns travel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Literal

from activities.resources.naming import Naming
from activities.transformations.base import TransformedColumn
from activities.transformations.chain import BoundChain
from core.errors import InvalidConfiguration, NotFound
from core.job_spec import TableSpec
from core.route import ColumnRoute
from core.schema import Column, TableDdl, TableName, TableSchema


@dataclass(frozen=True)
class PlannedTable:
    """A table of the job with what both catalogs say about it."""

    table_id: str
    spec: TableSpec
    source: TableSchema
    destination_name: TableName
    existing: TableSchema | None
    beyond_job: Set[TableName] = frozenset()
    """Tables of the source that its foreign keys name, that the job does not move and the destination has."""

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
    naming: Naming

    @property
    def names(self) -> list[str]:
        """Destination names of the chain's columns, in their order."""
        return [
            step.name if step.named or step.source is None else self.naming.carried(step.name)
            for step in self.chain.columns
        ]

    @property
    def renames(self) -> dict[str, str]:
        """Destination names of all columns that the destination has: carried, generated and made ones."""
        steps = list(zip(self.chain.columns, self.names, strict=True))
        names = {step.source: name for step, name in steps if step.source is not None}
        if self.table.spec.columns is None:
            generated = (column.name for column in self.table.source.columns if column.generated is not None)
            names |= {name: self.naming.carried(name) for name in generated}
        return names | {name: name for step, name in steps if step.source is None}


@dataclass(frozen=True)
class ColumnPlan:
    """How a table's columns travel."""

    columns: list[ColumnRoute]
    """In the order in which they are written."""
    shaped: list[Column]
    """The same columns as the transformations leave them, for DDL."""
    path: Literal["native", "arrow"]
    digest_algorithm: str
    as_text: bool = False
    interchange: bool = False
    native_format: str = ""
    warnings: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


class PlansColumns(ABC):
    """One of the ways in which values travel."""

    @abstractmethod
    def before(self, column: Column) -> TransformedColumn:
        """A source column as the first transformation sees it."""

    @abstractmethod
    def plan(self, draft: Draft) -> ColumnPlan:
        """The way of every column. Pure. Raises InvalidConfiguration, NotFound with table, column and remedy."""

    @abstractmethod
    def ddl(self, draft: Draft, shaped: Sequence[Column], others: Sequence[Draft]) -> TableDdl:
        """What creates the table, or completes one that exists. Pure."""


def match_existing(table: PlannedTable, names: Sequence[str], *, blind: bool) -> list[Column]:
    """The existing table's columns of these names, in their order; `blind`: upper and lower case are the same.

    Raises NotFound, and InvalidConfiguration for a column that would get no value, or that computes its own.
    """
    assert table.existing is not None
    left = {column.name.lower() if blind else column.name: column for column in table.existing.columns}
    found = []
    for name in names:
        column = left.pop(name.lower() if blind else name, None)
        if column is None:
            raise NotFound(
                f"table {table.destination_name} exists at the destination and has no column {name}",
                remedy="Add the column there, rename it with COLUMN_MAP, or leave it out with 'columns'",
            )
        if column.generated is not None:
            raise InvalidConfiguration(
                f"column {table.destination_name}.{column.name} is generated at the destination and cannot be written",
                remedy="Leave it out with 'columns'",
            )
        found.append(column)
    for column in left.values():
        if not column.nullable and column.default is None and column.identity is None and column.generated is None:
            raise InvalidConfiguration(
                f"column {column.name} of {table.destination_name} is NOT NULL without a default and gets no value",
                remedy="Give it a default, or fill it by an EXPRESSION",
            )
    return found


def shaped_schema(draft: Draft, shaped: Sequence[Column]) -> TableSchema:
    """The source's table with the columns that transformations made or changed, under the source's names."""
    table, steps = draft.table, draft.chain.columns
    made = [column for column, step in zip(shaped, steps, strict=True) if step.source is None]
    changed = {step.source: column for column, step in zip(shaped, steps, strict=True) if step.source is not None}
    columns = [
        changed[column.name].model_copy(update={"name": column.name}) if column.name in changed else column
        for column in table.source.columns
    ]
    return table.source.model_copy(update={"columns": columns + made})
