"""Functions for CUSTOM_FUNCTION by name; other packages add theirs by the entry point `sterna.functions`.
Needs no driver."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from activities.transformations.options import TransformationOptions
from core.entry_points import load_class, offered
from core.errors import InvalidConfiguration

if TYPE_CHECKING:
    from activities.transformations.functions import ColumnFunction

ENTRY_POINT_GROUP = "sterna.functions"


@dataclass(frozen=True)
class FunctionType:
    """A registered function: what it does, and where its options and its class are, as `module:Class`."""

    name: str
    description: str
    function: str
    """A ColumnFunction whose constructor takes the options."""
    options: str = "activities.transformations.function_options:NoOptions"

    def options_class(self) -> type[TransformationOptions]:
        """Imports the options model, without pyarrow and DuckDB."""
        return load_class(self.options)

    def function_class(self) -> type[ColumnFunction]:
        """Imports the function with what it needs."""
        return load_class(self.function)


_FUNCTIONS = "activities.transformations.functions"
_OPTIONS = "activities.transformations.function_options"

BUILT_IN = (
    FunctionType(
        "email_domain", "What follows the last @; NULL where there is none or nothing.", f"{_FUNCTIONS}:EmailDomain"
    ),
    FunctionType("lower", "Lower case, letter by letter as Unicode defines it.", f"{_FUNCTIONS}:Lower"),
    FunctionType("null_if_empty", "NULL instead of the empty text.", f"{_FUNCTIONS}:NullIfEmpty"),
    FunctionType(
        "sha256_hex",
        "SHA-256 of the UTF-8 bytes as 64 lower-case hexadecimal digits. Equal values stay equal, so keys can be "
        "hidden; values that can be guessed can be recomputed.",
        f"{_FUNCTIONS}:Sha256Hex",
    ),
    FunctionType("trim", "Without white space at both ends.", f"{_FUNCTIONS}:Trim", f"{_OPTIONS}:TrimOptions"),
    FunctionType("truncate", "The first characters.", f"{_FUNCTIONS}:Truncate", f"{_OPTIONS}:TruncateOptions"),
    FunctionType("upper", "Upper case, letter by letter as Unicode defines it.", f"{_FUNCTIONS}:Upper"),
)


@cache
def function_types() -> dict[str, FunctionType]:
    """Every function that this installation knows. An entry point's value names an object that is a FunctionType.

    Raises InvalidConfiguration where two packages claim one name.
    """
    return offered(ENTRY_POINT_GROUP, "function", BUILT_IN)


def find_function(name: str) -> FunctionType:
    """The registered function of that name. Raises InvalidConfiguration that lists the known ones."""
    types = function_types()
    if name not in types:
        raise InvalidConfiguration(
            f"there is no function {name}",
            remedy=f"Known functions: {', '.join(sorted(types))}. Others are installed on the workers as a package "
            f"with the entry point {ENTRY_POINT_GROUP}; a request carries no code",
        )
    return types[name]


def parse_function_options(name: str, options: dict[str, Any]) -> TransformationOptions:
    """The function's options, checked. Raises InvalidConfiguration or pydantic.ValidationError."""
    return find_function(name).options_class().model_validate(options)


def function_schemas() -> dict[str, dict[str, Any]]:
    """By function name: `description` and `schema` (JSON Schema of its options)."""
    return {
        name: {"description": known.description, "schema": known.options_class().model_json_schema()}
        for name, known in sorted(function_types().items())
    }
