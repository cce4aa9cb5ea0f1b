"""What a connector's options do, without a database."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from pydantic import ValidationError

from connectors.base import ConnectorOptions
from connectors.conformance.harness import Harness
from connectors.registry import build_connector, connector_types, find_type, parse_options
from core.errors import InvalidConfiguration

CAMEL_CASE = re.compile(r"[a-z][a-zA-Z0-9]*")
LOOKS_SECRET = re.compile(r"pass(word|wd|phrase)?$|^pwd$|secret|token|api_?key|private_?key$", re.IGNORECASE)
LOADED = """
import importlib, json, sys
import connectors.base, connectors.registry, pydantic
before = {name.partition(".")[0] for name in sys.modules}
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules} - before)))
"""


class Offers:
    """Registration and options"""

    async def test_registered(self, harness: Harness) -> None:
        """The type is found in the registry in any case, and its capabilities are published as data."""
        known = find_type(harness.type_name.lower())
        assert known.name == harness.type_name == harness.type_name.upper()
        assert known.name in connector_types()
        capabilities = known.connector_class().capabilities
        assert capabilities.reads or capabilities.writes
        assert capabilities.dialect
        assert json.loads(capabilities.model_dump_json())
        assert not capabilities.writes or {"append", "replace"} <= set(capabilities.load_modes)

    async def test_options_without_driver(self, harness: Harness) -> None:
        """Options are imported without the driver."""
        module = find_type(harness.type_name).options.partition(":")[0]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", LOADED, module]
        result = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603
        allowed = {module.partition(".")[0], *sys.stdlib_module_names} - {"sqlite3", "_sqlite3"}
        assert set(json.loads(result.stdout)) <= allowed

    async def test_options_schema(self, harness: Harness) -> None:
        """The options' JSON Schema describes every field in camelCase and has no place for a secret."""
        model = find_type(harness.type_name).options_class()
        assert issubclass(model, ConnectorOptions)
        schema = json.loads(json.dumps(model.model_json_schema(by_alias=True)))
        assert schema["additionalProperties"] is False
        names = list(schema["properties"])
        assert [name for name in names if not CAMEL_CASE.fullmatch(name)] == []
        assert [name for name in names if LOOKS_SECRET.search(name)] == []

    async def test_unknown_option(self, harness: Harness) -> None:
        """An option that does not exist is refused by name."""
        with pytest.raises(ValidationError, match="thereIsNoSuchOption"):
            parse_options(harness.type_name, {**harness.options, "thereIsNoSuchOption": 1})
        with pytest.raises(InvalidConfiguration):
            build_connector(
                harness.type_name, {**harness.options, "thereIsNoSuchOption": 1}, harness.credentials, "conformance"
            )

    async def test_secrets_are_not_shown(self, harness: Harness) -> None:
        """Neither credentials nor connector show the password when they are printed."""
        connector = harness.connector()
        password = harness.credentials.password
        assert not password or password not in repr(connector.credentials) + repr(connector) + repr(connector.options)
