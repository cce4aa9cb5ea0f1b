"""Reads the settings of a process and, where something is wrong with them, says everything that is, at once."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

from pydantic import SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from core.errors import InvalidConfiguration
from core.settings import Settings

PREFIX = "STERNA_"
OTHER_VARIABLES = frozenset(["STERNA_API", "STERNA_API_KEY", "STERNA_API_KEY_FILE"])
"""Of the client commands (`api.client`, `api.client_key`)."""
FOLDER_VARIABLE = "STERNA_SECRETS"
OF_TESTS = "STERNA_TEST_"
KUBERNETES = re.compile(r"_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)$")
"""What Kubernetes sets in every container for each Service of the namespace ("enableServiceLinks")."""
SERVICE_LINK = re.compile(r"^(tcp|udp)://")
LOGIN = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")
LISTS = (list, tuple, set, frozenset, dict)


class _Given(Settings):
    """Settings from what it is given alone, so that one value that cannot be read does not hide the others."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """No other source."""
        return (init_settings,)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises InvalidConfiguration that names each wrong variable, its value unless it is
    secret, and what is expected; unknown variables with the prefix too."""
    everything = os.environ if environment is None else environment
    given = {name.upper(): text for name, text in everything.items() if name.upper().startswith(PREFIX)}
    if folder := given.get(FOLDER_VARIABLE):
        given = {**_from_files(Path(folder)), **given}
    values: dict[str, Any] = {}
    problems = list(_unknown(given))
    for name, field in Settings.model_fields.items():
        text = given.get(variable(name))
        if text is None:
            continue
        try:
            values[name] = json.loads(text) if _is_list(field) else text
        except ValueError:
            problems.append(f'{variable(name)} is {shown(name, text)}: write a JSON list, such as \'["a", "b"]\'')
    problems += _problems(values, given)
    if problems:
        raise InvalidConfiguration(
            f"{len(problems)} setting{'s are' if len(problems) > 1 else ' is'} wrong:\n  " + "\n  ".join(problems),
            remedy="\nCorrect the environment and start again; docs/settings.md lists every setting",
        )
    return Settings(**values)


def _from_files(folder: Path) -> dict[str, str]:
    """Settings by variable from the files of a folder. Raises InvalidConfiguration."""
    try:
        files = sorted(file for file in folder.iterdir() if file.name.upper().startswith(PREFIX))
        return {file.name.upper(): file.read_text(encoding="utf-8").strip() for file in files}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(
            f"{FOLDER_VARIABLE} cannot be read: {error}", remedy="Mount the folder, readable by the process's user"
        ) from error


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def shown(name: str, text: str) -> str:
    """A value for people; '(secret)' where it is none of theirs."""
    field = Settings.model_fields[name]
    if field.annotation is not None and any(
        kind.__name__ in str(field.annotation) for kind in (SecretStr, SecretBytes)
    ):
        return "(secret)"
    return repr(LOGIN.sub(r"\1:***@", text))


def _problems(values: dict[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    """Of single values, then of those that are right by themselves and do not go together."""
    errors = _errors(values)
    wrong = {str(entry["loc"][0]) for entry in errors if entry["loc"]}
    for entry in errors if not wrong else [*errors, *_errors({name: values[name] for name in values.keys() - wrong})]:
        message = str(entry["msg"]).removeprefix("Value error, ")
        if not entry["loc"]:
            yield message
            continue
        name = str(entry["loc"][0])
        text = given.get(variable(name), "")
        message = message[:1].lower() + message[1:]
        if SERVICE_LINK.match(text):
            message += "; Kubernetes sets it for a Service of that name: say enableServiceLinks: false in the pod"
        yield f"{variable(name)} is {shown(name, text)}: {message}"


def _errors(values: dict[str, Any]) -> list[ErrorDetails]:
    try:
        _Given(**values)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return []


def _unknown(given: Mapping[str, str]) -> Iterator[str]:
    known = [variable(name) for name in Settings.model_fields]
    for name in sorted(given):
        if name in known or name in OTHER_VARIABLES or name.startswith(OF_TESTS) or KUBERNETES.search(name):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        yield f"{name} is no setting" + (f": did you mean {near[0]}?" if near else "")


def _is_list(field: FieldInfo) -> bool:
    return (get_origin(field.annotation) or field.annotation) in LISTS
