"""The ledger in Snowflake, which enforces no keys: a row to hold it by takes their place."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.snowflake.session import HOLD_NUMBER
from connectors.sql.errors import doing
from connectors.sql.ledger import SqlLedger
from connectors.sql.session import SqlSession


class SnowflakeLedger(SqlLedger):
    """Whoever writes a row has updated the holding row before, in the same transaction, and asks for the row in a later
    statement: under READ COMMITTED that one sees all that earlier holders committed."""

    async def create(self, session: SqlSession) -> None:
        """See SqlLedger. Two workers may make two holding rows: both are updated then."""
        await super().create(session)
        with doing(f"creating the ledger {self.name}"):
            number = self._name("NUMBER")
            names = ", ".join(map(self._name, ("job_id", "table_id", "load", "number", "rows", "digest", "loaded_at")))
            await session.execute(
                f"INSERT INTO {self.sql} ({names}) SELECT '', '', 0, {HOLD_NUMBER}, 0, '0', "
                f"'{datetime.now(UTC).isoformat()}' "
                f"WHERE NOT EXISTS (SELECT 1 FROM {self.sql} WHERE {number} = {HOLD_NUMBER})"
            )
