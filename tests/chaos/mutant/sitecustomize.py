"""Python imports this at the start of each process that finds it on PYTHONPATH: a planted mistake in the product."""

from __future__ import annotations

from typing import Any

from connectors.postgres.ledger import Ledger

claim = Ledger.claim


async def early(self: Ledger, connection: Any, entry: Any) -> Any:
    """The ledger row is committed before the rows come."""
    recorded = await claim(self, connection, entry)
    if recorded is None:
        await connection.execute("COMMIT; BEGIN")
    return recorded


Ledger.claim = early  # type: ignore[method-assign]
