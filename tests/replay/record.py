"""Exports the histories of a job that has run, for the replay test: see README.md of this folder.

python -m tests.replay.record --address 127.0.0.1:7233 --job JOB_ID --name lost-snapshot
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
from pathlib import Path

from core.temporal_client import connect, job_workflow_id, replay_workflow_id

HISTORIES = Path(__file__).parent / "histories"
REPOSITORY = Path(__file__).parents[2]
TRACE = re.compile(r'"stackTrace": "(?:[^"\\]|\\.)*"')
"""Names files of the machine that recorded, and no replay reads it."""


def recorded_commit() -> str:
    """The commit whose code runs here, which names the folder of its histories. Raises SystemExit where files differ
    from it: a history of code that nobody has binds nobody."""
    if _git("status", "--porcelain", "--untracked-files=no"):
        raise SystemExit("There are changes that are not committed: commit or stash them, then record.")
    return _git("rev-parse", "--short=12", "HEAD")


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(REPOSITORY), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


async def record(address: str, job_id: str, name: str) -> list[Path]:
    """Writes every execution of the job, of its tables and of its replay, `{commit}/{name}-{n}.json`, oldest first;
    returns the files."""
    client = await connect(address=address)
    ids = (job_workflow_id(job_id), replay_workflow_id(job_id))
    query = " OR ".join(f"WorkflowId STARTS_WITH '{workflow_id}'" for workflow_id in ids)
    found = sorted([each async for each in client.list_workflows(query)], key=lambda each: (each.start_time, each.id))
    folder = HISTORIES / recorded_commit()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, execution in enumerate(found):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        path = folder / f"{name}-{number}.json"
        path.write_text(TRACE.sub('"stackTrace": ""', (await handle.fetch_history()).to_json()), encoding="utf-8")
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
