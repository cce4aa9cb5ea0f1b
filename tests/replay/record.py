"""Exports the histories of a job that has run, for the replay test: see README.md of this folder.

python -m tests.replay.record --address 127.0.0.1:7233 --job JOB_ID --name lost-snapshot
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from core.temporal_client import connect, job_workflow_id

HISTORIES = Path(__file__).parent / "histories"


async def record(address: str, job_id: str, name: str) -> list[Path]:
    """Writes every execution of the job and of its tables, `{name}-{n}.json`, oldest first; returns the files."""
    client = await connect(address=address)
    query = f"WorkflowId STARTS_WITH '{job_workflow_id(job_id)}'"
    found = sorted([each async for each in client.list_workflows(query)], key=lambda each: (each.start_time, each.id))
    HISTORIES.mkdir(exist_ok=True)
    written = []
    for number, execution in enumerate(found):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        path = HISTORIES / f"{name}-{number}.json"
        path.write_text((await handle.fetch_history()).to_json(), encoding="utf-8")
        written.append(path)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1:7233", help="of the Temporal server, host:port")
    parser.add_argument("--job", required=True, help="the job's id")
    parser.add_argument("--name", required=True, help="what the files are called after: what the job went through")
    given = parser.parse_args()
    for path in asyncio.run(record(given.address, given.job, given.name)):
        print(path)


if __name__ == "__main__":
    main()
