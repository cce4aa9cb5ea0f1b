"""`python -m tests.oracle_server CONNINFO`: serves until it is ended; the port is the first line of its output."""

from __future__ import annotations

import logging
import sys

from tests.oracle_server.backend import OracleBackend
from tests.oracle_server.wire import WireServer


def main() -> None:
    """Serves on a free loopback port."""
    logging.basicConfig(level="WARNING", format="%(asctime)s %(name)s %(message)s")
    conninfo = sys.argv[1]
    OracleBackend(conninfo).close()  # installs the dictionary before the first session
    server = WireServer("127.0.0.1", 0, backend_factory=lambda: OracleBackend(conninfo))
    print(server.port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
