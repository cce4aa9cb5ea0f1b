from __future__ import annotations

from pathlib import Path

import pytest

from core.settings import Settings


def test_a_setting_may_lie_in_a_file_and_the_environment_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sterna_config_store").write_text("postgresql+asyncpg://from-file\n", encoding="utf-8")
    (tmp_path / "sterna_api_port").write_text("81", encoding="utf-8")
    monkeypatch.setenv("STERNA_SECRETS", str(tmp_path))
    monkeypatch.setenv("STERNA_API_PORT", "82")
    settings = Settings()
    assert (settings.config_store, settings.api_port) == ("postgresql+asyncpg://from-file", 82)
