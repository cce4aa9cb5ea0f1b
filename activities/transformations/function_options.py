"""Options of the functions that Sterna brings for CUSTOM_FUNCTION. Importable without pyarrow and DuckDB."""

from __future__ import annotations

from pydantic import Field

from activities.transformations.options import TransformationOptions


class NoOptions(TransformationOptions):
    """The function has none."""


class TrimOptions(TransformationOptions):
    """What `trim` takes away."""

    characters: str | None = Field(default=None, min_length=1)
    """Characters to take away at both ends; default: all white space."""


class TruncateOptions(TransformationOptions):
    """Where `truncate` cuts."""

    length: int = Field(ge=1)
    """Characters that stay, counted from the beginning."""
