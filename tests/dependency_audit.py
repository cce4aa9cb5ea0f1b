"""`make check` asks a database of advisories about every pinned dependency, once a day for each set of pins.

Being offline fails nothing: what was not asked is said. A known vulnerability does; `ACCEPTED` names those that do not
concern Sterna, each with the reason.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OSV = "https://api.osv.dev/v1/query"
PINS = Path("requirements/dev.txt")
"""With all extras: the pins of the other files are among them."""
ACCEPTED: dict[str, str] = {}
"""By the advisory's id."""
REACH_SECONDS = 2.0
AUDIT_SECONDS = 120.0


def audit(pins: Path, stamps: Path, service: str = OSV) -> int:
    """Prints what was found, or why nobody was asked; the exit status. `stamps`: folder of the day's answer."""
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:16]
    stamp = stamps / f".audited-{digest}-{datetime.now(UTC):%Y-%m-%d}"
    if stamp.exists():
        return 0
    reason = _unreachable(service)
    if reason is not None:
        print(f"Dependencies are not audited: {reason}")
        return 0
    found = _ask(pins, service)
    if isinstance(found, str):
        print(f"Dependencies are not audited: {found}")
        return 0
    known = [
        f"{package['name']} {package['version']}: {entry['id']}, mended in {', '.join(entry['fix_versions']) or 'none'}"
        for package in found["dependencies"]
        for entry in package.get("vulns", [])
        if entry["id"] not in ACCEPTED
    ]
    print(f"{len(found['dependencies'])} dependencies audited, {len(known)} known vulnerabilities")
    if known:
        print("\n".join(f"  {line}" for line in known), "\nRun: make requirements", sep="")
        return 1
    stamp.touch()
    return 0


def _unreachable(service: str) -> str | None:
    """Why the service does not answer; None where it does, whatever it answers."""
    try:
        with urllib.request.urlopen(service, timeout=REACH_SECONDS):  # https, or a test's loopback
            return None
    except urllib.error.HTTPError:
        return None
    except (OSError, ValueError) as error:
        return f"{service} is out of reach ({getattr(error, 'reason', error)})"


def _ask(pins: Path, service: str) -> dict[str, Any] | str:
    """pip-audit's findings, or why there are none."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(pins), "--disable-pip", "--require-hashes"),
        *("--vulnerability-service", "osv", "--osv-url", service, "--format", "json", "--progress-spinner", "off"),
        *("--desc", "off", "--timeout", "10"),
    ]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=AUDIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"{service} answers too slowly"
    try:
        found: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        return (ended.stderr.strip().splitlines() or ["pip-audit says nothing"])[-1]
    return found


if __name__ == "__main__":
    sys.exit(audit(PINS, Path(sys.prefix)))
