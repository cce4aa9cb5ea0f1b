from __future__ import annotations

from pathlib import Path

import pytest

from connectors.registry import ConnectorType, connector_types
from core.errors import InvalidConfiguration


def test_every_built_in_type_shows_its_options_and_is_implemented() -> None:
    types = connector_types()
    assert {"POSTGRES", "MYSQL", "ORACLE", "SNOWFLAKE", "SQLITE", "DUCKDB", "SQLALCHEMY"} <= types.keys()
    for known in types.values():
        assert known.options_class().model_json_schema()["properties"]
        assert known.connector_class().capabilities.reads


def test_a_missing_driver_is_named_with_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "driverless.py").write_text("import no_such_driver.client\n")
    monkeypatch.syspath_prepend(tmp_path)
    missing = ConnectorType("OTHER", "driverless:Options", "driverless:Other", "sterna[other]")
    with pytest.raises(InvalidConfiguration, match="no_such_driver") as caught:
        missing.connector_class()
    assert "pip install 'sterna[other]'" in str(caught.value)


def test_a_mistake_inside_a_connector_is_not_taken_for_a_missing_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mistaken.py").write_text("import mistaken.gone\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError):
        ConnectorType("OTHER", "mistaken:Options", "mistaken:Other").connector_class()
