"""Options of the DUCKDB connector, importable without the driver."""

from __future__ import annotations

from pydantic import Field, field_validator

from connectors.base import ConnectorOptions


class DuckdbOptions(ConnectorOptions):
    """Where a DuckDB database file is."""

    path: str = Field(min_length=1)
    """The file, on the workers. A destination that is missing is created."""
    schema_default: str = Field(default="main", alias="defaultSchema")
    """Schema of tables that are named without one."""
    lock_timeout: float = Field(default=60.0, gt=0, le=3600)
    """Seconds to wait for another process that has the file open."""
    memory_limit: str | None = Field(default=None, pattern=r"^\d+(\.\d+)?\s*([kmgtKMGT]i?)?[bB]$")
    """What DuckDB may use of a worker's memory, e.g. `2GB`. Default: its own, 80 % of the machine's."""

    @field_validator("path")
    @classmethod
    def _is_a_file(cls, path: str) -> str:
        if path.startswith((":memory:", "md:")) or "://" in path:
            raise ValueError("path must name a file: every session opens it anew")
        return path

    def files(self) -> dict[str, str]:
        """The database."""
        return {"path": self.path}
