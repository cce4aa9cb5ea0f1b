"""Run by Alembic. The caller gives the connection, so that its advisory lock covers the whole upgrade."""

from __future__ import annotations

from alembic import context

from core.config_store.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
