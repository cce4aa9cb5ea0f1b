"""Tries both ends of a job and says everything that is wrong with them at once."""

from __future__ import annotations

import asyncio

from activities.resources.connections import Connections
from connectors.contract import ServerInfo
from core.errors import MigrationError, Unavailable
from core.route import Endpoint

PROBE_SECONDS = 5.0


class Reachability:
    """Needs no privilege beyond logging in."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def check(self, *endpoints: Endpoint) -> list[ServerInfo]:
        """Logs in to each end. Raises one error that names every problem; retryable only if all of them are."""
        found = await asyncio.gather(*(self._log_in(endpoint) for endpoint in endpoints), return_exceptions=True)
        problems = [error for error in found if isinstance(error, BaseException)]
        for error in problems:
            if not isinstance(error, MigrationError):
                raise error
        errors = [error for error in problems if isinstance(error, MigrationError)]
        if errors:
            lasting = [error for error in errors if not error.retryable]
            kinds = {type(error) for error in errors}
            kind = type(lasting[0]) if lasting else kinds.pop() if len(kinds) == 1 else Unavailable
            raise kind("; ".join(str(error).rstrip(".") for error in errors), remedy="Mend it, then retry the job")
        return [info for info in found if isinstance(info, ServerInfo)]

    async def _log_in(self, endpoint: Endpoint) -> ServerInfo:
        problems: list[MigrationError] = []
        await self._connections.admit(endpoint)
        try:
            await self._probe(endpoint)
        except MigrationError as error:
            problems.append(error)
        try:
            connector = await self._connections.connector(endpoint, "preflight", patient=False)
            if not problems:
                return await connector.check()
        except MigrationError as error:
            problems.append(error)
        kind = next((type(problem) for problem in problems if not problem.retryable), type(problems[0]))
        raise kind(f"{endpoint}: " + "; ".join(str(problem).rstrip(".") for problem in problems))

    async def _probe(self, endpoint: Endpoint) -> None:
        """Tries host and port before login, so that an unreachable host is named even where the secret is missing."""
        address = self._connections.address(endpoint)
        if address is None:
            return
        host, port = address
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
        except TimeoutError as error:
            raise Unavailable(f"{host}:{port} does not answer within {PROBE_SECONDS:.0f} s") from error
        except OSError as error:
            raise Unavailable(f"{host}:{port} cannot be reached ({error.strerror or error})") from error
        writer.close()
