"""`entrepot up` before it serves; serving, stopping and failing are in tests/end_to_end/test_processes.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from entrepot.cli.bringing_up import NOTHING_TO_SERVE
from entrepot.cli.up import up


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_simulate_brings_settings_of_its_own(bare: Path) -> None:
    ended = CliRunner().invoke(up, ["--simulate", "--config", "x.toml"])
    assert ended.exit_code == 2
    assert "--simulate brings settings of its own" in ended.output


@pytest.mark.parametrize("option", [["--port", "70000"], ["--processes", "0"], ["--port", "八"]])
def test_an_option_out_of_range_is_told(bare: Path, option: list[str]) -> None:
    ended = CliRunner().invoke(up, option)
    assert ended.exit_code == 2
    assert option[0] in ended.output


def test_with_nothing_to_serve_it_says_what_to_do_and_writes_nothing(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrepot.cli.bringing_up.os.environ", {})
    monkeypatch.setattr("entrepot.settings.choose.probe", lambda ports: ())  # whatever runs on this machine
    ended = CliRunner().invoke(up, [])
    assert ended.exit_code == NOTHING_TO_SERVE
    assert "--simulate" in ended.stderr
    assert list(bare.iterdir()) == []
