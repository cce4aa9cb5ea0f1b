"""Opens the two ends of a job: resolves the secret, then builds the connector."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError

from activities.resources.admission import Admission
from activities.resources.secrets import Secrets
from activities.resources.session_budget import SessionBudget
from connectors.base import Connector, ConnectorOptions
from connectors.registry import build_connector, find_type, parse_options
from core.errors import InvalidConfiguration
from core.reach import Reach
from core.route import Endpoint


class Connections:
    """Given to activities; a connector it returns has no session open yet."""

    def __init__(self, secrets: Secrets, budget: SessionBudget | None = None, reach: Reach | None = None) -> None:
        """Without a budget, sessions are not counted. `reach`: what jobs may name; default: what the bare rules say."""
        self._secrets = secrets
        self._budget = budget
        self._admission = Admission(reach or Reach())

    async def connector(
        self, endpoint: Endpoint, label: str, *, lasting: bool = False, patient: bool = True
    ) -> Connector:
        """The connector of one side, when its database bears another session; the activity may have one at a time.

        `lasting`: the session will be idle for hours; not `patient`: wait for seconds only. Raises SecretMissing,
        AccessDenied, InvalidConfiguration, Unavailable, BudgetTaken.
        """
        connection = endpoint.connection
        await self.admit(endpoint)
        credentials = await asyncio.to_thread(self._secrets.resolve, connection.secrets_ref)  # may ask another server
        connector = build_connector(connection.type, connection.options, credentials, label)
        options: ConnectorOptions = connector.options
        database = options.counted_as()
        if self._budget is not None and database is not None:
            await self._budget.admit(database, options.max_connections, lasting=lasting, patient=patient)
        return connector

    async def admit(self, endpoint: Endpoint) -> None:
        """Raises InvalidConfiguration where the endpoint leads to hosts or files that jobs must not use."""
        await self._admission.check(endpoint.side, endpoint.connection, self._options(endpoint))

    def at_once(self, endpoint: Endpoint, wanted: int) -> int:
        """How many sessions the activity, which has the connector, may have there at once: 1 to `wanted`."""
        options = self._options(endpoint)
        database = options.counted_as()
        if self._budget is None or database is None:
            return wanted
        return self._budget.at_once(database, options.max_connections, wanted)

    def address(self, endpoint: Endpoint) -> tuple[str, int] | None:
        """Host and port of one side, without its secret."""
        return self._options(endpoint).address()

    def session_settings(self, endpoint: Endpoint) -> dict[str, str]:
        """What sessions of one side change from the server's defaults."""
        return dict(find_type(endpoint.connection.type).connector_class().session_settings)

    def _options(self, endpoint: Endpoint) -> ConnectorOptions:
        connection = endpoint.connection
        try:
            return parse_options(connection.type, connection.options)
        except ValidationError as error:
            raise InvalidConfiguration(f"{endpoint}: {error.errors()[0]['msg']}") from error
