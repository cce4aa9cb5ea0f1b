"""`make bench`: Sterna beside the bare databases and other tools, interleaved in one run.

python -m bench --measures data-only,mariadb --rows 1000000,6000000 --runs 5 --peer-runs 3 --no-peers
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.datasets import make_lineitem
from bench.lineitem_copy import CopyLimit
from bench.scenario import Scenario
from bench.servers import Servers, machine
from bench.sterna_lineitem import DATA_ONLY, SternaCopy


def main() -> None:
    """Measures what was asked for, writes tables and charts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1000000,6000000", help="sizes of lineitem")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer-runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sterna-bench-") as place:
        folder = Path(place)
        folder.chmod(0o755)
        with Servers(folder, mariadb=False) as servers:
            print(machine())
            print("\n".join(servers.settings()))
            for rows in map(int, given.rows.split(",")):
                database = make_lineitem(servers.source, rows)
                limits = [CopyLimit(servers, database, streams) for streams in (1, 2, 4)]
                sterna = SternaCopy(servers, database, "Sterna", DATA_ONLY)
                scenario = Scenario("data-only", "data only", rows, [*limits, sterna])
                scenario.measure(servers, runs=given.runs, peer_runs=given.peer_runs)
                for name in (c.name for c in scenario.contenders):
                    for r in scenario.readings(name):
                        print(
                            name,
                            round(r.seconds, 2),
                            {k: (round(u.cpu, 2), round(u.peak)) for k, u in r.usage.items()},
                            r.fault,
                        )


if __name__ == "__main__":
    main()
