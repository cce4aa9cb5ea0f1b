"""What the entry point names."""

from __future__ import annotations

from connectors.registry import ConnectorType

JSONLINES = ConnectorType(
    "JSONLINES", "sterna_jsonlines.options:JsonLinesOptions", "sterna_jsonlines.connector:JsonLines"
)
