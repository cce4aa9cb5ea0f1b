"""A session through a blocking driver, as the shared reader, writer, ledger and proof use it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from connectors.contract import DigestMethod, LoadTarget
from connectors.sql import query
from connectors.sql.dialect import SqlDialect
from connectors.sql.query import ReadColumn
from connectors.tracing import trace_session
from core.errors import DataRejected, Defect
from core.schema import Digest, TableName

if TYPE_CHECKING:
    import pyarrow as pa


class ObjectExists(Exception):
    """A DDL statement found what it would create; caught where the DDL is run and never seen outside."""


class DuplicateKey(DataRejected):
    """A row breaks a primary or unique key; sessions raise it rather than a bare DataRejected."""


class SqlSession(ABC):
    """One session with the database, for one piece of work. Vendor errors leave it as errors of core/errors.py, which
    name what was done; they never hold a value.

    Sessions begin without a transaction; outside of one, each statement commits by itself. A session that is closed
    within a transaction rolls it back. A cancelled call ends its statement in the server before it returns.
    """

    has_savepoints: ClassVar[bool] = True
    """A statement that fails leaves the transaction as it is, and SAVEPOINT says where to go back to."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        """What a session does is told to traces."""
        super().__init_subclass__(**arguments)
        trace_session(cls)

    @abstractmethod
    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Runs a statement; the number of rows it changed, where the driver knows it. Raises ObjectExists (DDL),
        DuplicateKey (DML)."""

    @abstractmethod
    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query with a small answer."""

    @abstractmethod
    def stream(self, sql: str, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch, None]:
        """The rows of a query whose columns all are text, in parts of about 2 MB, under the schema given (names and
        metadata; string columns). No Python object per row where the driver can help it."""

    def rows(
        self, dialect: SqlDialect, columns: Sequence[ReadColumn], relation: str, conditions: Sequence[str] = ()
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """The rows of a relation as interchange text, in such parts."""
        return self.stream(query.select(dialect, columns, relation, conditions), query.schema_of(columns))

    @abstractmethod
    async def insert(self, target: LoadTarget, rows: pa.RecordBatch) -> int:
        """Inserts interchange text in bulk, through the dialect's write expressions; the number of rows that the table
        took. Inside the transaction. Raises DataRejected where a value does not fit; nothing is skipped or changed in
        silence."""

    async def copy_in(self, target: LoadTarget, parts: AsyncIterator[bytes]) -> int:
        """As `insert`, from the bulk format that `target.native_format` names; the number of rows that were taken."""
        raise Defect(f"{type(self).__name__} was given rows in the format {target.native_format or 'native'}")

    async def digest(self, source: str, proof: DigestMethod) -> Digest | None:
        """Digest of the rows of `source` (what stands after FROM, WHERE included), computed in the server just as
        connectors/canonical.py does. None where the server cannot, for all columns or for these: then the rows are
        streamed and hashed here."""
        return None

    @abstractmethod
    async def begin(self, *, read_only: bool = False) -> None:
        """Begins a transaction; a read-only one sees one moment where the engine can."""

    @abstractmethod
    async def commit(self) -> None:
        """Commits. Raises Unavailable where the outcome is not known: the ledger tells it to the next attempt."""

    @abstractmethod
    async def rollback(self) -> None:
        """Rolls back; nothing where there is no transaction."""

    @abstractmethod
    async def hold_table(self, table: TableName, *, alone: bool) -> None:
        """Inside a transaction: loads of batches hold a table together, the beginning of a load holds it `alone`, until
        the transaction ends. Raises Contended after a minute."""

    async def check_deletion(self, table: TableName) -> None:  # noqa: B027
        """Inside a transaction, before all rows of the table are deleted. Raises InvalidConfiguration where a foreign
        key would delete or change rows of other tables with them (ON DELETE CASCADE). Nothing by default: SQLite's
        foreign keys are off in Sterna's sessions, DuckDB's have no actions, Snowflake's are not enforced."""

    async def end_predecessor(self, batch: str) -> None:  # noqa: B027
        """Inside a transaction, before the ledger is asked: makes this session the only one that works on `batch` (a
        name). A predecessor that lost its lease (a stopped worker) is ended in the server where the engine can; else
        it must be left to time out, and the ledger's key makes the successor wait. Nothing by default."""
