"""The embedded SQL engine, with nothing in reach but the rows it is given."""

from __future__ import annotations

from functools import cache

import duckdb

LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "temp_directory": "",
    "memory_limit": "1GB",
    "threads": 1,
}


@cache
def locked_engine() -> duckdb.DuckDBPyConnection:
    """An empty database in memory: no files, network, extensions, Python variables or change of settings. It runs on
    the calling thread only.

    There is one for the process; use it through `cursor()`, one for each call: what one registers no other sees.
    """
    engine = duckdb.connect(":memory:", config=LOCKED)
    engine.execute("SET GLOBAL TimeZone = 'UTC'")
    engine.execute("SET GLOBAL lock_configuration = true")
    return engine
