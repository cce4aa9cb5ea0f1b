"""Whether a job's rejects are being replayed. A run and a replay of one job exclude each other."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from core.temporal_client import replay_workflow_id

RPC_TIMEOUT = timedelta(seconds=5)


async def is_replayed(client: Client, job_id: str) -> bool:
    """A replay of the job's rejects is under way. Raises RPCError."""
    try:
        found = await client.get_workflow_handle(replay_workflow_id(job_id)).describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return found.status is WorkflowExecutionStatus.RUNNING
