"""Whether a transaction of this database can be taken back: some drivers and table types commit by themselves."""

from __future__ import annotations

from uuid import uuid4

from connectors.contract import LedgerEntry
from connectors.sql.ledger import SqlLedger
from connectors.sql.session import SqlSession
from connectors.sqlalchemy.table_lock import NO_JOB
from core.errors import InvalidConfiguration
from core.schema import Digest

PROBE_NUMBER = -3
"""Below that of the row that holds a table."""


async def refuse_without_rollback(session: SqlSession, ledger: SqlLedger) -> None:
    """Writes a row of the ledger and rolls it back. Raises InvalidConfiguration where it stays: a worker that dies
    between a ledger row and its rows would leave a batch that passes for loaded."""
    probe = LedgerEntry(NO_JOB, uuid4().hex, 0, PROBE_NUMBER, Digest())
    await session.begin()
    await ledger.claim(session, probe)
    await session.rollback()
    if await ledger.recorded(session, probe) is None:
        return
    await ledger.forget(session, probe)
    raise InvalidConfiguration(
        f"{ledger.name} keeps a row that was rolled back, so that no batch could be loaded exactly once",
        remedy="Take autocommit out of the url, and give the database (the table too) a storage engine that has "
        "transactions",
    )
