"""The whole contract of a connector: one small base and capability classes.

A database is added as one folder with a connector class that inherits the capabilities it has. Whether a capability
is there is published as data (`Capabilities`); callers fetch it with `capability(connector, ReadsRows)` and get a clear
`InvalidConfiguration` where it is missing.

All methods are coroutines and must not block the event loop: blocking drivers run their calls in threads, by way
of `core.stopwatch` (`computing`, `in_thread`), so that a profile does not take their work for waiting. Each session is
opened for one piece of work and closed after it; connectors keep no pool, so that a paused job leaves no session
behind. When the awaiting task is cancelled, the statement is cancelled in the server and the session closed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from connectors.contract import (
    AnyRange,
    BatchDifference,
    Credentials,
    DigestMethod,
    KeepMoved,
    KeepRefused,
    KeyBuckets,
    LedgerEntry,
    LedgerRow,
    LoadBeginning,
    Loaded,
    LoadGeneration,
    LoadRef,
    LoadTarget,
    Progress,
    Selection,
    ServerInfo,
    SnapshotTaken,
    WholeBatch,
)
from core.errors import Defect, InvalidConfiguration
from core.ranges import RangePlan
from core.schema import (
    Capabilities,
    Column,
    Digest,
    NotCarried,
    Statement,
    TableDdl,
    TableName,
    TableSchema,
)
from core.value_type import Arrival

if TYPE_CHECKING:
    import pyarrow as pa


class ConnectorOptions(BaseModel):
    """Base of a connector's options: camelCase in JSON, unknown fields refused, importable without the driver."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", use_attribute_docstrings=True
    )

    max_connections: int | None = Field(default=None, ge=2)
    """Sessions that Sterna has on this database at once, over all jobs and workers: give all jobs the same number.
    Default: STERNA_MAX_CONNECTIONS of the workers."""

    def address(self) -> tuple[str, int] | None:
        """Host and port to try before login, None where the database is not reached by TCP."""
        return None

    def hosts(self) -> dict[str, str]:
        """Every host that sessions connect to, by the option that names it."""
        address = self.address()
        return {} if address is None else {"host": address[0]}

    def files(self) -> dict[str, str]:
        """Files and folders on the workers, by the option that names them."""
        return {}

    def counted_as(self) -> str | None:
        """Which database sessions count for, whoever logs in; None where they are not counted."""
        address = self.address()
        if address is None:
            return None
        host, port = address
        return f"{host.lower()}:{port}/{getattr(self, 'database', '')}"


class Connector(ABC):
    """One database, reached with one set of options."""

    capabilities: ClassVar[Capabilities]
    session_settings: ClassVar[Mapping[str, str]] = {}
    """What its sessions change from the server's defaults, for the certificate."""

    def __init__(self, options: Any, credentials: Credentials, label: str) -> None:
        """`label` names the work to the database (application_name and the like): no secret, no value."""
        self.options = options
        self.credentials = credentials
        self.label = label

    @property
    def default_schema(self) -> str:
        """Schema of tables that are named without one; '' where the database has none."""
        return ""

    @abstractmethod
    async def check(self) -> ServerInfo:
        """Logs in and out. Raises Unavailable, AccessDenied or NotFound."""


class RowReader(ABC):
    """A read session, under a snapshot where one was given."""

    @abstractmethod
    async def read_arrow(
        self, selection: Selection, rows: AnyRange, sink: Callable[[pa.RecordBatch], Awaitable[None]]
    ) -> None:
        """Gives the rows in parts of bounded size. Every column is utf8 (or large_utf8): interchange text where the
        selection asks for it, else the database's exact text form."""

    @abstractmethod
    async def read_native(self, selection: Selection, rows: AnyRange, sink: Callable[[bytes], Awaitable[None]]) -> int:
        """Gives the rows in the native bulk format and returns their number."""

    @abstractmethod
    async def digest(self, selection: Selection, rows: AnyRange, proof: DigestMethod) -> Digest:
        """Digest of the rows, computed by the server."""

    @abstractmethod
    async def row_hashes(self, selection: Selection, rows: AnyRange, proof: DigestMethod) -> dict[int, int]:
        """How often each row hash occurs in the range, to narrow a difference down to rows."""

    @abstractmethod
    async def example_rows(
        self, selection: Selection, rows: AnyRange, proof: DigestMethod, hashes: Sequence[int]
    ) -> list[dict[str, Any]]:
        """Rows with these hashes, as column → text, at most one for each hash."""

    @abstractmethod
    async def count(self, selection: Selection) -> int:
        """Number of rows, by a query that knows nothing of ranges."""

    async def highest(self, selection: Selection, column: str) -> str | None:
        """Interchange text of the greatest value of a column among the rows, None where there is none. A reader that
        has this heeds `Selection.watermark` everywhere."""
        raise InvalidConfiguration(
            f"{type(self).__name__} reads no watermarks, so {selection.table.name} cannot be incremental",
            remedy="Leave 'incremental' out, or choose the rows by whereClause",
        )


class ComparesKeys(ABC):
    """Of a RowReader: digests of many key ranges in one query, to compare two sides by a bisection."""

    @abstractmethod
    async def key_ends(self, selection: Selection, key: str) -> tuple[int, int] | None:
        """The smallest and the largest value of an integer column, None where no row has one."""

    @abstractmethod
    async def bucket_digests(
        self, selection: Selection, rows: AnyRange, proof: DigestMethod, buckets: KeyBuckets
    ) -> dict[int | None, Digest]:
        """Digests of the rows by bucket, without those of no row; None: rows without a key."""


class ReadsRows(ABC):
    """Reads tables and cuts them into ranges."""

    @abstractmethod
    async def list_tables(self, include: Sequence[str], exclude: Sequence[str]) -> list[TableName]:
        """Tables whose `schema.table` matches a pattern (`*`, `?`), the ledger always excluded, sorted."""

    @abstractmethod
    async def describe_tables(self, names: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """Catalog descriptions; names that do not exist are missing from the answer. Never scans a table."""

    @abstractmethod
    async def plan_ranges(
        self, table: TableSchema, *, batch_rows: int | None, batch_bytes: int, stable_pages: bool
    ) -> RangePlan:
        """Ranges that cover every row exactly once, from the catalog alone. `stable_pages`: rows keep their place
        while the ranges are read (a snapshot is held), so physical ranges are safe."""

    @abstractmethod
    async def check_selection(self, selection: Selection) -> None:
        """Lets the server check names, types and privileges of the selection without running it.

        Raises InvalidConfiguration, AccessDenied.
        """

    @abstractmethod
    def reading(self, snapshot: str | None) -> AbstractAsyncContextManager[RowReader]:
        """Opens a read session. Raises SnapshotGone."""


class ExportsSnapshot(ABC):
    """Can keep one moment readable for many sessions."""

    @abstractmethod
    def keeping_snapshot(self, tables: Sequence[TableName]) -> AbstractAsyncContextManager[SnapshotKeeper]:
        """Opens the keeper's session, locks the tables against rewriting and DDL, then takes the snapshot."""


class SnapshotKeeper(ABC):
    """A session whose end is the end of its snapshot."""

    taken: SnapshotTaken

    @abstractmethod
    async def check(self) -> None:
        """Asks the session for a sign of life. Raises Unavailable."""


class CreatesTables(ABC):
    """Creates destination objects."""

    @abstractmethod
    def table_ddl(
        self,
        source: TableSchema,
        destination: TableName,
        renames: dict[str, str],
        table_renames: Mapping[TableName, TableName],
        column_renames: Mapping[TableName, Mapping[str, str]],
    ) -> TableDdl:
        """DDL for the table, with `renames` of columns; columns missing from `renames` are not carried.
        `table_renames` and `column_renames` say what the job's other tables and their columns are called, for foreign
        keys. `source.dialect` may be another: then types come from `arrival` and expressions are translated where
        their meaning is the same in both; what is not is listed. Pure: no session."""

    @abstractmethod
    async def create(self, tables: Sequence[TableDdl]) -> dict[int, str]:
        """Creates schemas, extensions, types and tables that are missing. Idempotent. Returns reasons by position
        for tables that could not be created."""

    @abstractmethod
    async def drop_foreign_keys(self, keys: Sequence[Statement]) -> list[str]:
        """Drops those foreign keys (statements of `TableDdl.foreign_keys`) that exist just so, and returns what for
        people they were. Idempotent."""

    @abstractmethod
    async def build(self, statements: Sequence[Statement], parallel: int) -> None:
        """Executes post-load DDL, at most `parallel` statements at once. Idempotent: what exists already with that
        name is left alone."""


class WritesRows(ABC):
    """Loads batches exactly once."""

    @abstractmethod
    def arrival(self, column: Column, existing: Column | None, *, key: bool) -> Arrival:
        """How interchange text of `column` (its name as at the destination; `column.value` says what it is) arrives
        here: in a column that is made for it, or in the existing one. `key`: a primary key, unique key or foreign key
        holds it. `column` may be of this dialect: then a new column has the same native type. Pure."""

    @abstractmethod
    async def prepare_ledger(self) -> None:
        """Creates the ledger where it is missing. Idempotent."""

    @abstractmethod
    async def begin_load(self, begin: LoadBeginning, target: LoadTarget, *, replace: bool) -> LoadGeneration:
        """One transaction: the generation of this token, made where it is new. A new one takes away what earlier
        generations of the same run wrote; the run's first empties the table where `replace` says so."""

    @abstractmethod
    async def load_native(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[bytes], progress: Progress
    ) -> Loaded:
        """Ledger row and rows in one transaction, from the native bulk format."""

    @abstractmethod
    async def load_arrow(
        self, target: LoadTarget, entry: LedgerEntry, parts: AsyncIterator[pa.RecordBatch], progress: Progress
    ) -> Loaded:
        """Ledger row and rows in one transaction, from Arrow with columns in exact text form."""

    @abstractmethod
    async def ledger_rows(self, load: LoadRef) -> list[LedgerRow]:
        """The batches of one load, by number."""


class ReplacesRows(ABC):
    """Loads batches in place of rows that stand (`LoadTarget.in_place_of`)."""

    @abstractmethod
    async def correct_ledger(self, target: LoadTarget, entry: LedgerEntry) -> Loaded:
        """Writes a ledger row that comes without rows, once: no straggler can load a batch of that number any more."""


class IsolatesRejects(ABC):
    """Finds out which rows of a batch it does not take, and loads the others."""

    @abstractmethod
    async def load_isolating(
        self,
        target: LoadTarget,
        entry: LedgerEntry,
        batch: WholeBatch,
        proof: DigestMethod,
        keep: KeepRefused,
        *,
        most: int,
        digests: bool,
    ) -> Loaded:
        """As `load_native` and `load_arrow`, for a batch that was refused as a whole: ledger row and all rows that the
        table takes in one transaction. `keep` is awaited before it commits; what it raises is raised, and nothing is
        loaded. No more than `most` + 1 refused rows are looked for. `proof` is how the table's rows are hashed, where
        `digests` are wanted."""

    async def digest_text(self, target: LoadTarget, rows: pa.Table, proof: DigestMethod) -> Digest:
        """Digest of rows in exact text form as the table would hold them, by an algorithm of the database's own."""
        raise Defect(f"{type(self).__name__} computes no digest {proof.algorithm}")


class MovesViolations(ABC):
    """Takes rows out of a table that keep a constraint from being built."""

    @abstractmethod
    async def move_out(
        self,
        statement: Statement,
        target: LoadTarget,
        load: LoadRef,
        proof: DigestMethod,
        keep: KeepMoved,
        *,
        most: int,
    ) -> int:
        """One transaction: `keep` is told the load's rows that violate what the statement builds (of duplicates all
        but one; no more than `most` + 1), they are deleted, and the ledger's batches corrected. Their number; 0 where
        there are none, or where only other people's rows are in the way."""


class KeepsNativeText(ABC):
    """Two databases of its dialect exchange values in their own text or bytes: types are compared, not judged."""

    @abstractmethod
    def keeps_values(self, column: Column, arrival: Column) -> bool:
        """Every value of the source's column is the same value in this database's column `arrival`."""

    @abstractmethod
    def column_of(self, name: str, type_text: str, nullable: bool) -> Column:
        """A column that a transformation makes, by the name of its type."""

    @abstractmethod
    def digest_form(self, column: Column, algorithm: str) -> str:
        """How the digest must see this column of a table here, so that unequal values never hash alike."""


class ProvesRows(ABC):
    """Computes what committed rows are, in sessions of their own."""

    @abstractmethod
    async def count_rows(self, table: TableName) -> int:
        """All rows of the table."""

    @abstractmethod
    async def digest_table(self, table: TableName, proof: DigestMethod) -> Digest:
        """Digest of all rows of the table."""

    @abstractmethod
    async def digest_load(self, table: TableName, proof: DigestMethod, load: LoadRef) -> Digest:
        """Digest of just the rows that one load wrote."""

    @abstractmethod
    def table_hashes(self, table: TableName, proof: DigestMethod) -> AsyncIterator[Sequence[int]]:
        """The hash of every row, in parts and in no order."""

    @abstractmethod
    async def example_rows(self, table: TableName, proof: DigestMethod, hashes: Sequence[int]) -> list[dict[str, Any]]:
        """Rows of the table with these hashes, as column → text, at most one for each hash."""


class AttributesRows(ABC):
    """Knows of every row which batch wrote it."""

    @abstractmethod
    async def differing_batches(self, table: TableName, proof: DigestMethod, load: LoadRef) -> list[BatchDifference]:
        """Batches whose rows are not as recorded, rows of no batch last."""

    @abstractmethod
    async def batch_hashes(
        self, table: TableName, proof: DigestMethod, load: LoadRef, number: int | None
    ) -> dict[int, int]:
        """How often each row hash occurs among the rows of one batch (None: among rows of no batch)."""


class ListsObjects(ABC):
    """Names what a migration of tables leaves behind."""

    @abstractmethod
    async def list_not_carried(self, schemas: Sequence[str]) -> list[NotCarried]:
        """Views, routines, triggers, policies and the like in these schemas."""


C = TypeVar("C")


def capability(connector: Connector, wanted: type[C]) -> C:
    """The connector as one that has the capability. Raises InvalidConfiguration where it has not."""
    if isinstance(connector, wanted):
        return connector
    raise InvalidConfiguration(
        f"the connector {type(connector).__name__} cannot do this ({wanted.__name__})",
        remedy="GET /api/connectors lists what each connector can do",
    )
