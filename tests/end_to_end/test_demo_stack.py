from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

ROWS = "20000"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach; every process of the demo has it in its environment."""
    with tempfile.TemporaryDirectory(prefix="sterna-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def start_demo(place: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "demo", "--rows", ROWS, *options],
        cwd=place,
        env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def processes_of(place: Path) -> list[str]:
    """Command lines of the processes that carry the folder in their environment or arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(place).encode() in words:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def read_until(demo: subprocess.Popen[str], wanted: str) -> str:
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if wanted in line:
            return "".join(lines)
    pytest.fail(f"the demo ended without '{wanted}':\n{''.join(lines)}")


def wait_until_gone(place: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while processes_of(place):
        assert time.monotonic() < deadline, processes_of(place)
        time.sleep(0.2)


def test_demo_moves_and_proves_the_shop_and_leaves_nothing_behind(place: Path) -> None:
    demo = start_demo(place)
    output, _ = demo.communicate(timeout=180)

    assert demo.returncode == 0, output
    assert "Moved" in output
    assert "all 7 tables are proved" in output
    assert "shop.users → shop.CUSTOMERS: COMPLETED, proved" in output
    certificate = json.loads((place / "var/demo/certificate.json").read_text())
    assert certificate
    assert processes_of(place) == []
    assert list(place.glob("sterna-demo-*")) == []


def test_ctrl_c_in_the_middle_stops_everything(place: Path) -> None:
    demo = start_demo(place)
    read_until(demo, "is posted")
    assert len(processes_of(place)) > 8

    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert processes_of(place) == []


def test_a_kept_demo_says_how_to_look_around_and_takes_its_processes_with_it_when_killed(place: Path) -> None:
    demo = start_demo(place, "--keep")
    output = read_until(demo, "temporal workflow list")
    ports = re.findall(r"psql -h 127.0.0.1 -p (\d+) -U (\w+) (\w+)", output)
    assert [database for _, _, database in ports] == ["shop", "warehouse"]
    for port, user, database in ports:
        psycopg.connect(host="127.0.0.1", port=port, user=user, dbname=database).close()

    demo.kill()
    demo.communicate()
    wait_until_gone(place, 40)
