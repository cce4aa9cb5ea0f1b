"""The image and the compose file, as far as they can be read here: nothing of this is built or started."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from api.access import SHORTEST_KEY
from core.config_store.credentials import PREFIX
from core.encryption.key_ring import parse_keys
from core.settings import Settings
from core.temporal_client import STAGES
from deploy.cli import app

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
OWN_IMAGE = "sterna:local"
SHARED = {"documents", "staging", "leases"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return found


def own(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in compose["services"].items() if each.get("image") == OWN_IMAGE}


def mounted(service: dict[str, Any]) -> list[tuple[str, str]]:
    """What and where, without the mode."""
    return [(each.split(":")[0], each.split(":")[1]) for each in service.get("volumes", [])]


def image_variables() -> dict[str, str]:
    """ENV of the last stage."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


def test_the_dockerfile_has_no_lint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    ran = subprocess.run([hadolint, DEPLOY / "Dockerfile"], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_the_last_stage_runs_as_nobody_who_may_anything_and_holds_no_build_tools() -> None:
    last = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[-1]
    assert "USER 10001:10001" in last
    assert "RUN " not in last
    assert "HEALTHCHECK" in last


@pytest.mark.parametrize("name", ["image", "build"])
def test_the_image_installs_by_hash(name: str) -> None:
    assert f"--require-hashes -r requirements/{name}.txt" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = (REPOSITORY / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pinned = [number for number, line in enumerate(lines) if "==" in line and not line.startswith(("#", " "))]
    assert pinned
    assert all("--hash=sha256:" in lines[number + 1] for number in pinned)


def test_what_the_image_copies_is_there_and_is_let_through_to_the_builder() -> None:
    let_through = {
        line[1:] for line in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copies = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    copied = {name for names in copies for name in names}
    assert copied == let_through
    assert all((REPOSITORY / name).exists() for name in copied)
    packages = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - {"tests", "bench"}
    assert packages <= copied


def test_every_setting_that_image_and_compose_give_exists(compose: dict[str, Any]) -> None:
    given = set(image_variables()) | {
        name for service in own(compose).values() for name in service.get("environment", {})
    }
    known = {f"STERNA_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in given if name.startswith("STERNA_")} <= known
    files = {name for name in compose["secrets"] if name.startswith("sterna_") and name != "sterna_password"}
    assert {name.upper() for name in files} <= known


def test_every_command_of_a_container_is_one_of_sternas(compose: dict[str, Any]) -> None:
    command = get_command(app)
    served = []
    for name, service in own(compose).items():
        given, *arguments = service["command"]
        found = command.commands[given]  # type: ignore[attr-defined]
        assert found.make_context(given, list(arguments), resilient_parsing=False), name
        served += arguments[1:]
    assert sorted(served) == sorted(STAGES)


def test_containers_of_sterna_can_write_nothing_but_what_they_share(compose: dict[str, Any]) -> None:
    for name, service in own(compose).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert {what for what, _ in mounted(service)} == SHARED, name
        places = {Path(where) for _, where in mounted(service)}
        variables = image_variables()
        assert places == {Path(variables[f"STERNA_{folder.upper()}"]) for folder in SHARED}
        assert service["deploy"]["resources"]["limits"]["memory"], name


def test_nothing_is_published_beyond_loopback(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_password_stands_in_the_file(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            secret = any(word in variable for word in ("PASSWORD", "TOKEN", "PWD", "SECRET"))
            assert not secret or str(value).startswith("/run/secrets"), (name, variable)


def test_everything_that_is_named_is_there(compose: dict[str, Any], tmp_path: Path) -> None:
    subprocess.run(["sh", str(_copy_of_script(tmp_path))], check=True)
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    assert made == set(compose["secrets"])
    for name, service in compose["services"].items():
        assert ":" in service["image"], f"{name} names no version"
        assert not service["image"].endswith(":latest"), name
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        for what, _ in mounted(service):
            if what.startswith("."):
                assert (DEPLOY / what).exists(), f"{name} mounts {what}"
            else:
                assert what in compose["volumes"], name


def test_secrets_are_made_once(tmp_path: Path) -> None:
    script = _copy_of_script(tmp_path)
    contents = []
    for _ in range(2):
        subprocess.run(["sh", str(script)], check=True)
        contents.append({path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()})
    assert contents[0] == contents[1]
    assert contents[0]["sterna_password"] in contents[0]["sterna_config_store"]
    parse_keys(contents[0]["encryption_keys"])
    assert len(contents[0]["admin_key"]) >= SHORTEST_KEY
    assert contents[0]["admin_key"].startswith(PREFIX)


def test_compose_itself_reads_the_file(compose: dict[str, Any], tmp_path: Path) -> None:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is missing: as root, apt-get install docker-compose")
    older = {key: value for key, value in compose.items() if key != "name"}  # Debian's release does not know it
    file = tmp_path / "compose.yaml"
    file.write_text(yaml.safe_dump(older), encoding="utf-8")
    ran = subprocess.run(
        [program, "-f", str(file), "--profile", "mysql", "--profile", "oracle", "config", "--services"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    assert set(ran.stdout.split()) == set(compose["services"])


def test_prometheus_asks_every_process_of_sterna(compose: dict[str, Any]) -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    targets = {
        target.split(":")[0]
        for job in scraped["scrape_configs"]
        for part in job["static_configs"]
        for target in part["targets"]
    }
    assert set(own(compose)) <= targets <= set(compose["services"])


@pytest.mark.parametrize("script", sorted((DEPLOY / "compose").glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_posix_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True)


def _copy_of_script(folder: Path) -> Path:
    (folder / "compose").mkdir(exist_ok=True)
    copy = folder / "compose" / "make-secrets.sh"
    copy.write_text((DEPLOY / "compose" / "make-secrets.sh").read_text(encoding="utf-8"), encoding="utf-8")
    return copy
