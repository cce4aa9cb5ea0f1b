"""The long form: faults for so many minutes, at least 20 jobs.

python -m tests.chaos --minutes 15 --seed 7
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.arena import Arena
from tests.chaos.campaign import Campaign

ROWS = 16_000
TOGETHER = 5
MINUTES_PER_JOB = 0.75


def main() -> None:
    """Ends with status 1 where an invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=15.0, help="how long faults strike (default 15)")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="which faults, and when (default: the clock)"
    )
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of a job's keyed table (default {ROWS:,})")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="sterna-chaos-") as folder:
        Path(folder).chmod(0o755)
        with Arena(Path(folder), given.seed) as arena:
            if not arena.small_staging:
                print("no full staging disk: a small file system can be mounted by root only", flush=True)
            if not arena.clock.can_jump:
                print("no clock jump: libfaketime is missing (apt-get install faketime)", flush=True)
            begun = time.monotonic()
            campaign = Campaign(
                arena,
                lambda text: print(f"{time.monotonic() - begun:5.0f} s  {text}", flush=True),
                rows=given.rows,
                together=TOGETHER,
            )
            summary = campaign.run(60 * given.minutes, jobs=round(given.minutes / MINUTES_PER_JOB))
    print(f"seed {given.seed}: {summary.text()}")
    sys.exit(bool(summary.violations))


if __name__ == "__main__":
    main()
