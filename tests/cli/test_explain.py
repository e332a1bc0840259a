from __future__ import annotations

import json

import pytest

from tests.cli.run import Command

DOCUMENT = """\
[[deployments]]
provider = "openai"
model = "gpt-6.1-sol"

[[deployments]]
provider = "deepseek"
model = "deepseek-v4.1-flash"

[[deployments]]
id = "本地/千问"
provider = "ollama"
model = "qwen3:8b"

[[routes]]
name = "auto"
reference = "gpt-6.1-sol"

[[policy]]
name = "机密不出门"
when = { tags = ["机密"] }
require = { on_premises = true }
"""


@pytest.fixture
def configured(entrepot: Command) -> Command:
    """The command beside settings of three deployments, with one rule."""
    (entrepot.directory / "entrepot.toml").write_text(DOCUMENT, encoding="utf-8")
    return entrepot


def test_a_deployments_id_stays_in_one_piece_on_80_columns(configured: Command) -> None:
    result = configured("explain", "港口今日恢复作业。", environ={"COLUMNS": "80"})
    assert result.exit_code == 0
    for id_ in ("openai/gpt-6.1-sol", "deepseek/deepseek-v4.1-flash", "本地/千问"):
        assert id_ in result.output


def test_on_a_narrow_terminal_no_figure_is_cut(configured: Command) -> None:
    wide, narrow = (configured("explain", "hi", environ={"COLUMNS": str(width)}).output for width in (160, 55))
    figures = [word for word in wide.split() if word.startswith("0.")]
    assert figures
    for figure in figures:
        assert figure in narrow


def test_who_is_rejected_is_told_with_the_reason_once(configured: Command) -> None:
    result = configured("explain", "hi", "--tag", "机密")
    assert result.output.count("requires on_premises = true") == 1
    assert "\n  openai/gpt-6.1-sol, deepseek/deepseek-v4.1-flash " in result.output


def test_a_prompt_may_come_from_standard_input_and_the_decision_may_be_json(configured: Command) -> None:
    result = configured("explain", "-", "--json")
    assert json.loads(result.stdout)["order"]
    assert result.stderr == ""


def test_an_unknown_route_is_told_without_a_traceback(configured: Command) -> None:
    result = configured("explain", "hi", "--route", "没有")
    assert result.exit_code == 1
    assert "'没有'" in result.stderr
