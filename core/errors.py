"""Errors, typed by what their reader can do about them.

    MigrationError
    ├── Parks                   an operator can mend it; the table waits for `retry`
    │   ├── InvalidConfiguration    the job, an option or a transformation is wrong
    │   ├── AccessDenied            wrong password, missing privilege
    │   ├── SecretMissing           a secret reference leads nowhere
    │   ├── NotFound                host name, database, table or column does not exist
    │   ├── OutOfSpace              disk, quota or tablespace is full
    │   ├── Damaged                 a document or a sealed value is not what was written
    │   └── DataRejected            the destination refuses a row
    ├── Retries                 time mends it; Temporal tries again
    │   ├── Unavailable             the other side cannot be reached
    │   ├── BudgetTaken             other jobs have all the sessions that Sterna may have on a database
    │   └── Contended               deadlock, serialization failure, lock timeout
    ├── SnapshotGone            the rows must be read under a new snapshot
    │   └── SnapshotExpired         … once an operator made the source keep old rows for longer
    ├── StagedBatchGone         the batch must be extracted again
    ├── Conflict                a command that the job's state does not allow
    ├── DataMismatch            the proof failed: the destination is not what the source was
    └── Defect                  Sterna is wrong; nothing an operator can do

Connectors map vendor codes to these classes once, at their boundary. `message` is for the operator and never holds
a value of a row or a secret; what may be personal goes into `evidence`.
"""

from __future__ import annotations

from typing import Any, ClassVar


class MigrationError(Exception):
    """Root of every error that Sterna raises on purpose."""

    retryable: ClassVar[bool] = False
    parks: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        code: str = "",
        evidence: dict[str, Any] | None = None,
    ) -> None:
        """`remedy` says what to do next, `code` is the vendor's (SQLSTATE, ORA-…), `evidence` may hold values."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code
        self.evidence = evidence or {}

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


class Parks(MigrationError):
    """An operator can mend it: the table parks, its slot is free, `retry` continues it."""

    parks = True


class InvalidConfiguration(Parks):
    """The job, a connector option or a transformation does not fit the databases."""


class AccessDenied(Parks):
    """The database refuses the login or the privilege."""


class SecretMissing(Parks):
    """A secret reference cannot be resolved on the worker."""


class NotFound(Parks):
    """A database, table, column or secret named by the job does not exist."""


class OutOfSpace(Parks):
    """Disk, quota or tablespace is full."""


class Damaged(Parks):
    """A document or a sealed value was changed, cut short or moved since it was written."""


class DataRejected(Parks):
    """The destination refuses a row."""


class Retries(MigrationError):
    """Time mends it: the activity is tried again."""

    retryable = True


class Unavailable(Retries):
    """The other side cannot be reached, or cut the connection."""


class BudgetTaken(Retries):
    """Sterna's other sessions on the database are as many as it may have."""


class Contended(Retries):
    """Another session was in the way: deadlock, serialization failure or lock timeout."""


class SnapshotGone(MigrationError):
    """The snapshot that the rows were to be read under no longer exists."""


class SnapshotExpired(SnapshotGone):
    """The source threw away what the snapshot needs, and would again: the table waits for `retry`, which reads anew."""

    parks = True


class StagedBatchGone(MigrationError):
    """A staged batch is no longer in staging: it must be extracted again."""


class Conflict(MigrationError):
    """The job's state, or an idempotency key in use, does not allow what is asked."""


class DataMismatch(MigrationError):
    """The destination does not hold what the source held."""


class Defect(MigrationError):
    """Sterna contradicts itself. Report it."""
