"""What is known about transformations without a driver."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from activities.transformations.registry import find_type, parse_transformation, schemas, transformation_types
from core.errors import InvalidConfiguration
from core.job_spec import TransformationSpec


def step(**fields: object) -> TransformationSpec:
    return TransformationSpec.model_validate(fields)


def test_schemas_are_published_in_the_spelling_of_requests() -> None:
    published = json.loads(json.dumps(schemas()))
    assert list(published) == ["COLUMN_MAP", "CUSTOM_FUNCTION", "DATA_MASK", "EXPRESSION"]
    properties = published["DATA_MASK"]["schema"]["properties"]
    assert set(properties) == {"columns", "maskChar", "keepFirst", "keepLast"}
    assert published["DATA_MASK"]["schema"]["additionalProperties"] is False
    assert all(entry["description"] for entry in published.values())
    assert published["CUSTOM_FUNCTION"]["functions"]["truncate"]["schema"]["required"] == ["length"]


def test_every_registered_class_can_be_imported() -> None:
    for known in transformation_types().values():
        assert known.transformation_class().__name__
        assert known.options_class().__doc__


def test_options_are_read_without_pyarrow_and_duckdb() -> None:
    code = (
        "import sys; from activities.transformations.registry import schemas, parse_transformation; "
        "from core.job_spec import TransformationSpec as S; schemas(); "
        "parse_transformation(S.model_validate({'type': 'CUSTOM_FUNCTION', 'function': 'trim', 'columns': ['a']})); "
        "sys.exit(any(name in sys.modules for name in ('pyarrow', 'duckdb', 'numpy')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_type_is_found_in_any_case_and_an_unknown_one_refused() -> None:
    assert find_type("data_mask").name == "DATA_MASK"
    with pytest.raises(InvalidConfiguration, match="no transformation MAKE_COFFEE"):
        find_type("MAKE_COFFEE")


def test_parsing_needs_no_database() -> None:
    assert parse_transformation(step(type="DATA_MASK", columns=["ssn"], maskChar="*")).model_dump() == {
        "columns": ["ssn"],
        "mask_char": "*",
        "keep_first": 0,
        "keep_last": 0,
    }
    with pytest.raises(ValidationError, match="maskCharacter"):
        parse_transformation(step(type="DATA_MASK", columns=["ssn"], maskCharacter="*"))
    with pytest.raises(ValidationError, match="length"):
        parse_transformation(step(type="CUSTOM_FUNCTION", function="truncate", columns=["a"], options={"length": 0}))
    with pytest.raises(InvalidConfiguration, match="no function eval"):
        parse_transformation(step(type="CUSTOM_FUNCTION", function="eval", columns=["a"]))
