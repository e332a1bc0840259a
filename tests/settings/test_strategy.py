from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.exchange.plan import Strategy
from entrepot.routing.ballot import Compare
from entrepot.routing.confidence import IN_SETTINGS, Confidence
from entrepot.routing.validator import Validator
from tests.settings.toml import load, refuse

DEPLOYMENT = '[[deployments]]\nprovider = "openai"\nmodel = "gpt-large"\n'


def route(*lines: str) -> str:
    return DEPLOYMENT + "[[routes]]\nname = 'r'\n" + "\n".join(lines) + "\n"


def test_unless_it_says_otherwise_a_route_chooses_one_model_before_the_call(tmp_path: Path) -> None:
    assert load(tmp_path, route()).routes[0].strategy is None
    assert load(tmp_path, route('strategy = "before"')).routes[0].strategy is None


def test_a_route_may_ask_several_models(tmp_path: Path) -> None:
    assert load(tmp_path, route('strategy = "agreement"')).routes[0].strategy == Strategy("agreement")
    told = route(
        'strategy = "agreement"', "max_calls = 3", "parallel = 2", 'agreement = {compare = "json", field = "/总额"}'
    )
    assert load(tmp_path, told).routes[0].strategy == Strategy("agreement", 3, 2, Compare("json", "/总额"))


def test_a_route_may_hold_answers_to_a_check(tmp_path: Path) -> None:
    assert load(tmp_path, route('strategy = "check"')).routes[0].strategy == Strategy("check")
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "总额.py").write_text("def check(answer): return True")
    told = load(tmp_path, route('strategy = "check"', 'check = {python = "checks/总额.py", timeout_s = 2.5}'))
    found = told.routes[0].strategy
    assert found is not None
    assert found.check == Validator(python=f"{tmp_path}/checks/总额.py", timeout_s=2.5)


def test_a_route_may_go_by_how_sure_models_are(tmp_path: Path) -> None:
    told = load(tmp_path, route('strategy = "confidence"', "logprobs = {slope = 3.0, usual = -0.5}")).routes[0].strategy
    assert told == Strategy("confidence", confidence=Confidence(3.0, -0.5, 0.5, IN_SETTINGS))


@pytest.mark.parametrize("kind", ["python", "unit_test"])
def test_a_check_whose_file_is_not_there_is_refused_with_its_line(tmp_path: Path, kind: str) -> None:
    told = refuse(tmp_path, route('strategy = "check"', f'check = {{{kind} = "checks/gone.py"}}'))
    assert f"line 7: routes[0].check.{kind}: " in told
    assert "'checks/gone.py' is not there" in told


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        (['strategy = "agreement"', 'agreement = {compare = "jsn"}'], 7, "routes[0].agreement.compare"),
        (['strategy = "agrement"'], 6, "did you mean 'agreement'?"),
        (["max_calls = 3"], 6, "has no meaning where one model answers"),
        (["parallel = 2"], 6, "has no meaning where one model answers"),
        (["agreement = {}"], 6, 'has no meaning without strategy = "agreement"'),
        (['strategy = "agreement"', "max_calls = 1"], 7, "routes[0].max_calls"),
        (['strategy = "agreement"', 'agreement = {field = "/x"}'], 7, 'has no meaning without compare = "json"'),
        (['strategy = "agreement"', 'agreement = {options = ["a", "b"]}'], 7, 'without compare = "choice"'),
        (['strategy = "agreement"', 'agreement = {compare = "choice", options = ["a"]}'], 7, "at least two"),
        (['strategy = "agreement"', 'agreement = {compare = "choice", options = ["a", "a"]}'], 7, "each once"),
        (['strategy = "agreement"', 'agreement = {compare = "regex"}'], 7, "needs a regular expression"),
        (['strategy = "agreement"', 'agreement = {compare = "regex", pattern = "("}'], 7, "no regular expression"),
        (['strategy = "agreement"', "agreement = {compare = 'regex', pattern = '(a+)+b'}"], 7, "look for ever"),
        (['strategy = "agreement"', 'agreement = {compare = "json", field = "x"}'], 7, "routes[0].agreement.field"),
        (['strategy = "agreement"', 'check = {regex = "x"}'], 7, 'has no meaning without strategy = "check"'),
        (['strategy = "agreement"', "confidence = 0.9"], 7, "tested for one call"),
        (['goal = "shares"', 'shares = {"openai/gpt-large" = 1}', 'strategy = "check"'], 8, "drawn by lot"),
        (['strategy = "check"', "parallel = 2"], 7, "each answer is checked before another"),
        (['strategy = "check"', "logprobs = {}"], 7, 'has no meaning without strategy = "confidence"'),
        (['strategy = "check"', "check = {}"], 7, "this one has none"),
        (['strategy = "check"', 'check = {regex = "("}'], 7, "routes[0].check"),
        (['strategy = "check"', 'check = {regexp = "x"}'], 7, "did you mean 'regex'?"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, lines: list[str], line: int, said: str) -> None:
    message = refuse(tmp_path, route(*lines))
    assert said in message
    assert f"line {line}: " in message
