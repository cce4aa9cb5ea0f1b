from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.local.postgres_server import free_port
from deploy.local.stack import LocalStack


def health(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("sterna")), "health"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "STERNA_API_PORT": str(port)},
    )


def test_a_containers_health_check_tells_an_api_that_serves_from_none(stack: LocalStack) -> None:
    assert health(stack.api_port).returncode == 0
    unused = free_port()
    nobody = health(unused)
    assert nobody.returncode == 1
    assert f":{unused}/readyz" in nobody.stderr
