"""Opens the two ends of a job: resolves the secret, then builds the connector."""

from __future__ import annotations

import asyncio

from activities.resources.secrets import Secrets
from connectors.base import Connector
from connectors.registry import build_connector, find_type
from core.route import Endpoint


class Connections:
    """Given to activities; a connector it returns has no session open yet."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    async def connector(self, endpoint: Endpoint, label: str) -> Connector:
        """The connector of one side. Raises SecretMissing, AccessDenied, InvalidConfiguration, Unavailable."""
        connection = endpoint.connection
        credentials = await asyncio.to_thread(self._secrets.resolve, connection.secrets_ref)  # may ask another server
        return build_connector(connection.type, connection.options, credentials, label)

    def address(self, endpoint: Endpoint) -> tuple[str, int] | None:
        """Host and port of one side, without its secret."""
        connection = endpoint.connection
        return find_type(connection.type).options_class().model_validate(connection.options).address()

    def session_settings(self, endpoint: Endpoint) -> dict[str, str]:
        """What sessions of one side change from the server's defaults."""
        return dict(find_type(endpoint.connection.type).connector_class().session_settings)
