"""Alembic environment of the config store; `core.config_store.upgrade` applies it."""
