"""Routes: what is fixed about one table of one run, from source to destination."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.base_model import Model
from core.job_spec import ConnectionSpec, JobSpec, LoadMode, TransformationSpec
from core.key_spans import KeySpans
from core.ranges import RangePlan
from core.schema import TableDdl, TableName, TableSchema
from core.value_type import Limit, ValueType, Verdict
from core.watermark import PassRoute


class Endpoint(Model):
    """One side of a job as activities need it."""

    side: Literal["source", "destination"]
    connection: ConnectionSpec

    def __str__(self) -> str:
        options = self.connection.options
        place = options.get("host") or options.get("path") or ""
        name = options.get("database") or options.get("serviceName") or ""
        return f"{self.side} {self.connection.type} {place}/{name}".rstrip("/")


def endpoints(job: JobSpec) -> tuple[Endpoint, Endpoint]:
    """Source and destination of a job."""
    return (
        Endpoint(side="source", connection=job.source),
        Endpoint(side="destination", connection=job.destination),
    )


class ColumnRoute(Model):
    """One column on its way: where it comes from, what it is called and is at the destination."""

    source: str | None
    """None: a transformation makes it."""
    destination: str
    source_type: str
    destination_type: str
    form: str = "native"
    """How the digest sees it: `native` by the server's record hash, `…send` by the bytes of that function of
    PostgreSQL, else by text of that class."""
    verdict: Verdict = "EXACT"
    reason: str = ""
    """For people: what is re-encoded, lost or not supported, and what to do."""
    value: ValueType | None = None
    """What the interchange text stands for; None where the dialect's own text or bytes travel."""
    limits: list[Limit] = Field(default_factory=list)
    """What the destination's column cannot hold of the values that may come."""


class TableRoute(Model):
    """All that is fixed about one table of one run. Lies in the document store; payloads carry its reference."""

    job_id: str
    table_id: str
    run: int
    source: Endpoint
    destination: Endpoint
    source_table: TableName
    destination_table: TableName
    source_schema: TableSchema
    read_columns: list[str]
    """Source columns in the order in which they are read."""
    columns: list[ColumnRoute]
    """Destination columns in the order in which they are written."""
    path: Literal["native", "arrow"]
    as_text: bool = False
    """The native path in the text variant of its format."""
    interchange: bool = False
    """Values travel as interchange text (core/value_type.py) rather than in the dialect's own text or bytes."""
    native_format: str = ""
    """The bulk format of the native path; '' for the dialect's own."""
    digest_algorithm: str
    transformations: list[TransformationSpec] = Field(default_factory=list)
    where_clause: str | None = None
    load_mode: LoadMode
    upsert_keys: list[str] = Field(default_factory=list)
    """Destination names."""
    plan: RangePlan
    ddl: TableDdl
    create_table: bool
    """False: the destination table exists already and is used."""
    warnings: list[str] = Field(default_factory=list)
    refusals: list[str] = Field(default_factory=list)
    """Why the table cannot begin: columns whose values would not arrive. Only plans show such routes."""
    incremental: PassRoute | None = None
    """The run is a pass over the rows that are new."""
    key: str = ""
    """Source column, an integer of its own in every row and unchanged on its way, by which both sides can be compared
    and rows be loaded anew; '' where there is none."""
    heal: bool = False
    """The job wants rows that differ loaded anew."""

    @property
    def destination_key(self) -> str:
        """What `key` is called at the destination."""
        return next((column.destination for column in self.columns if column.source == self.key), "")

    @property
    def rows_per_batch(self) -> int:
        """About, by the catalog."""
        return max(1000, -(-self.source_schema.estimated_rows // self.plan.batches))

    def statements(self) -> list[str]:
        """The DDL for this table in the order of execution; statements whose object exists already are skipped."""
        ddl = self.ddl
        types = [sql for definition in ddl.types for sql in definition.statements]
        after = [*ddl.keys, *ddl.checks, *ddl.foreign_keys, *ddl.sequences, *ddl.comments, *ddl.statistics]
        built = [statement.sql for statement in after]
        if not self.create_table:
            return built
        before = [statement.sql for statement in [*ddl.schemas, *ddl.extensions]]
        return [*before, *types, *(statement.sql for statement in ddl.tables), *built]


class Repair(Model):
    """Key spans that are loaded anew, as batches numbered after all earlier ones of the load. Lies in the document
    store: keys may be personal."""

    key: str
    destination_key: str
    first: int
    batches: list[list[tuple[int, int]]]
    nulls: bool = False
    """The first batch also takes away the destination's rows without a key."""

    def range_of(self, number: int, side: Literal["source", "destination"]) -> KeySpans:
        """Rows of one batch on one side."""
        at = number - self.first
        column = self.key if side == "source" else self.destination_key
        return KeySpans(column=column, spans=self.batches[at], nulls=self.nulls and at == 0)
