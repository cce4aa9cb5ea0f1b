"""The demo's databases, filled."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from core.job_spec import JobSpec
from deploy.local.sample_shop import DESTINATION_LOGIN, SampleDatabases

ROWS = 20_000


@pytest.fixture(scope="module")
def databases() -> Iterator[SampleDatabases]:
    # Not pytest's folder, which is closed to the account that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        sample = SampleDatabases(Path(folder))
        try:
            sample.start(ROWS)
            yield sample
        finally:
            sample.stop()


def login(port: int, database: str, secret: str) -> psycopg.Connection[tuple[object, ...]]:
    words = json.loads(secret)
    return psycopg.connect(
        host="127.0.0.1", port=port, dbname=database, user=words["username"], password=words["password"]
    )


def test_the_shop_has_at_least_the_rows_asked_for(databases: SampleDatabases) -> None:
    spec = JobSpec.model_validate(databases.job())
    assert isinstance(spec.tables, list)
    with login(databases.source.port, "shop", databases.source_login.read_text()) as session:
        counts = [
            session.execute(f'SELECT count(*) FROM shop."{table.source_table}"').fetchone() for table in spec.tables
        ]
    assert sum(int(str(count[0])) for count in counts if count) >= ROWS


def test_the_job_covers_every_table_of_the_shop(databases: SampleDatabases) -> None:
    with login(databases.source.port, "shop", databases.source_login.read_text()) as session:
        found = session.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition"
        ).fetchall()
    assert {name for (name,) in found} == {table["sourceTable"] for table in databases.job()["tables"]}


def test_the_shop_is_the_same_every_time(databases: SampleDatabases) -> None:
    with login(databases.source.port, "shop", databases.source_login.read_text()) as session:
        row = session.execute("SELECT email, ssn, full_name FROM shop.users WHERE id = 1").fetchone()
    assert row == ("customer.1@example.org", "101-00-0001", "Zoë Müller")


def test_logins_need_the_secrets_that_the_job_refers_to(databases: SampleDatabases) -> None:
    job = databases.job()
    assert job["source"]["secretsRef"] == f"file:{databases.source_login}"
    assert job["destination"]["secretsRef"] == f"env:{DESTINATION_LOGIN}"
    assert databases.source_login.stat().st_mode & 0o077 == 0
    with login(databases.destination.port, "warehouse", databases.environment[DESTINATION_LOGIN]) as session:
        session.execute("CREATE SCHEMA may_create")
    with pytest.raises(psycopg.OperationalError, match="password"):
        login(databases.source.port, "shop", '{"username": "sterna_reader", "password": "wrong"}')


def test_the_reader_may_not_write(databases: SampleDatabases) -> None:
    with (
        login(databases.source.port, "shop", databases.source_login.read_text()) as session,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        session.execute("DELETE FROM shop.orders")
