"""`make bench`: Sterna beside the bare databases and other tools, interleaved in one run.

python -m bench --measures data-only,mariadb --rows 1000000,6000000 --runs 5 --peer-runs 3 --no-peers
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench.measures import SCENARIO_NAMES
from bench.page import write
from bench.report import Report
from bench.scenario import tell
from bench.scenarios import FROM_MARIADB, TO_MARIADB, Scenarios, Wanted
from bench.servers import Servers

GROUPS = {"mariadb": (TO_MARIADB, FROM_MARIADB)}


def main() -> None:
    """Measures what was asked for, prints it, and writes docs/benchmarks.md where `--write` says so."""
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("told to stop"))  # so that servers and files go
    names = [name for word in given.measures.split(",") for name in GROUPS.get(word, (word,))]
    if unknown := set(names) - set(SCENARIO_NAMES):
        sys.exit(f"no measure {', '.join(sorted(unknown))}; there are {', '.join(SCENARIO_NAMES)}")
    wanted = Wanted(
        rows=_sizes(given.rows),
        memory_rows=_sizes(given.memory_rows),
        wide_rows=given.wide_rows,
        slow_rows=given.slow_rows,
        tables=given.tables,
        runs=given.runs,
        peer_runs=given.peer_runs,
        peers=not given.no_peers,
    )
    began = time.monotonic()
    place = Path(tempfile.mkdtemp(prefix="sterna-bench-"))
    place.chmod(0o755)  # servers may run as another account
    try:
        with Servers(place, mariadb=bool({TO_MARIADB, FROM_MARIADB} & set(names))) as servers:
            report = Report(servers.settings())
            scenarios = Scenarios(servers, wanted)
            scenarios.warm_up()
            for name in names:
                for scenario in scenarios.named(name):
                    scenario.measure(servers)
                    report.add(scenario)
                    print(report.of(scenario), flush=True)
                    if given.write:  # after each one: a run that is stopped keeps what it has measured
                        write(report, (time.monotonic() - began) / 60)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(report.judgement())
    minutes = (time.monotonic() - began) / 60
    tell(f"done after {minutes:.0f} minutes")
    if report.faults:
        sys.exit("\n".join(report.faults))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measures", default=",".join(SCENARIO_NAMES), help="which, by commas (default: %(default)s)")
    parser.add_argument("--rows", default="1000000,6000000", help="sizes of lineitem; MariaDB's is the first")
    parser.add_argument("--memory-rows", default="1000000,6000000", help="sizes that memory is compared at")
    parser.add_argument("--wide-rows", type=int, default=3_000_000, help="rows of the wide table")
    parser.add_argument("--slow-rows", type=int, default=400_000, help="rows of the slow source")
    parser.add_argument("--tables", type=int, default=1000, help="tables of the job of many")
    parser.add_argument("--runs", type=int, default=5, help="of Sterna and the limits (default %(default)s)")
    parser.add_argument("--peer-runs", type=int, default=3, help="of peers; one above a million rows")
    parser.add_argument("--no-peers", action="store_true", help="without other tools")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its charts")
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size.replace("_", "")) for size in text.split(","))


if __name__ == "__main__":
    main()
