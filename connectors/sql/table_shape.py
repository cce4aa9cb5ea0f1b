"""One table on its way from a description to another database's DDL: its columns there, and what stays behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from connectors.sql.constraint_names import ConstraintNames
from connectors.sql.dialect import SqlDialect
from connectors.sql.expressions import Operand, Translated, Untranslatable, column_names, operand, translate
from core.schema import Column, NotCarried, TableName, TableSchema
from core.value_type import Arrival


@dataclass(frozen=True)
class ShapedColumn:
    """A carried column: as the source has it, and what it is called and is at the destination."""

    source: Column
    name: str
    arrival: Arrival
    generated: str | None = None
    """SQL of the destination."""

    @property
    def operand(self) -> Operand:
        """As expressions see it."""
        return operand(self.source, self.name, self.arrival)


@dataclass
class TableShape:
    """What the parts of the DDL are made from. `columns` by their names at the source."""

    dialect: SqlDialect
    source: TableSchema
    destination: TableName
    table_renames: Mapping[TableName, TableName]
    column_renames: Mapping[TableName, Mapping[str, str]]
    columns: dict[str, ShapedColumn] = field(default_factory=dict)
    not_carried: list[NotCarried] = field(default_factory=list)

    def __post_init__(self) -> None:
        alike = self.same_dialect or self.source.dialect == self.dialect.capabilities.dialect
        kept = alike and self.source.name.name == self.destination.name
        self.names = ConstraintNames(self.dialect, self.destination.name, kept=kept)
        self.table = self.dialect.qualified(self.destination)
        self.known = [column.name for column in self.source.columns]

    @property
    def same_dialect(self) -> bool:
        """Expressions mean what they mean; where no name changes they stay as they are."""
        return self.source.dialect == self.dialect.name

    def lose(self, name: str, kind: str, reason: str) -> None:
        """Notes what stays behind."""
        self.not_carried.append(NotCarried(object=name, kind=kind, reason=reason))

    def has(self, name: str, kind: str, columns: Sequence[str]) -> bool:
        """All the columns are carried; else the object that needs them is noted as lost."""
        lost = [column for column in columns if column not in self.columns]
        if lost:
            self.lose(name, kind, f"it needs columns that are not carried: {', '.join(sorted(lost))}")
        return not lost

    def quoted(self, columns: Sequence[str]) -> str:
        """Columns of the source by their names at the destination, quoted, separated by commas."""
        return self.dialect.identifiers(self.columns[name].name for name in columns)

    def translated(self, expression: str) -> Translated:
        """The expression in the destination's SQL. Raises Untranslatable."""
        if self.same_dialect and all(name == shaped.name for name, shaped in self.columns.items()):
            missing = [name for name in self.known if name not in self.columns]
            if not missing or not column_names(expression, self.source.dialect, missing):
                return Translated(expression, "boolean")
        operands = {name: shaped.operand for name, shaped in self.columns.items()}
        return translate(expression, self.source.dialect, self.dialect, operands, self.known)

    def mentions(self, expression: str, columns: Set[str]) -> bool:
        """It needs one of the columns. Raises Untranslatable."""
        return bool(column_names(expression, self.source.dialect, self.known) & columns)

    def generated(self, column: Column, arrival: Arrival, name: str) -> str | None:
        """SQL of a generated column, None (and noted) where it has no equal."""
        assert column.generated is not None
        style = self.dialect.ddl
        if style.generated is None and style.virtual is None:
            self.lose(column.name, "generated column", "the destination has no generated columns")
            return None
        identities = {known.name for known in self.source.columns if known.identity is not None}
        try:
            if not style.checks_moving_columns and self.mentions(column.generated, identities):
                raise Untranslatable("the destination computes none from an identity")
            found = self.translated(column.generated)
            if not self.same_dialect and found.meaning != operand(column, name, arrival).meaning:
                raise Untranslatable("it is of another type at the destination")
        except Untranslatable as error:
            self.lose(column.name, "generated column", str(error))
            return None
        template = (style.virtual if column.virtual else style.generated) or style.generated or style.virtual or ""
        return template.format(expression=found.sql)
