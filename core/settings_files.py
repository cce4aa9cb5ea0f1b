"""Settings that lie in files, one for each: how containers keep passwords out of the environment."""

from __future__ import annotations

import os

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource

FOLDER_VARIABLE = "STERNA_SECRETS"


class FromFiles(BaseSettings):
    """Reads what is given, the environment, then the files of the folder that STERNA_SECRETS names."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """In the order in which they count."""
        files = SecretsSettingsSource(settings_cls, secrets_dir=os.environ.get(FOLDER_VARIABLE))
        return init_settings, env_settings, files
