"""Empty places for the table of `engines.py`, one for each kind of database, and a job between two of them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewDatabase
from tests.end_to_end.engines import (
    DuckdbEngine,
    Engine,
    FirebirdEngine,
    MariadbEngine,
    OracleEngine,
    PostgresEngine,
    SnowflakeEngine,
    SqliteEngine,
)

OpenPlace = Callable[[str], Callable[[], Engine]]


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path, new_database: NewDatabase) -> OpenPlace:
    """Makes an empty place for the table in an engine; its server starts with the first use."""

    def secret(username: str, password: str) -> str:
        file = tmp_path / f"{username}.json"
        file.write_text(json.dumps({"username": username, "password": password}))
        return f"file:{file}"

    def mariadb() -> Engine:
        server, name = request.getfixturevalue("mariadb"), f"pair_{secrets.token_hex(4)}"
        place = MariadbEngine(server.port, server.user, name)
        place.create_database()
        return place

    def oracle() -> Engine:
        login = request.getfixturevalue("oracle_server").login()
        side = {"type": "ORACLE", **login.options, "secretsRef": secret(login.user, login.password)}
        return OracleEngine(login.connect, side)

    def snowflake() -> Engine:
        server = request.getfixturevalue("snowflake")
        name = server.new_database()
        side = {"type": "SNOWFLAKE", **server.options(name), "secretsRef": f"file:{server.secret_file()}"}
        return SnowflakeEngine(lambda: server.connect(name), side)

    def firebird() -> Engine:
        server = request.getfixturevalue("firebird")
        place = f"127.0.0.1:{server.port}/{server.create_database(f'pair_{secrets.token_hex(4)}')}"
        side = {
            "type": "SQLALCHEMY",
            "url": f"firebird+firebird://{place}",
            "secretsRef": secret(server.user, server.password),
        }
        return FirebirdEngine({"database": f"inet://{place}", "user": server.user, "password": server.password}, side)

    def postgres() -> Engine:
        server = request.getfixturevalue("postgres")
        return PostgresEngine(server.port, server.user, new_database())

    return {
        "POSTGRES": postgres,
        "MYSQL": mariadb,
        "ORACLE": oracle,
        "SNOWFLAKE": snowflake,
        "SQLALCHEMY": firebird,
        "SQLITE": lambda: SqliteEngine(tmp_path / "readings.sqlite"),
        "DUCKDB": lambda: DuckdbEngine(tmp_path / "readings.duckdb"),
    }.__getitem__


def job(origin: Engine, arrival: Engine, table: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A job that moves the table of all these tests."""
    return {
        "name": "readings",
        "source": origin.side(),
        "destination": arrival.side(),
        "tables": [{"sourceTable": origin.named, **table}],
        "options": options,
    }
