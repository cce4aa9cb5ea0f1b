"""Lets a connection pass to where the installation allows it, at every connect: names may come to mean other hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.base import ConnectorOptions
from core.errors import InvalidConfiguration
from core.job_spec import ConnectionSpec
from core.reach import Reach


class Admission:
    """Judges one side of a job."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def check(self, side: str, connection: ConnectionSpec, options: ConnectorOptions) -> None:
        """Raises InvalidConfiguration that names side, option and remedy."""
        with _named(f"{side}.secretsRef"):
            self._reach.check_secret(connection.secrets_ref)
        for option, path in options.files().items():
            with _named(f"{side}.{option}"):
                self._reach.check_file(path)
        for option, host in options.hosts().items():
            with _named(f"{side}.{option}"):
                await self._reach.check_resolved(host)


@contextmanager
def _named(field: str) -> Iterator[None]:
    try:
        yield
    except InvalidConfiguration as error:
        raise InvalidConfiguration(f"{field}: {error.message}", remedy=error.remedy) from error
