"""Options of the JSONLINES connector."""

from __future__ import annotations

from pydantic import Field

from connectors.base import ConnectorOptions


class JsonLinesOptions(ConnectorOptions):
    """Where the folder is."""

    folder: str = Field(min_length=1)
    """A folder that all workers see; each table is a folder in it."""
