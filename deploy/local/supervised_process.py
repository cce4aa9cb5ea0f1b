"""A child process that is started again when it dies, until it is told to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable

RESTART_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
HEALTHY_SECONDS = 20.0
HOPELESS_AFTER = 3
STOP_SECONDS = 20.0

Report = Callable[[str], None]


class SupervisedProcess:
    """One program under one name, started again after a second; a program that fails at once, less and less often.

    `spawn` starts it, as the leader of a session of its own. It is always called in the thread of this object, which
    lives as long as the program: the kernel ends a child when the *thread* that made it ends (prctl(2),
    PR_SET_PDEATHSIG), so a pool's thread would take the program with it.
    """

    def __init__(
        self,
        name: str,
        spawn: Callable[[], subprocess.Popen[bytes]],
        *,
        restart_when_dead: bool = True,
        stop_signal: signal.Signals = signal.SIGTERM,
        report: Report = lambda text: None,
    ) -> None:
        self.name = name
        self.restart_when_dead = restart_when_dead
        self.starts = 0
        self._failures_in_a_row = 0
        self._spawn = spawn
        self._stop_signal = stop_signal
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: Exception | None = None
        self._wanted = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """Process id of the running program. Raises ProcessLookupError while there is none."""
        process = self._process
        if process is None or process.poll() is not None:
            raise ProcessLookupError(f"{self.name} is not running")
        return process.pid

    @property
    def running(self) -> bool:
        """The program lives."""
        process = self._process
        return process is not None and process.poll() is None

    @property
    def hopeless(self) -> bool:
        """The program ended by itself soon after its start, several times in a row: another start will not help."""
        return self._failures_in_a_row >= HOPELESS_AFTER

    def start(self) -> None:
        """Starts the program and returns once it was spawned. Raises what `spawn` raised."""
        before = self._process
        with self._changed:
            self._wanted = True
            self._failure = None
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._supervise, name=f"supervises-{self.name}", daemon=True)
                self._thread.start()
            self._changed.wait_for(lambda: self._thread is None or self._process is not before or self.running)
        if self._failure is not None:
            raise self._failure

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to the program itself and, where the signal ends it, returns when it is dead."""
        process = self._process
        os.kill(self.pid, number)
        if process is not None and number == signal.SIGKILL:
            process.wait(STOP_SECONDS)

    def restart(self) -> None:
        """Ends the program, if it runs, and returns when its successor was spawned."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Ends the program, politely and then with everything in its session. Nothing to do where none runs."""
        with self._changed:
            self._wanted = False
            self._changed.notify_all()
            thread = self._thread
        while thread is not None and thread.is_alive():
            self._end()
            thread.join(0.05)

    def _supervise(self) -> None:
        while self._still_wanted():
            try:
                process = self._spawn()
            except Exception as error:
                self._report(f"{self.name} cannot be started: {error}")
                with self._changed:
                    self._failure = error
                    self._wanted = False
                continue
            with self._changed:
                self._process = process
                self.starts += 1
                self._changed.notify_all()
            began = time.monotonic()
            status = process.wait()
            failed = status >= 0 and time.monotonic() - began < HEALTHY_SECONDS
            self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0
            self._await_restart(process, status)

    def _still_wanted(self) -> bool:
        with self._changed:
            if not self._wanted:
                self._thread = None
                self._changed.notify_all()
            return self._wanted

    def _await_restart(self, process: subprocess.Popen[bytes], status: int) -> None:
        if not self._wanted:
            return
        self._report(f"{self.name} (pid {process.pid}) ended with {describe_status(status)}")
        with self._changed:
            if self.restart_when_dead:
                delay = min(RESTART_DELAY_SECONDS * 2 ** max(self._failures_in_a_row - 1, 0), LONGEST_DELAY_SECONDS)
                self._changed.wait_for(lambda: not self._wanted, timeout=delay)
            else:
                self._wanted = False

    def _end(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        # A stopped (SIGSTOP) program must be woken up to hear anything but SIGKILL.
        for number in (self._stop_signal, signal.SIGCONT):
            process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._report(f"{self.name} (pid {process.pid}) did not stop in {STOP_SECONDS:.0f} s and is killed")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def describe_status(status: int) -> str:
    """What a return code of subprocess means, for people."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
