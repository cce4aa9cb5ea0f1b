"""Options of the transformations, as a job's JSON gives them. Importable without pyarrow and DuckDB."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class TransformationOptions(BaseModel):
    """Base of a transformation's options: camelCase in JSON, unknown fields refused. Its docstring is published."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", use_attribute_docstrings=True
    )


def _one_character(value: str) -> str:
    if len(value) != 1 or value == "\0" or "\ud800" <= value <= "\udfff":
        raise ValueError("must be exactly one character (any but NUL)")
    return value


def _no_repetition(names: list[str]) -> list[str]:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"names columns twice: {', '.join(repeated)}")
    return names


ColumnName = Annotated[str, Field(min_length=1, max_length=255)]
ColumnNames = Annotated[list[ColumnName], Field(min_length=1), AfterValidator(_no_repetition)]


class ColumnMapOptions(TransformationOptions):
    """Renames columns; those it does not name pass unchanged. All renames happen at once, so two columns can swap."""

    mapping: dict[ColumnName, ColumnName] = Field(min_length=1, examples=[{"id": "CUST_ID", "email": "EMAIL_ADDR"}])
    """Old name to new name."""


class DataMaskOptions(TransformationOptions):
    """Replaces every character of a text but the kept ones; NULL stays NULL.

    The length in characters stays. A value of at most keepFirst + keepLast characters is masked whole, so that a
    short value is never shown.
    """

    columns: ColumnNames = Field(examples=[["ssn"]])
    mask_char: Annotated[str, AfterValidator(_one_character)] = Field(
        default="X", json_schema_extra={"minLength": 1, "maxLength": 1}
    )
    """One character, any of Unicode."""
    keep_first: int = Field(default=0, ge=0)
    """Characters at the beginning that stay readable."""
    keep_last: int = Field(default=0, ge=0)
    """Characters at the end that stay readable."""


class CustomFunctionOptions(TransformationOptions):
    """Applies a function that the workers have installed, by name, to each of the columns."""

    function: str = Field(min_length=1, examples=["sha256_hex"])
    """Its registered name; a request never carries code."""
    columns: ColumnNames = Field(examples=[["email"]])
    options: dict[str, Any] = Field(default_factory=dict)
    """The function's own options."""


class ExpressionOptions(TransformationOptions):
    """Sets a column, an existing one or a new one at the end, to a scalar SQL expression over the row's columns.

    The SQL is DuckDB's. Functions must be deterministic and look at one row: no subquery, aggregate or window.
    """

    column: ColumnName = Field(examples=["full_name"])
    expression: str = Field(min_length=1, max_length=20_000, examples=["trim(first_name) || ' ' || last_name"])
    """Over the current column names: the exact name in double quotes, or unquoted where its case does not matter."""
    result_type: str | None = Field(default=None, min_length=1, max_length=255, examples=["numeric(12,2)"])
    """The column's native type. Needed for a new column; default: the existing column's own type."""
