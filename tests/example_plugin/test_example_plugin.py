"""A connector of another package: it conforms, and moves rows in a job, with no change to Sterna."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.conformance.suite import ConformanceSuite
from connectors.registry import connector_types
from deploy.local.postgres_server import PostgresServer
from deploy.local.stack import LocalStack
from tests.conftest import NewDatabase, connect
from tests.end_to_end.conftest import Jobs
from tests.example_plugin.harness import JsonLinesHarness
from tests.example_plugin.installation import install

VALUES = ["plain", "", None, "NULL", "tab\t, line\n, \"quoted\" 'and' \\ 🙂"]


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """The folder that the package is installed into."""
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        yield install(Path(folder))


@pytest.fixture(scope="module")
def importable(installed: Path) -> Iterator[None]:
    """The package can be imported, and is found in the registry, in this process too."""
    sys.path.insert(0, str(installed))
    connector_types.cache_clear()
    try:
        yield
    finally:
        sys.path.remove(str(installed))
        connector_types.cache_clear()


@pytest.fixture(scope="module")
def stack(installed: Path) -> Iterator[LocalStack]:
    """A stack whose API and workers have the package installed."""
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        environment = {"PYTHONPATH": str(installed)}
        with LocalStack(Path(folder) / "stack", environment=environment, restart_dead=False) as running:
            yield running


class TestJsonlines(ConformanceSuite):
    harness_type = JsonLinesHarness

    @pytest.fixture(scope="class")
    @classmethod
    def harness(cls, importable: None, tmp_path_factory: pytest.TempPathFactory) -> JsonLinesHarness:
        return JsonLinesHarness(tmp_path_factory.mktemp("jsonlines"))


def test_jobs_go_to_and_from_a_connector_of_another_package(
    stack: LocalStack, postgres: PostgresServer, new_database: NewDatabase, tmp_path: Path
) -> None:
    source, destination = new_database(), new_database()
    with connect(postgres, source) as connection:
        connection.execute("CREATE TABLE notes (id bigint PRIMARY KEY, note text, price numeric(20,2))")
        for number, note in enumerate(VALUES):
            connection.execute("INSERT INTO notes VALUES (%s, %s, 12345678901234567.10)", (number, note))
    jobs = Jobs(stack)
    listed = jobs.http.get("/api/connectors").json()["connectors"]
    [known] = [connector for connector in listed if connector["type"] == "JSONLINES"]
    assert known["capabilities"]["writes"]
    assert "folder" in json.dumps(known)
    folder = {"type": "JSONLINES", "folder": str(tmp_path)}
    tables = [{"sourceSchema": "public", "sourceTable": "notes", "batchSize": 2}]
    jobs.run({"name": "out", "source": _postgres(postgres, source), "destination": folder, "tables": tables})
    rows = [
        json.loads(line)
        for file in (tmp_path / "notes" / "rows").glob("*.jsonl")
        for line in file.read_text().splitlines()[1:]
    ]
    assert sorted(rows) == [[str(number), note, "12345678901234567.10"] for number, note in enumerate(VALUES)]
    back = [{"sourceTable": "notes"}]
    jobs.run({"name": "back", "source": folder, "destination": _postgres(postgres, destination), "tables": back})
    with connect(postgres, source) as one, connect(postgres, destination) as other:
        query = "SELECT id, note, price::text FROM notes ORDER BY id"
        assert one.execute(query).fetchall() == other.execute(query).fetchall()


def _postgres(server: PostgresServer, database: str) -> dict[str, object]:
    return {"type": "POSTGRES", "host": "127.0.0.1", "port": server.port, "database": database, "user": server.user}
