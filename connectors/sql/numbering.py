"""Columns that number their rows: identities, or sequences where a column cannot be one; set past the data."""

from __future__ import annotations

from connectors.sql.table_shape import ShapedColumn, TableShape
from core.schema import Column, Sequence, Statement, TableName


class Numbering:
    """What one table's numbering columns become. Those that cannot number rows at the destination are noted."""

    def __init__(self, shape: TableShape) -> None:
        self._shape = shape
        self._dialect = shape.dialect
        self._style = shape.dialect.ddl
        primary = shape.source.primary_key
        self._primary = primary.columns if primary is not None else []
        self.identities: set[str] = set()
        """Names at the source."""
        self._counted: set[str] = set()
        self._choose()

    def numbers(self, column: Column) -> Sequence | None:
        """The column's own sequence: an identity's, or one that its default takes values from."""
        for sequence in self._shape.source.sequences:
            if sequence.column == column.name and (sequence.identity or sequence.owned):
                return sequence
        return None

    @property
    def inline_primary(self) -> str | None:
        """The column whose identity clause makes it the primary key."""
        return next(iter(self.identities), None) if "PRIMARY KEY" in (self._style.identity or "") else None

    def clause(self, column: ShapedColumn) -> str | None:
        """Of an identity, in CREATE TABLE."""
        if column.source.name not in self.identities or self._style.identity is None:
            return None
        sequence = self.numbers(column.source)
        return self._style.identity.format(next=sequence.next_value if sequence is not None else 1)

    def counters(self) -> list[Statement]:
        """Sequences and the defaults that take from them, after the table."""
        statements = []
        for column in self._shape.columns.values():
            sequence = self.numbers(column.source)
            if column.source.name not in self._counted or sequence is None:
                continue
            names = self._counter_names(column, sequence)
            purpose = f"sequence of {self._shape.destination}.{column.name}"
            statements += [Statement(sql=sql.format(**names), purpose=purpose) for sql in self._style.counter]
        return statements

    def restarts(self) -> list[Statement]:
        """Past the data, after the load."""
        statements = []
        for column in self._shape.columns.values():
            sequence = self.numbers(column.source)
            if sequence is None or column.source.name not in self.identities | self._counted:
                continue
            sql = self._dialect.restart_identity(self._shape.destination, column.name, sequence)
            if sql is not None:
                purpose = f"sequence of {self._shape.destination}.{column.name}"
                statements.append(Statement(sql=sql, purpose=purpose))
        return statements

    def _choose(self) -> None:
        """The primary key's first, where a table has one identity at most."""
        wanted = [
            column
            for column in self._shape.columns.values()
            if column.source.identity is not None or (column.source.default and self.numbers(column.source))
        ]
        for column in sorted(wanted, key=lambda column: column.source.name not in self._primary[:1]):
            name = column.source.name
            hindrance = self._hindrance(column)
            if hindrance is None:
                self.identities.add(name)
            elif self._style.counter and self.numbers(column.source) is not None:
                self._counted.add(name)
            else:
                self._shape.lose(name, "identity", hindrance)
                continue
            if column.source.identity == "ALWAYS" and not self._shape.same_dialect:
                self._shape.lose(name, "identity ALWAYS", "it is carried as BY DEFAULT")

    def _hindrance(self, column: ShapedColumn) -> str | None:
        """Why the column cannot be an identity there."""
        if self._style.identity is None:
            return "the destination has none that can be made with the table"
        if self.identities and self._style.single_identity:
            return "a table of the destination has one at most"
        if not self._dialect.takes_identity(column.arrival.type):
            return f"{column.arrival.type} cannot be one at the destination"
        alone = "PRIMARY KEY" in self._style.identity
        if self._style.identity_is_key and self._primary[: None if alone else 1] != [column.source.name]:
            return "the destination wants it to be the primary key"
        return None

    def _counter_names(self, column: ShapedColumn, sequence: Sequence) -> dict[str, object]:
        destination = self._shape.destination
        name = self._shape.names.take(f"{destination.name}_{column.name}_seq", "seq")
        quoted = self._dialect.qualified(TableName(schema_name=destination.schema_name, name=name))
        return {
            "sequence": quoted,
            "text": self._dialect.literal(quoted),
            "table": self._shape.table,
            "column": self._dialect.identifier(column.name),
            "next": sequence.next_value,
        }
