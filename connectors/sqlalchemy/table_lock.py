"""A lock on a table that any database has: a row of the ledger that is updated within the transaction.

It is held alone by every load, so that loads of one table follow one another; those of different tables do not wait
for each other.
"""

from __future__ import annotations

import asyncio
import hashlib

from connectors.sql.ledger import SqlLedger
from connectors.sql.session import DuplicateKey, SqlSession
from connectors.sqlalchemy.dialect import SqlalchemyDialect
from core.errors import Contended
from core.schema import TableName

HOLD_SECONDS = 60.0
LOCK_NUMBER = -2
"""Below that of the row that begins a load."""
NO_JOB = "-"


async def hold(session: SqlSession, dialect: SqlalchemyDialect, schema: str, table: TableName) -> None:
    """Waits for the row as long as the database waits, a minute at most: who holds it may have been stopped. Raises
    Contended, also where two make it at once."""
    try:
        async with asyncio.timeout(HOLD_SECONDS):
            await _hold(session, dialect, schema, table)
    except TimeoutError:
        raise Contended(
            f"another session holds {table}",
            remedy="End it in the database if its worker was stopped or is gone",
        ) from None


async def _hold(session: SqlSession, dialect: SqlalchemyDialect, schema: str, table: TableName) -> None:
    ledger = SqlLedger(dialect, schema)
    upper = dialect.capabilities.folds == "upper"

    def name(text: str) -> str:
        return dialect.reference(text.upper() if upper else text)

    wanted = {
        "job_id": NO_JOB,
        "table_id": hashlib.sha256(str(table).encode()).hexdigest(),
        "load": 0,
        "number": LOCK_NUMBER,
    }
    condition = " AND ".join(f"{name(key)} = {dialect.placeholder(place)}" for place, key in enumerate(wanted))
    update = f"UPDATE {ledger.sql} SET {name('rows')} = {name('rows')} + 1 WHERE {condition}"
    if await session.execute(update, list(wanted.values())):
        return
    row = {**wanted, "rows": 0, "digest": "0", "loaded_at": "-"}
    marks = ", ".join(map(dialect.placeholder, range(len(row))))
    try:
        await session.execute(
            f"INSERT INTO {ledger.sql} ({', '.join(map(name, row))}) VALUES ({marks})", list(row.values())
        )
    except DuplicateKey:
        raise Contended(f"another session begins to load {table}") from None
