"""Says in an error's message what was being done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import MigrationError


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Errors of core/errors.py that leave the block begin with `what`."""
    try:
        yield
    except MigrationError as error:
        error.message = f"{what}: {error.message}"
        raise
