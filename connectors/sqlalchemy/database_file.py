"""SQLite's database file, which its driver would create by merely looking for it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL

from core.errors import NotFound

IN_MEMORY = ("", ":memory:")


def missing_file(url: URL) -> Path | None:
    """The file that the URL names, where it is not there; None for databases that are no file."""
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or name in IN_MEMORY or name.startswith("file:"):
        return None
    path = Path(name)
    return None if path.exists() else path


def refuse_missing_file(url: URL) -> None:
    """Raises NotFound where there is nothing to read."""
    path = missing_file(url)
    if path is not None:
        raise NotFound(f"there is no file {path}", remedy="Check the option url, on every worker")
