from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from entrepot.cli.main import main
from tests.cli.test_trial import SETTINGS


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DEEPSEEK_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "sk")
    Path("entrepot.toml").write_text(SETTINGS, encoding="utf-8")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["trial", "holdout", *arguments])
    return done.exit_code, done.output


def test_it_says_how_many_sessions_a_precision_takes_before_there_is_any() -> None:
    code, text = run("--saving-points", "4")
    assert code == 0, text
    assert "route 'auto', 10 % of sessions drawn for the baseline" in text
    assert "the saving, give or take 4 points at all times:" in text
    assert "(by what is assumed)" in text
    (coarse, fine) = (json.loads(run("--quality-points", points, "--json")[1]) for points in ("10", "5"))
    assert coarse["quality"]["sessions"] < fine["quality"]["sessions"]
    assert (fine["share"], fine["saving"]["seen"]) == (0.1, False)


def test_a_route_that_is_not_there_and_a_precision_out_of_reach_are_said() -> None:
    code, text = run("--route", "outo")
    assert code == 2
    assert "did you mean 'auto'" in text
    assert run("--saving-points", "0.000001", "--spread", "90")[0] == 2
