"""Loads a batch and stops before its ledger row is written, to be killed there.

python -m tests.snowflake.killed_loader OPTIONS_JSON USER PASSWORD TABLE ROWS
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from connectors.contract import (
    Credentials,
    LedgerEntry,
    LoadTarget,
    WrittenColumn,
)
from connectors.registry import build_connector
from connectors.snowflake.connector import Snowflake
from connectors.snowflake.session import SnowflakeSession
from connectors.snowflake.types import value_type
from core.schema import Digest, TableName
from tests.snowflake.loading import JOB, parts


async def _hold_and_wait(self: SnowflakeSession, table: TableName, *, alone: bool) -> None:
    print("COPIED", flush=True)
    time.sleep(600)


async def main(options: str, user: str, password: str, table: str, rows: int) -> None:
    """Never ends by itself."""
    connector = build_connector("SNOWFLAKE", json.loads(options), Credentials(user, password), "killed")
    assert isinstance(connector, Snowflake)
    SnowflakeSession.hold_table = _hold_and_wait  # type: ignore[method-assign]
    native = "NUMBER(19,0)"
    target = LoadTarget(
        table=TableName(schema_name="PUBLIC", name=table),
        columns=["c0"],
        written=[WrittenColumn("c0", value_type(native), native)],
    )
    entry = LedgerEntry(JOB, table, 1, 0, Digest(rows=rows, total="7"))
    texts = [[str(number)] for number in range(rows)]
    await connector.load_arrow(target, entry, parts(texts, 1), lambda size: None)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5], int(sys.argv[5])))
