"""A job that the code of an earlier commit began ends under the code of this one, with workers of both in between."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import LocalStack
from tests.end_to_end.braked_table import BrakedTable
from tests.end_to_end.conftest import Databases, Jobs
from tests.end_to_end.observation import ledger, until
from tests.independent_comparison import assert_equal

REPOSITORY = Path(__file__).parents[2]
ROWS = 4_000
BATCH_ROWS = 16
STAGES = ("control", "extract", "load", "load", "validate")


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(REPOSITORY), *arguments], check=True, capture_output=True).stdout


def earlier_code(folder: Path) -> Path:
    """The last commit's tree where the files here differ from it, else that of the commit before."""
    try:
        commit = "HEAD" if git("status", "--porcelain").strip() else "HEAD~1"
        archive = git("archive", "--format=tar", commit)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"there is no earlier commit to begin with: {error}")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def code_of(folder: Path) -> dict[str, str]:
    """PYTHONSAFEPATH: else the current folder would come first."""
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1", "STERNA_GRACEFUL_SHUTDOWN_SECONDS": "1"}


def folder_of_code(stack: LocalStack, name: str) -> Path:
    """Where a running process has its code from."""
    environment = Path(f"/proc/{stack.process(name).pid}/environ").read_bytes().decode().split("\0")
    (path,) = [each.removeprefix("PYTHONPATH=") for each in environment if each.startswith("PYTHONPATH=")]
    return Path(path)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that PostgreSQL's own user may enter."""
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_job_of_the_previous_commit_is_finished_by_this_one(folder: Path, databases: Databases) -> None:
    old = earlier_code(folder / "old")
    table = BrakedTable(databases, "numbers", ROWS)
    table.create(1)
    with LocalStack(folder / "stack", stages=STAGES, environment=code_of(old), restart_dead=False) as stack:
        jobs = Jobs(stack)
        specs = [{"sourceTable": "numbers", "batchSize": BATCH_ROWS}]
        job_id = jobs.post(databases.spec(specs, parallelBatches=4, parallelTables=1))
        until(lambda: ledger(databases))
        assert {folder_of_code(stack, name) for name in stack.own_programs} == {old}
        for name in ("worker-control", "worker-load-2", "worker-extract", "worker-validate", "worker-load", "api"):
            begun = len(ledger(databases))
            stack.process(name).stop()
            stack.restart(name, code_of(REPOSITORY))
            if name != "api":
                until(lambda begun=begun: len(ledger(databases)) > begun)
        assert {folder_of_code(stack, name) for name in stack.own_programs} == {REPOSITORY}
        assert len(ledger(databases)) < ROWS // BATCH_ROWS, "the upgrade came too late"
        table.brake(0)
        progress = jobs.wait(job_id)
        assert progress["status"] == "COMPLETED", progress
        assert all(entry["proved"] for entry in progress["tables"])
        with databases.connect_source() as source, databases.connect_destination() as destination:
            assert assert_equal(source, destination, "public.numbers") == ROWS
