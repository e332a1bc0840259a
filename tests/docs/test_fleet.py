"""Tests of docs/guides/fleet.md and examples/fleet: the composition without a container engine, what it mounts, what it names."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from entrepot.settings.ledger import database_url, ledger_place
from entrepot.settings.load import load_settings
from tests.cli.run import Command
from tests.docs.fences import find_fences

PROJECT = Path(__file__).parents[2]
FLEET = PROJECT / "examples" / "fleet"
GUIDE = (PROJECT / "docs" / "guides" / "fleet.md").read_text(encoding="utf-8")
COMPOSED: dict[str, Any] = yaml.safe_load((FLEET / "compose.yaml").read_text(encoding="utf-8"))
NGINX = (FLEET / "nginx.conf").read_text(encoding="utf-8")
GATEWAYS = {name: service for name, service in COMPOSED["services"].items() if name.startswith("gateway-")}
SECRETS = {"POSTGRES_PASSWORD": "p4ss", "REDIS_PASSWORD": "p4ss2", "DEEPSEEK_API_KEY": "k1", "OPENAI_API_KEY": "k2"}


def filled(text: str) -> str:
    """A value as compose gives it to a container: `${NAME:?why}` is what the operator set."""
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: SECRETS[found[1]], text)


def environment(service: dict[str, Any]) -> dict[str, str]:
    return {name: filled(str(value)) for name, value in service["environment"].items()}


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """What is mounted in a container, by where."""
    return {where: source for source, where, *_ in (volume.split(":") for volume in service["volumes"])}


def test_each_gateway_has_a_volume_of_its_own_for_what_it_writes() -> None:
    assert len(GATEWAYS) >= 2
    written = []
    for gateway in GATEWAYS.values():
        settings = load_settings(FLEET / "entrepot.toml", environment(gateway))
        written.append(mounts(gateway)[settings.ledger.directory])
        assert gateway["read_only"]
    assert len(set(written)) == len(GATEWAYS)
    assert set(written) <= COMPOSED["volumes"].keys()


def test_what_is_mounted_is_there_and_where_the_image_looks_for_it() -> None:
    for service in COMPOSED["services"].values():
        for source in mounts(service).values():
            assert (FLEET / source).is_file() if source.startswith(".") else source in COMPOSED["volumes"]
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    (config,) = re.findall(r"ENTREPOT_CONFIG=(\S+)", dockerfile)
    for gateway in GATEWAYS.values():
        assert mounts(gateway)[config] == "./entrepot.toml"
        assert (FLEET / gateway["build"]["context"] / "Dockerfile").is_file()
        assert {"postgres", "redis"} <= set(gateway["build"]["args"]["EXTRAS"].split(","))


def test_the_settings_find_the_services_by_their_names() -> None:
    for gateway in GATEWAYS.values():
        environ = environment(gateway)
        settings = load_settings(FLEET / "entrepot.toml", environ)
        database = database_url(settings, environ) or ""
        assert database == "postgresql://entrepot:p4ss@postgres/entrepot"
        assert str(ledger_place(settings, environ)) == "the PostgreSQL database 'entrepot' on postgres"
        assert settings.counters.redis == "env:FLEET_REDIS"
        assert environ["FLEET_REDIS"] == "redis://:p4ss2@redis:6379/0"
        assert set(gateway["depends_on"]) == {"postgres", "redis"} <= COMPOSED["services"].keys()
        assert int(gateway["stop_grace_period"].removesuffix("s")) > settings.gateway.grace_s
    postgres = COMPOSED["services"]["postgres"]["environment"]
    assert (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]) == ("entrepot", "entrepot")


def test_nginx_knows_every_gateway_at_its_port() -> None:
    settings = load_settings(FLEET / "entrepot.toml", SECRETS)
    upstream = re.findall(r"^\s*server (\S+):(\d+) ", NGINX, re.MULTILINE)
    assert upstream == [(name, str(settings.gateway.port)) for name in GATEWAYS]
    (listening,) = re.findall(r"listen (\d+);", NGINX)
    assert COMPOSED["services"]["nginx"]["ports"] == [f"127.0.0.1:8080:{listening}"]
    assert "non_idempotent" not in re.sub("#.*", "", NGINX)


def test_nginx_finds_nothing_wrong_with_its_file(tmp_path: Path) -> None:
    """It looks names up and opens what it listens on: here loopback, and a socket of the test's."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("nginx and wrk are not installed")
    text = re.sub(r"gateway-\d", "127.0.0.1", NGINX).replace("listen 8080", f"listen unix:{tmp_path}/socket")
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid;\n{text}", encoding="utf-8")
    done = subprocess.run(
        [program, "-t", "-p", tmp_path, "-c", file, "-e", tmp_path / "log"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_settings_of_the_guide_are_those_of_the_example(tmp_path: Path) -> None:
    (piece,) = (fence.text for fence in find_fences(GUIDE) if fence.language == "toml")
    (tmp_path / "entrepot.toml").write_text(
        f"{piece}\n[[deployments]]\nprovider = 'deepseek'\nmodel = 'deepseek-v4.1-flash'\n", encoding="utf-8"
    )
    guides = load_settings(tmp_path / "entrepot.toml", SECRETS)
    example = load_settings(FLEET / "entrepot.toml", SECRETS)
    assert (guides.ledger, guides.counters) == (example.ledger, example.counters)


def test_what_the_guide_exports_is_what_the_composition_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (FLEET / "compose.yaml").read_text(encoding="utf-8")))
    (shell,) = (fence.text for fence in find_fences(GUIDE) if fence.language == "sh")
    assert set(re.findall(r"(\w+)=…", shell)) == asked == SECRETS.keys()
    for service in re.findall(r"docker compose \w+ (\S+-\d)", GUIDE):
        assert service in GATEWAYS


def test_check_finds_nothing_wrong_with_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "entrepot.toml").write_text((FLEET / "entrepot.toml").read_text(encoding="utf-8"), encoding="utf-8")
    result = Command(tmp_path, monkeypatch)("check", "--offline", environ=environment(GATEWAYS["gateway-1"]))
    assert result.exit_code == 0, result.output
