"""Child processes that are started again when they die."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.postgres_server import end_with_parent
from deploy.local.supervised_process import SupervisedProcess, describe_status

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def spawn() -> subprocess.Popen[bytes]:
    return subprocess.Popen(SLEEP, start_new_session=True, preexec_fn=end_with_parent)


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"  # dead, and nobody has asked how


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def process(reports: list[str]) -> Iterator[SupervisedProcess]:
    supervised = SupervisedProcess("sleeper", spawn, report=reports.append)
    supervised.start()
    yield supervised
    supervised.stop()


def test_what_dies_is_started_again(process: SupervisedProcess, reports: list[str]) -> None:
    first = process.pid
    process.kill()
    assert not alive(first)
    wait_until(lambda: process.running)
    assert process.pid != first
    assert reports == [f"sleeper (pid {first}) ended with SIGKILL"]


def test_what_must_not_be_restarted_stays_dead_until_asked(process: SupervisedProcess) -> None:
    process.restart_when_dead = False
    process.kill()
    time.sleep(1.5)
    assert not process.running
    with pytest.raises(ProcessLookupError):
        _ = process.pid
    process.restart()
    assert alive(process.pid)


def test_stop_ends_it_for_good(process: SupervisedProcess) -> None:
    pid = process.pid
    process.stop()
    time.sleep(1.2)
    assert not alive(pid)
    assert not process.running


def test_stop_wakes_a_stopped_program(process: SupervisedProcess) -> None:
    pid = process.pid
    process.kill(signal.SIGSTOP)
    began = time.monotonic()
    process.stop()
    assert not alive(pid)
    assert time.monotonic() - began < 5


def test_stop_during_the_pause_before_a_restart_leaves_nothing(process: SupervisedProcess) -> None:
    process.kill()
    process.stop()
    time.sleep(1.2)
    assert not process.running
    assert process.starts == 1


def test_a_program_that_fails_at_once_is_called_hopeless_and_a_killed_one_is_not(process: SupervisedProcess) -> None:
    for starts in (2, 3, 4):
        process.kill()
        wait_until(lambda expected=starts: process.starts == expected)
    assert not process.hopeless

    failing = SupervisedProcess("failing", lambda: subprocess.Popen(["false"], start_new_session=True))
    failing.start()
    wait_until(lambda: failing.hopeless)
    failing.stop()


def test_a_program_that_cannot_be_started_is_the_callers_error() -> None:
    def refuse() -> subprocess.Popen[bytes]:
        raise FileNotFoundError("no such program")

    with pytest.raises(FileNotFoundError):
        SupervisedProcess("nothing", refuse).start()


def test_programs_end_when_their_launcher_is_killed() -> None:
    launcher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import time; from tests.local.test_supervised_process import spawn, SupervisedProcess\n"
            "p = SupervisedProcess('sleeper', spawn); p.start(); print(p.pid, flush=True); time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert launcher.stdout is not None
    pid = int(launcher.stdout.readline())
    assert alive(pid)
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    wait_until(lambda: not alive(pid))


def test_a_return_code_reads_as_words() -> None:
    assert describe_status(3) == "exit status 3"
    assert describe_status(-15) == "SIGTERM"
