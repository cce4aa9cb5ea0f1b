"""One moment that many sessions read: a system change number (SCN), to which every query goes back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

from connectors.base import SnapshotKeeper
from connectors.contract import SnapshotTaken
from connectors.sql.session import SqlSession
from core.errors import AccessDenied, InvalidConfiguration, NotFound, SnapshotGone

CURRENT_SCN = (
    "SELECT TO_CHAR(current_scn) FROM v$database",
    "SELECT TO_CHAR(DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER()) FROM dual",
)
"""Each needs a grant: SELECT ON V_$DATABASE, EXECUTE ON DBMS_FLASHBACK. TIMESTAMP_TO_SCN needs none and is up to three
seconds late: rows committed just before would be missing."""
SCN = re.compile(r"scn:(\d+)")


def scn_of(snapshot: str) -> int:
    """The number that a snapshot's id stands for. Raises SnapshotGone for the id of another database."""
    found = SCN.fullmatch(snapshot)
    if found is None:
        raise SnapshotGone("the snapshot is none of Oracle's")
    return int(found[1])


@asynccontextmanager
async def open_keeper(opening: AbstractAsyncContextManager[SqlSession]) -> AsyncIterator[OracleKeeper]:
    """Takes the current SCN. It needs no locks: a table whose definition changes afterwards refuses to be read as of
    then (ORA-01466), and undo that is overwritten is said (ORA-01555). Raises AccessDenied with the grants needed."""
    async with opening as session:
        number = await _current_scn(session)
        yield OracleKeeper(session, SnapshotTaken(f"scn:{number}", datetime.now(UTC), f"SCN {number}"))


async def _current_scn(session: SqlSession) -> int:
    for query in CURRENT_SCN:
        try:
            return int((await session.fetch(query))[0][0])
        except (AccessDenied, NotFound, InvalidConfiguration):
            continue
    raise AccessDenied(
        "the user may not read the current SCN, so that there is no moment to read all tables under",
        remedy="GRANT SELECT ON V_$DATABASE (or EXECUTE ON DBMS_FLASHBACK) and FLASHBACK on the tables to the user, "
        "or set consistency to batch",
    )


class OracleKeeper(SnapshotKeeper):
    """The keeper's session. Nothing of the moment is lost with it, but a keeper must live for a job to read."""

    def __init__(self, session: SqlSession, taken: SnapshotTaken) -> None:
        self._session = session
        self.taken = taken

    async def check(self) -> None:
        """Asks the session for a sign of life. Raises Unavailable."""
        await self._session.fetch("SELECT 1 FROM dual")
