"""Transformations by type name, imported on first use; other packages add theirs by the entry point
`sterna.transformations`. Needs no driver: the API reads option models and schemas here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from activities.transformations.base import Transformation
from activities.transformations.function_registry import function_schemas, parse_function_options
from activities.transformations.options import CustomFunctionOptions, TransformationOptions
from core.entry_points import load_class, offered
from core.errors import InvalidConfiguration
from core.job_spec import TransformationSpec

ENTRY_POINT_GROUP = "sterna.transformations"


@dataclass(frozen=True)
class TransformationType:
    """A registered type: where its options and its class are, as `module:Class`."""

    name: str
    options: str
    transformation: str
    """A Transformation whose constructor takes the options."""

    def options_class(self) -> type[TransformationOptions]:
        """Imports the options model, without pyarrow and DuckDB."""
        return load_class(self.options)

    def transformation_class(self) -> type[Transformation]:
        """Imports the transformation with what it needs."""
        return load_class(self.transformation)


HERE = "activities.transformations"

BUILT_IN = (
    TransformationType("COLUMN_MAP", f"{HERE}.options:ColumnMapOptions", f"{HERE}.column_map:ColumnMap"),
    TransformationType("DATA_MASK", f"{HERE}.options:DataMaskOptions", f"{HERE}.data_mask:DataMask"),
    TransformationType(
        "CUSTOM_FUNCTION", f"{HERE}.options:CustomFunctionOptions", f"{HERE}.custom_function:CustomFunction"
    ),
    TransformationType("EXPRESSION", f"{HERE}.options:ExpressionOptions", f"{HERE}.expression:Expression"),
)


@cache
def transformation_types() -> dict[str, TransformationType]:
    """Every type that this installation knows. An entry point's value names an object that is a TransformationType.

    Raises InvalidConfiguration where two packages claim one name.
    """
    return offered(ENTRY_POINT_GROUP, "transformation", BUILT_IN, spelled=str.upper)


def find_type(name: str) -> TransformationType:
    """The registered type of that name. Raises InvalidConfiguration that lists the known ones."""
    types = transformation_types()
    if name.upper() not in types:
        raise InvalidConfiguration(
            f"there is no transformation {name}", remedy=f"Known types: {', '.join(sorted(types))}"
        )
    return types[name.upper()]


def parse_transformation(spec: TransformationSpec) -> TransformationOptions:
    """The step's options, checked as far as possible without a database.

    Raises InvalidConfiguration for an unknown type or function, pydantic.ValidationError for wrong options.
    """
    options = find_type(spec.type).options_class().model_validate(spec.options)
    if isinstance(options, CustomFunctionOptions):
        parse_function_options(options.function, options.options)
    return options


def schemas() -> dict[str, dict[str, Any]]:
    """By type name: `description`, `schema` (JSON Schema of the options) and, for CUSTOM_FUNCTION, `functions`."""
    published: dict[str, dict[str, Any]] = {}
    for name, known in sorted(transformation_types().items()):
        schema = known.options_class().model_json_schema()
        published[name] = {"description": schema.get("description", ""), "schema": schema}
    published["CUSTOM_FUNCTION"]["functions"] = function_schemas()
    return published
