"""Reads tables of a harness as plain Python values, by its own client."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from connectors.conformance.harness import SqlHarness
from tests.conformance.plain_values import plain


@dataclass(frozen=True)
class PlainColumn:
    """A column and what its values are, wherever they are now."""

    name: str
    kind: str
    length: int | None = None


class PlainReading(SqlHarness):
    """A subclass says how a value is fetched so that its driver loses nothing."""

    def fetched(self, name: str, column: PlainColumn) -> str:
        """SQL that gives the column's value to the driver; `name` is the table."""
        return self.identifier(column.name)

    def plain_rows(self, name: str, columns: Sequence[PlainColumn]) -> dict[Hashable, dict[str, Hashable]]:
        """By the first column, which is the key: each column's value."""
        selected = ", ".join(self.fetched(name, column) for column in columns)
        found: dict[Hashable, dict[str, Hashable]] = {}
        for row in self.query(f"SELECT {selected} FROM {self.qualified(name)}"):
            values = {
                column.name: plain(value, column.kind, column.length)
                for value, column in zip(row, columns, strict=True)
            }
            key = values[columns[0].name]
            assert key not in found, "a row is there twice"
            found[key] = values
        return found
