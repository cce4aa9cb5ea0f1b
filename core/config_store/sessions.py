"""Transactions on the config store, with its outages told as Sterna's errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from core.config_store.audit_events import write_events
from core.errors import Unavailable

REMEDY = "Check that PostgreSQL runs and that STERNA_CONFIG_STORE names it"


def open_engine(url: str) -> AsyncEngine:
    """An engine for the config store; connects on first use. `url` is the setting `config_store`."""
    return create_async_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args={"timeout": 10})


class Transactions:
    """Base of the config store's parts: opens transactions on one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Commits at the end of the block, with the audit events that the block added, and rolls back when it fails.
        Raises Unavailable."""
        with reachable():
            async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
                await write_events(session)


@contextmanager
def reachable() -> Iterator[None]:
    """Tells an outage of the database as Unavailable; other errors pass."""
    try:
        yield
    except (OSError, PoolTimeout, OperationalError, InterfaceError) as error:
        raise Unavailable(f"the config store cannot be reached: {_reason(error)}", remedy=REMEDY) from error
    except DBAPIError as error:
        if not error.connection_invalidated and not _refuses_login(error):
            raise
        raise Unavailable(f"the config store cut the connection: {_reason(error)}", remedy=REMEDY) from error


def _refuses_login(error: DBAPIError) -> bool:
    """SQLSTATE classes 28 (authorization) and 3D (no such database) come from connecting only."""
    return str(getattr(error.orig, "sqlstate", "")).startswith(("28", "3D"))


def _reason(error: Exception) -> str:
    """The driver's words without SQLAlchemy's statement and parameters, which may hold a job's values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause) or type(cause).__name__
