"""The conformance suite, run for every registered connector: `pytest tests/conformance -k mysql` runs one."""

from __future__ import annotations

import pytest

from connectors.conformance.harness import Harness
from connectors.conformance.suite import ConformanceSuite
from tests.conformance.conftest import OpenHarness
from tests.conformance.harnesses.duckdb import DuckdbHarness
from tests.conformance.harnesses.firebird import FirebirdHarness
from tests.conformance.harnesses.mysql import MysqlHarness
from tests.conformance.harnesses.oracle import OracleHarness
from tests.conformance.harnesses.postgres import PostgresHarness
from tests.conformance.harnesses.snowflake import SnowflakeHarness
from tests.conformance.harnesses.sqlite import SqliteHarness


class _Suite(ConformanceSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def harness(cls, opened_harness: OpenHarness) -> Harness:
        return opened_harness(cls.harness_type.type_name)


class TestPostgres(_Suite):
    harness_type = PostgresHarness


class TestSqlalchemy(_Suite):
    harness_type = FirebirdHarness


class TestDuckdb(_Suite):
    harness_type = DuckdbHarness


class TestSnowflake(_Suite):
    harness_type = SnowflakeHarness


class TestSqlite(_Suite):
    harness_type = SqliteHarness


class TestOracle(_Suite):
    harness_type = OracleHarness


class TestMysql(_Suite):
    harness_type = MysqlHarness
