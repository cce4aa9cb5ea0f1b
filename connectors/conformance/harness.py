"""What the conformance suite must be told about a database: how to prepare it behind the connector's back."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from connectors.base import Connector
from connectors.conformance.matrix import SAMPLES, Sample
from connectors.contract import Credentials
from connectors.registry import build_connector, find_type
from core.schema import Capabilities, TableName
from core.value_type import Kind, ValueType


@dataclass(frozen=True)
class Native:
    """How the database spells the type of a sample of the matrix when it is the source."""

    type: str
    without: tuple[str, ...] = ()
    """Values of the sample that this type cannot hold here."""
    only: tuple[str, ...] = ()
    """The values that it can hold, where those are the fewer; () for all but `without`."""
    kind: Kind | None = None
    """What the connector must say the values are, where that is not the sample's kind."""
    prints: Mapping[str, str] = field(default_factory=dict)
    """Interchange text that the connector must read for a value, where it is not the sample's own."""

    def holds(self, sample: Sample) -> list[str]:
        """The sample's values that a column of this type holds."""
        return [text for text in sample.texts if text not in self.without and (not self.only or text in self.only)]


@dataclass(frozen=True)
class NativeColumn:
    """A column of a table that the harness creates."""

    name: str
    type: str
    value: ValueType
    nullable: bool = True


@dataclass(frozen=True)
class Login:
    """A way to reach the database that must fail, or that may do less."""

    options: Mapping[str, Any]
    credentials: Credentials


Rows = Iterable[Sequence[str | None]]


class Harness(ABC):
    """One empty database (or schema) for one class of tests; every test makes tables of its own in it.

    Everything here happens without the connector, by another client where there is one, so that connector and harness
    cannot make the same mistake.
    """

    type_name: ClassVar[str]
    """As it is registered."""
    schema: str = ""
    """Where the tables are; '' where the database has none."""
    natives: ClassVar[Mapping[str, Native]]
    """By name of the sample. At least `int64` and `varchar_4000`, which most behaviours use."""
    gaps: ClassVar[Mapping[str, str]] = {}
    """Known gaps: name of a behaviour (without `test_`) and why it fails. They must fail: a closed gap is news."""
    without: ClassVar[Mapping[str, str]] = {}
    """Behaviours that mean nothing for this database, and why."""

    def __init__(self, options: Mapping[str, Any], credentials: Credentials | None = None) -> None:
        self.options = dict(options)
        self.credentials = credentials or Credentials()
        self._numbers = itertools.count(1)
        self.made: dict[str, Any] = {}
        """What behaviours keep for each other: destinations by the sample that they were made for."""

    @classmethod
    def capabilities(cls) -> Capabilities:
        """What the connector says of itself."""
        return find_type(cls.type_name).connector_class().capabilities

    def connector(self, label: str = "conformance") -> Connector:
        """The connector under test, as a job builds it."""
        return build_connector(self.type_name, self.options, self.credentials, label)

    def connector_for(self, login: Login) -> Connector:
        """The connector with another login."""
        return build_connector(self.type_name, dict(login.options), login.credentials, "conformance")

    def new_name(self, word: str = "t") -> str:
        """A name that no table has yet."""
        return f"{word}_{next(self._numbers)}"

    def table(self, name: str) -> TableName:
        """The table as the connector names it."""
        return TableName(schema_name=self.schema, name=name)

    def column(self, name: str, sample: str, *, nullable: bool = True) -> NativeColumn:
        """A column of a sample's type."""
        return NativeColumn(name, self.natives[sample].type, SAMPLES[sample].value, nullable)

    @abstractmethod
    def create_table(
        self,
        name: str,
        columns: Sequence[NativeColumn],
        rows: Rows = (),
        *,
        key: Sequence[str] = (),
        unique: Sequence[str] = (),
    ) -> None:
        """Creates a table, names spelled exactly, and inserts rows of interchange text (None: NULL)."""

    @abstractmethod
    def insert(self, name: str, columns: Sequence[NativeColumn], rows: Rows) -> None:
        """Inserts rows, committed. Raises whatever the client raises where a constraint forbids it."""

    @abstractmethod
    def count(self, name: str, condition: str = "") -> int:
        """Rows of a table, those that meet a condition in the database's language where one is given."""

    @abstractmethod
    def delete_rows(self, name: str) -> None:
        """Takes all rows away, committed."""

    @abstractmethod
    def one_of(self, column: str, numbers: Sequence[int]) -> str:
        """A whereClause: the integer column is one of the numbers, as comparisons joined by OR."""

    def ledger_rows(self) -> int:
        """Rows of the ledger for batches (number 0 and up), counted without the connector."""
        return self.count("sterna_ledger", "number >= 0")

    def slow_condition(self) -> str | None:
        """A whereClause over any row of a table that takes a minute or more; None where there is none."""
        return None

    def statements(self) -> int | None:
        """Statements of others than the asker that the server executes now; None where there is no server."""
        return None

    def sessions(self) -> int | None:
        """Sessions of others than the asker in this database; None where there is no server."""
        return None

    def wrong_password(self) -> Login | None:
        """A login that the database refuses."""
        return None

    def unknown_host(self) -> Login | None:
        """A place where no database is; refused quickly."""
        return None

    def unprivileged(self, name: str) -> Login | None:
        """A login that may connect but neither read nor write that table."""
        return None

    def add_view_and_trigger(self, name: str) -> Sequence[str]:
        """Makes a view over the table and a trigger on it, where the database has them; returns their names."""
        return ()


class SqlHarness(Harness):
    """A harness for a database that speaks SQL: a subclass says how a statement is run and a value written."""

    quote: ClassVar[str] = '"'
    null_suffix: ClassVar[str] = ""
    """After the type of a nullable column."""

    @abstractmethod
    def execute(self, sql: str) -> None:
        """Runs one statement and commits."""

    @abstractmethod
    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""

    def identifier(self, name: str) -> str:
        """The name, quoted."""
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def qualified(self, name: str) -> str:
        """The table with its schema, quoted."""
        return f"{self.identifier(self.schema)}.{self.identifier(name)}" if self.schema else self.identifier(name)

    def literal(self, text: str, column: NativeColumn) -> str:
        """SQL of the value that interchange text stands for, of the column's type."""
        return f"CAST({self.string(text)} AS {column.type})"

    def string(self, text: str) -> str:
        """A string literal."""
        return "'" + text.replace("'", "''") + "'"

    def create_table(
        self,
        name: str,
        columns: Sequence[NativeColumn],
        rows: Rows = (),
        *,
        key: Sequence[str] = (),
        unique: Sequence[str] = (),
    ) -> None:
        """See Harness."""
        parts = [
            f"{self.identifier(column.name)} {column.type}{self.null_suffix if column.nullable else ' NOT NULL'}"
            for column in columns
        ]
        parts += [f"PRIMARY KEY ({self._list(key)})"] if key else []
        parts += [f"UNIQUE ({self._list(unique)})"] if unique else []
        self.execute(f"CREATE TABLE {self.qualified(name)} ({', '.join(parts)})")
        self.insert(name, columns, rows)

    def insert(self, name: str, columns: Sequence[NativeColumn], rows: Rows) -> None:
        """See Harness."""
        names = self._list([column.name for column in columns])
        for row in rows:
            values = (
                "NULL" if text is None else self.literal(text, column)
                for text, column in zip(row, columns, strict=True)
            )
            self.execute(f"INSERT INTO {self.qualified(name)} ({names}) VALUES ({', '.join(values)})")

    def count(self, name: str, condition: str = "") -> int:
        """See Harness."""
        where = f" WHERE {condition}" if condition else ""
        return int(self.query(f"SELECT count(*) FROM {self.qualified(name)}{where}")[0][0])

    def one_of(self, column: str, numbers: Sequence[int]) -> str:
        """See Harness."""
        return " OR ".join(f"{self.identifier(column)} = {number}" for number in numbers)

    def delete_rows(self, name: str) -> None:
        """See Harness."""
        self.execute(f"DELETE FROM {self.qualified(name)}")

    def _list(self, names: Sequence[str]) -> str:
        return ", ".join(map(self.identifier, names))


OpenHarness = Callable[[], Harness]
