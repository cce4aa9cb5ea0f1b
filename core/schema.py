"""What a table is, in words that every connector shares. Plain data: no driver, no Temporal."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import ConfigDict, Field

from core.base_model import Model
from core.value_type import Limit, ValueType


class TableName(Model):
    """A table's schema ('' where the database has none) and name, spelled exactly as the catalog spells them."""

    model_config = ConfigDict(frozen=True)

    schema_name: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.name}" if self.schema_name else self.name


class Column(Model):
    """One column as its own database's catalog gives it."""

    name: str
    type: str
    """The full native type with its modifiers, e.g. `numeric(10,2)`, `shop.order_state`, `text[]`."""
    nullable: bool = True
    default: str | None = None
    """Native expression, None where there is none or the default is an identity."""
    generated: str | None = None
    """Native expression of a stored generated column: never read, never written, computed by the destination."""
    virtual: bool = False
    """The generated column is computed when read and not stored."""
    identity: Literal["ALWAYS", "BY DEFAULT"] | None = None
    collation: str | None = None
    """Quoted, schema-qualified, only where it differs from the type's default."""
    comment: str | None = None
    base_type: str = ""
    """The native type under a domain, without modifiers, by the catalog's internal name (`int4`, `_text`)."""
    kind: Literal["base", "domain", "enum", "composite", "range", "array", "pseudo"] = "base"
    modifier: int = -1
    """The catalog's type modifier (`atttypmod`), -1 where there is none."""
    deterministic: bool = True
    """Equal strings are equal bytes (False under a non-deterministic collation)."""
    portable: bool = True
    """Bytes of the native bulk format mean the same in another database of the dialect (False: `regclass` …)."""
    fills_null: bool = False
    """NULL is not kept: the database may put a value of its own in its place without an error (an identity, a default,
    a trigger)."""
    not_null_name: str | None = None
    """Name of the NOT NULL constraint, only where it is not the database's default."""
    value: ValueType = Field(default_factory=lambda: ValueType(kind="other"))
    """What the values are, for databases of another kind."""
    zone_lost: bool = False
    """Values have a time zone's name or offset of their own, of which only the instant travels."""
    limits: list[Limit] = Field(default_factory=list)
    """Beyond which a value may be that its own database lets in and no other one does (MySQL's zero dates). Judged on
    the way to databases of another dialect."""


class Key(Model):
    """A primary key or unique constraint."""

    name: str
    columns: list[str]
    definition: str
    """Native text after `ADD CONSTRAINT name`, for a destination of the same dialect."""
    comment: str | None = None


class Index(Model):
    """A secondary index that no constraint owns."""

    name: str
    columns: list[str]
    """Names of the plain columns it covers; empty strings stand for expressions."""
    unique: bool
    definition: str
    """Native text from `USING` on (method, columns, INCLUDE, WITH, WHERE)."""
    partial: bool = False
    expression: bool = False
    descending: list[str] = Field(default_factory=list)
    """Those of `columns` that are in descending order."""
    prefixes: dict[str, int] = Field(default_factory=dict)
    """Characters of a column that are indexed, where not all are (MySQL)."""
    method: str = "btree"
    included: list[str] = Field(default_factory=list)
    """Those of `columns` that are only stored along (PostgreSQL: INCLUDE)."""


class Check(Model):
    """A check or exclusion constraint."""

    name: str
    definition: str
    """Native text after `ADD CONSTRAINT name`."""
    columns: list[str] = Field(default_factory=list)
    exclusion: bool = False


ReferentialAction = Literal["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"]


class ForeignKey(Model):
    """A foreign key; the referenced table is named as the source names it."""

    name: str
    columns: list[str]
    referenced: TableName
    referenced_columns: list[str]
    options: str = ""
    """Native text after the referenced columns: MATCH, ON DELETE, ON UPDATE, DEFERRABLE, NOT VALID."""
    on_delete: ReferentialAction = "NO ACTION"
    on_update: ReferentialAction = "NO ACTION"
    deferrable: bool = False
    period: bool = False
    """The last column on both sides is a PERIOD (temporal key)."""


class Sequence(Model):
    """A sequence that an identity or a default of the table takes its values from."""

    name: TableName
    column: str
    identity: bool
    options: str
    """Native text: AS type, INCREMENT, MINVALUE, MAXVALUE, START, CACHE, CYCLE."""
    last_value: int
    is_called: bool
    """False: the sequence has never been used and `last_value` is what it yields next."""
    owned: bool = True
    """It belongs to the column and goes with it; False: a default only uses it, other tables may too."""

    @property
    def next_value(self) -> int:
        """What it yields next, by its own account. Of `options`, INCREMENT BY is heeded."""
        if not self.is_called:
            return self.last_value
        step = re.search(r"INCREMENT BY (-?\d+)", self.options)
        return self.last_value + (int(step[1]) if step else 1)


class Partition(Model):
    """One partition of a partitioned table, itself possibly partitioned."""

    name: TableName
    parent: TableName
    bound: str
    """Native text, e.g. `FOR VALUES FROM (1) TO (10)` or `DEFAULT`."""
    key: str | None = None
    """Native text after `PARTITION BY` where it is partitioned further."""


class TypeDefinition(Model):
    """A user-defined type or collation that a table needs before it can be created."""

    name: TableName
    kind: Literal["enum", "domain", "composite", "range", "collation"]
    statements: list[str]
    """Native DDL that creates it, without IF NOT EXISTS."""
    fingerprint: str
    """Canonical text of the definition: equal fingerprints mean an existing type may be used as it is."""


class NotCarried(Model):
    """Something at the source that the migration does not bring over, and why."""

    object: str
    kind: str
    reason: str


class TableSchema(Model):
    """One table (a partitioned one with all its partitions) as its database's catalog describes it."""

    dialect: str
    name: TableName
    kind: Literal["table", "partitioned", "view", "foreign"] = "table"
    columns: list[Column]
    primary_key: Key | None = None
    unique_keys: list[Key] = Field(default_factory=list)
    indexes: list[Index] = Field(default_factory=list)
    checks: list[Check] = Field(default_factory=list)
    foreign_keys: list[ForeignKey] = Field(default_factory=list)
    sequences: list[Sequence] = Field(default_factory=list)
    partition_key: str | None = None
    """Native text after `PARTITION BY`."""
    partitions: list[Partition] = Field(default_factory=list)
    """Parents before their children."""
    types: list[TypeDefinition] = Field(default_factory=list)
    """In the order they must be created."""
    extensions: list[str] = Field(default_factory=list)
    """Native text after `CREATE EXTENSION IF NOT EXISTS`: name and schema."""
    comment: str | None = None
    not_carried: list[NotCarried] = Field(default_factory=list)
    estimated_rows: int = 0
    estimated_bytes: int = 0

    def column(self, name: str) -> Column | None:
        """The column of that exact name, None where there is none."""
        return next((column for column in self.columns if column.name == name), None)

    def row_keys(self) -> list[list[str]]:
        """Columns of what tells every row from the others: primary key, unique keys, plain unique indexes."""
        keys = [self.primary_key.columns] if self.primary_key is not None else []
        keys += [key.columns for key in self.unique_keys]
        plain = (index for index in self.indexes if index.unique and not index.partial and not index.expression)
        return keys + [index.columns for index in plain]

    def key_columns(self) -> set[str]:
        """Columns that a primary, unique or foreign key or a unique index holds."""
        lists = [key.columns for key in self.unique_keys] + [key.columns for key in self.foreign_keys]
        lists += [index.columns for index in self.indexes if index.unique]
        lists += [self.primary_key.columns] if self.primary_key is not None else []
        return {name for columns in lists for name in columns if name}


class Statement(Model):
    """One DDL statement and what it is for, as plan and certificate show it."""

    sql: str
    purpose: str
    """E.g. `table shop.orders`, `index orders_by_date`, `foreign key orders_customer_fk`."""


class TableDdl(Model):
    """All that creates one destination table, in the order of execution."""

    table: TableName | None = None
    """None where nothing is to be created."""
    schemas: list[Statement] = Field(default_factory=list)
    extensions: list[Statement] = Field(default_factory=list)
    types: list[TypeDefinition] = Field(default_factory=list)
    tables: list[Statement] = Field(default_factory=list)
    """Table, partitions, identity and defaults: before the load."""
    keys: list[Statement] = Field(default_factory=list)
    """Primary and unique keys, indexes, exclusions: after the load, independent of each other."""
    checks: list[Statement] = Field(default_factory=list)
    """After the load, one after another."""
    foreign_keys: list[Statement] = Field(default_factory=list)
    """After the load of every table of the job."""
    sequences: list[Statement] = Field(default_factory=list)
    """Set past the data, after the load."""
    comments: list[Statement] = Field(default_factory=list)
    not_carried: list[NotCarried] = Field(default_factory=list)
    statistics: list[Statement] = Field(default_factory=list)
    """What the database's planner must know of the rows, last of all."""


class Digest(Model):
    """Order-independent checksum of a set of rows: digests of disjoint sets add up.

    `total` is the sum of the rows' 64-bit (or 60-bit) hashes modulo 2**64, as a decimal string because JSON numbers
    are doubles elsewhere.
    """

    rows: int = 0
    total: str = "0"

    def __add__(self, other: Digest) -> Digest:
        total = (int(self.total) + int(other.total)) % 2**64
        return Digest(rows=self.rows + other.rows, total=str(total))

    def __sub__(self, other: Digest) -> Digest:
        """What is left of the set without a part of it; `rows` is negative where `other` is the larger one."""
        total = (int(self.total) - int(other.total)) % 2**64
        return Digest(rows=self.rows - other.rows, total=str(total))


class Capabilities(Model):
    """What a connector can do, as data: planner and workflows ask this, never a class."""

    dialect: str = ""
    """Tables of one dialect keep native types, expressions and DDL text (equals `TableSchema.dialect`)."""
    reads: bool = False
    writes: bool = False
    creates_tables: bool = False
    upserts: bool = False
    exports_snapshot: bool = False
    native_formats: list[str] = Field(default_factory=list)
    """Bulk formats that can move bytes untouched, best first; source and destination need one in common."""
    native_text: bool = False
    """Two databases of the dialect exchange values in their own text rather than in interchange text."""
    digest_in_server: str | None = None
    """Name of the record hash; sides with the same value can compare it."""
    attributes_rows: bool = False
    """Knows which batch wrote a row (`AttributesRows`)."""
    loosely_typed: bool = False
    """Columns may hold values of other types than the declared one, so every value is judged."""
    single_process_writer: bool = False
    key_during_load: bool = False
    """Unique keys exist while rows are loaded."""
    isolates_rejects: bool = False
    """Finds out which rows of a batch it refuses, and loads the others."""
    enforces_keys: bool = True
    """Primary, unique and foreign keys are more than words to the optimiser."""
    ignores_case: Literal["nothing", "columns", "all"] = "nothing"
    """Names that are the same name when only their case differs."""
    load_modes: list[Literal["append", "replace", "upsert"]] = Field(default_factory=list)
    folds: Literal["lower", "upper", "none"] = "none"
    """The case of names that are written without quotes."""
    has_schemas: bool = True
    identifier_bytes: int = 63
    """Longest name, in UTF-8 bytes."""
    watermarks: bool = False
    """Reads the rows past a watermark (`Selection.watermark`), so that tables may be incremental."""
    moves_violations: bool = False
    """Takes rows out of a table that keep a key or check from being built (`MovesViolations`)."""
    moves_orphans: bool = False
    """And those that keep a foreign key from it."""
    heals: bool = False
    """Compares rows by an integer key and loads them anew (`ComparesKeys`, `ReplacesRows`)."""
