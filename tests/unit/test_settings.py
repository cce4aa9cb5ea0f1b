"""Wrong settings stop a process with all that is wrong; the page of settings is the settings class."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import InvalidConfiguration
from core.settings import Settings
from core.settings_check import load_settings, variable
from core.temporal_profile import connect_configuration
from deploy.cli import app
from deploy.settings_page import PAGE, renewed

WRONG = {
    "STERNA_API_PORT": "tcp://10.0.0.1:8080",
    "STERNA_LOAD_SLOTS": "0",
    "STERNA_ALOWED_HOSTS": '["db"]',
    "STERNA_ALLOWED_HOSTS": "db",
    "STERNA_CONFIG_STORE": "mysql://u:hunter2@db/x",
    "STERNA_LOG_LEVEL": "loud",
    "STERNA_DOCUMENTS": "/data/x",
    "STERNA_STAGING": "/data/x/staging",
}


def test_every_wrong_setting_is_named_at_once_with_its_value_and_what_is_expected() -> None:
    with pytest.raises(InvalidConfiguration) as refusal:
        load_settings(WRONG)
    text = str(refusal.value)
    assert all(name in text for name in WRONG)
    assert "did you mean STERNA_ALLOWED_HOSTS?" in text
    assert "enableServiceLinks" in text
    assert "'0'" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("command", [["api"], ["worker", "--stages", "load"], ["up"], ["demo"]])
def test_a_process_with_wrong_settings_does_not_start(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in WRONG.items():
        monkeypatch.setenv(name, text)
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 1, ended.output
    assert all(name in ended.output for name in WRONG)
    assert isinstance(ended.exception, SystemExit)


def test_right_settings_are_read_and_others_variables_are_left_alone() -> None:
    given = {
        "STERNA_ALLOWED_HOSTS": '["10.0.0.0/8"]',
        "sterna_api_port": "81",
        "STERNA_API": "http://other",
        "STERNA_API_SERVICE_HOST": "10.0.0.1",
        "STERNA_API_PORT_8080_TCP_ADDR": "10.0.0.1",
        "PATH": "/bin",
    }
    settings = load_settings(given)
    assert (settings.api_port, settings.allowed_hosts) == (81, ["10.0.0.0/8"])


def test_the_page_of_settings_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "run: make settings"
    assert all(f"| `{variable(name)}` |" in page for name in Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())


PROFILES = """
[profile.default]
address = "own.example.com:7233"
[profile.cloud]
address = "cloud.example.com:7233"
namespace = "migrations.a1b2c"
api_key = "canary-key"
[profile.mutual]
address = "mutual.example.com:7233"
[profile.mutual.tls]
client_cert_path = "{folder}/client.pem"
client_key_path = "{folder}/client.key"
[profile.half.tls]
client_cert_path = "{folder}/client.pem"
[profile.missing.tls]
client_cert_path = "/nowhere/client.pem"
client_key_path = "{folder}/client.key"
[profile.clear]
api_key = "canary-key"
[profile.clear.tls]
disabled = true
[profile.portless]
address = "own.example.com"
"""


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        monkeypatch.delenv(name)
    for name in ("client.pem", "client.key"):
        (tmp_path / name).write_text(f"the {name}", encoding="utf-8")
    file = tmp_path / "temporal.toml"
    file.write_text(PROFILES.format(folder=tmp_path), encoding="utf-8")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    return file


def test_a_profile_says_how_temporal_is_reached(profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connect_configuration() == {"target_host": "own.example.com:7233"}
    monkeypatch.setenv("TEMPORAL_PROFILE", "cloud")
    cloud = {"target_host": "cloud.example.com:7233", "namespace": "migrations.a1b2c", "api_key": "canary-key"}
    assert connect_configuration() == {**cloud, "tls": True}
    monkeypatch.setenv("TEMPORAL_ADDRESS", "other.example.com:7233")
    assert connect_configuration()["target_host"] == "other.example.com:7233"
    assert connect_configuration("mine:1", "own") == {**cloud, "target_host": "mine:1", "namespace": "own", "tls": True}
    monkeypatch.setenv("TEMPORAL_PROFILE", "mutual")
    tls = connect_configuration()["tls"]
    assert not isinstance(tls, bool)
    assert tls is not None
    assert (tls.client_cert, tls.client_private_key) == (b"the client.pem", b"the client.key")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TEMPORAL_PROFILE": "nobody"}, "nobody"),
        ({"TEMPORAL_PROFILE": "half"}, "come together"),
        ({"TEMPORAL_PROFILE": "missing"}, "/nowhere/client.pem"),
        ({"TEMPORAL_PROFILE": "clear"}, "in the clear"),
        ({"TEMPORAL_PROFILE": "portless"}, "host:port"),
        ({"TEMPORAL_CONFIG_FILE": "/nowhere.toml"}, "no such file"),
        ({"TEMPORAL_TLS": "perhaps"}, "true or false"),
    ],
)
def test_a_wrong_profile_is_explained(
    profiles: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(InvalidConfiguration, match=said):
        connect_configuration()


@pytest.mark.parametrize("line", ['adress = "x"', "api_key = canary-key", "[profile.default"])
def test_a_file_that_cannot_be_read_is_not_repeated(profiles: Path, line: str) -> None:
    profiles.write_text(f"[profile.default]\n{line}\n", encoding="utf-8")
    with pytest.raises(InvalidConfiguration, match="line 2") as refusal:
        connect_configuration()
    assert "canary-key" not in str(refusal.value)
