"""Installs the example package as an operator would, into a folder of its own, without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def install(folder: Path) -> Path:
    """Builds and installs the package into the folder, which then belongs on PYTHONPATH."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
            *("--no-index", "--no-deps", "--no-build-isolation", "--no-compile", "--target", str(folder), str(HERE)),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return folder
