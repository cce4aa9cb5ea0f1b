"""The harness of each built-in connector, by type name."""

from __future__ import annotations

from connectors.conformance.harness import Harness
from tests.conformance.harnesses.duckdb import DuckdbHarness
from tests.conformance.harnesses.firebird import FirebirdHarness
from tests.conformance.harnesses.mysql import MysqlHarness
from tests.conformance.harnesses.oracle import OracleHarness
from tests.conformance.harnesses.postgres import PostgresHarness
from tests.conformance.harnesses.snowflake import SnowflakeHarness
from tests.conformance.harnesses.sqlite import SqliteHarness

HARNESSES: dict[str, type[Harness]] = {
    harness.type_name: harness
    for harness in (
        PostgresHarness,
        MysqlHarness,
        OracleHarness,
        SnowflakeHarness,
        SqliteHarness,
        DuckdbHarness,
        FirebirdHarness,
    )
}
