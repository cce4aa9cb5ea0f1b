"""What connectors are told and what they answer: plain data, without a driver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from core.errors import Defect
from core.key_spans import KeySpans
from core.ranges import KeyRange, PageRange, WholeTable
from core.schema import Digest, TableName, TableSchema
from core.value_type import ValueType

if TYPE_CHECKING:
    import pyarrow as pa

    from core.errors import DataRejected

CANONICAL_DIGEST = "canonical-md5-60/1"
"""The digest that every connector computes: 60 bits of the md5 of each row's canonical text, summed."""

CSV_INTERCHANGE = "csv-interchange/1"
"""A bulk format that several databases read and write themselves: interchange text as comma-separated UTF-8, no header,
rows ended by a line feed. A value is quoted by `"` (doubled inside) or free of quotes, commas and line ends and not the
word NULL; NULL is the unquoted word NULL. No escapes: a backslash is a backslash."""

AnyRange = PageRange | KeyRange | KeySpans | WholeTable
Progress = Callable[[int], None]
"""Told the bytes moved since the last call; the caller heartbeats and thereby learns of cancellation."""


@dataclass(frozen=True)
class Credentials:
    """A resolved secret. Lives in worker memory only; its repr shows nothing."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    wallet_password: str | None = field(default=None, repr=False)
    """Opens an encrypted wallet, where the connection has one."""


@dataclass(frozen=True)
class ServerInfo:
    """What a login found."""

    product: str
    version: str
    user: str
    database: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SnapshotTaken:
    """A moment that other sessions can read while the keeper's session lives."""

    id: str
    taken_at: datetime
    position: str


@dataclass(frozen=True)
class WatermarkRange:
    """Rows whose value of a column lies past `after` and not past `through` (interchange text; None: open)."""

    column: str
    after: str | None
    through: str | None
    nulls: bool
    """Rows without a value too."""


@dataclass(frozen=True)
class Selection:
    """Which rows and columns of a source table to read, in which order of columns."""

    table: TableSchema
    columns: Sequence[str]
    where: str | None = None
    as_text: bool = False
    """In the native format's text variant, for columns whose bytes mean something else elsewhere."""
    interchange: bool = False
    """Values as interchange text (core/value_type.py) rather than in the database's own text."""
    native_format: str = ""
    """Which of the connector's bulk formats `read_native` gives."""
    every_column: bool = False
    """The job names no columns: it means all that the table has."""
    watermark: WatermarkRange | None = None
    """Of an incremental pass: only these rows."""


@dataclass(frozen=True)
class DigestColumn:
    """A column as the digest sees it. `form` as in `core.route.ColumnRoute.form`."""

    name: str
    form: str
    value: ValueType | None = None
    """What its interchange text stands for; None: the database's own text is hashed."""
    native: str = ""
    """The column's type in this database, where `value` is given."""


@dataclass(frozen=True)
class WrittenColumn:
    """A destination column that interchange text arrives for."""

    name: str
    value: ValueType
    native: str
    """The column's type as the route has it."""


@dataclass(frozen=True)
class DigestMethod:
    """How rows are hashed: the algorithm's name and the columns in the order in which they are hashed."""

    algorithm: str
    columns: tuple[DigestColumn, ...]


@dataclass(frozen=True)
class KeyBuckets:
    """Cuts an integer key into pieces of equal width: bucket 0 begins at `origin`."""

    key: str
    origin: int
    width: int


@dataclass(frozen=True)
class LedgerEntry:
    """What the ledger records about one batch, in the transaction that loads it."""

    job_id: str
    table_id: str
    load: int
    number: int
    digest: Digest
    """Of the rows that are to be loaded."""
    rejected: int = 0
    """Rows of the batch that were left out already."""


@dataclass(frozen=True)
class LoadRef:
    """One load of one table, as the ledger knows it."""

    job_id: str
    table_id: str
    load: int


@dataclass(frozen=True)
class LedgerRow:
    """A batch that the ledger holds."""

    number: int
    digest: Digest
    loaded_at: datetime
    rejected: int = 0
    """Rows of the batch that were not loaded."""


@dataclass(frozen=True)
class LoadTarget:
    """Where rows go. `columns` in the order in which they arrive."""

    table: TableName
    columns: Sequence[str]
    upsert_keys: Sequence[str] = ()
    as_text: bool = False
    """The native format's text variant arrives."""
    written: Sequence[WrittenColumn] = ()
    """As `columns`, where interchange text arrives."""
    native_format: str = ""
    """Which of the connector's bulk formats `load_native` gets."""
    in_place_of: KeySpans | None = None
    """Rows that go in the same transaction before the batch's come; the ledger records the difference."""
    removal_proof: DigestMethod | None = None
    """How the rows that go are hashed; None: they are only counted."""


@dataclass(frozen=True)
class LoadBeginning:
    """Who asks for a generation: the same token gets the same one."""

    job_id: str
    table_id: str
    run: int
    """Generations of one number replace each other: the run, or the pass of an incremental table."""
    token: str
    """Numbers with dots between them, compared from the left: who asks later has the greater one."""
    empties: bool = False
    """A new generation takes away all rows where the table was empty before the run, whoever wrote them."""

    def refuse_straggler(self, newest: str | None) -> None:
        """To be called with the token of the table's newest load, whatever its run, before anything is done. Raises
        Defect where that was asked for later: a worker that was stopped, and is missed by nobody, would take away the
        newer load's rows."""
        if newest is not None and _order(newest) > _order(self.token):
            raise Defect(f"load {self.token} of table {self.table_id} comes late: load {newest} has begun")


@dataclass(frozen=True)
class LoadGeneration:
    """Answer to `begin_load`."""

    load: int
    rows_before: int
    emptied: bool


@dataclass(frozen=True)
class Loaded:
    """Outcome of one batch."""

    digest: Digest
    """As the ledger records it."""
    repeated: bool
    """The ledger row stood already: nothing was written."""
    rejected: int = 0
    """As the ledger records it."""


REPEATED_KEY = "21000"
"""Code of rows that an upsert refuses because it brought another one of the same key (SQL's cardinality violation)."""


@dataclass(frozen=True)
class RefusedRow:
    """A row that the destination does not take."""

    position: int
    """In its batch, from 0."""
    values: dict[str, str | None]
    """By destination column, as text."""
    error: DataRejected


KeepRefused = Callable[[Sequence[RefusedRow], Digest | None], Awaitable[Digest]]
"""Told the refused rows before the load commits, and their digest where the database computed it. Answers with the
digest that they take away from the batch's; raises to have nothing loaded."""


@dataclass(frozen=True)
class MovedRow:
    """A row that goes out of its table again, and the batch that wrote it."""

    number: int
    values: dict[str, str | None]
    """By destination column, as text."""


KeepMoved = Callable[[Sequence[MovedRow], "DataRejected"], Awaitable[None]]
"""Told rows and reason before they are deleted; raises to have nothing changed."""


@dataclass(frozen=True)
class WholeBatch:
    """All rows of a batch at once: in the native bulk format, or as Arrow with columns in exact text form."""

    native: bytes | None = None
    arrow: pa.Table | None = None


@dataclass(frozen=True)
class BatchDifference:
    """A batch whose rows in the destination are not those that the ledger promises; number None: rows of no batch."""

    number: int | None
    expected: Digest
    found: Digest


def _order(token: str) -> list[int]:
    return [int(number) for number in token.split(".")]
