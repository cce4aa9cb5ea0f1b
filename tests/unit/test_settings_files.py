from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InvalidConfiguration
from core.settings_check import load_settings


def test_a_setting_may_lie_in_a_file_and_the_environment_goes_first(tmp_path: Path) -> None:
    (tmp_path / "sterna_config_store").write_text("postgresql+asyncpg://from-file\n", encoding="utf-8")
    (tmp_path / "sterna_api_port").write_text("81", encoding="utf-8")
    (tmp_path / "vault_token").write_text("not a setting", encoding="utf-8")
    settings = load_settings({"STERNA_SECRETS": str(tmp_path), "STERNA_API_PORT": "82"})
    assert (settings.config_store, settings.api_port) == ("postgresql+asyncpg://from-file", 82)


def test_wrong_settings_in_files_are_named_and_so_is_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "sterna_api_port").write_text("many", encoding="utf-8")
    with pytest.raises(InvalidConfiguration, match="STERNA_API_PORT is 'many'"):
        load_settings({"STERNA_SECRETS": str(tmp_path)})
    with pytest.raises(InvalidConfiguration, match="STERNA_SECRETS cannot be read"):
        load_settings({"STERNA_SECRETS": str(tmp_path / "none")})
