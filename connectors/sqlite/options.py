"""Options of the SQLITE connector, importable without the driver."""

from __future__ import annotations

from pathlib import PurePath

from pydantic import Field, field_validator

from connectors.base import ConnectorOptions


class SqliteOptions(ConnectorOptions):
    """Where an SQLite database file is."""

    path: str = Field(min_length=1)
    """The file, by its absolute path on the workers. A destination that is missing is created."""
    lock_timeout: float = Field(default=60.0, gt=0, le=3600)
    """Seconds to wait for another process that writes the file."""

    @field_validator("path")
    @classmethod
    def _is_an_absolute_path(cls, path: str) -> str:
        if not PurePath(path).is_absolute():
            raise ValueError("path must be absolute: workers have folders of their own")
        return path

    def files(self) -> dict[str, str]:
        """The database."""
        return {"path": self.path}
