from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings.toml import load, refuse

DEPLOYMENTS = """\
[[deployments]]
provider = "openai"
model = "gpt-large"
[[deployments]]
provider = "openai"
model = "gpt-small"
[[deployments]]
provider = "deepseek"
model = "deepseek-flash"
[[deployments]]
id = "同城/小"
provider = "ollama"
model = "qwen3-8b"
"""
LARGE, SMALL_ONE, FLASH, LOCAL = "openai/gpt-large", "openai/gpt-small", "deepseek/deepseek-flash", "同城/小"


def test_without_routes_there_is_auto_over_everything_with_a_chosen_reference_that_is_said(tmp_path: Path) -> None:
    loaded = load(tmp_path, DEPLOYMENTS)
    (route,) = loaded.routes
    assert route.name == "auto"
    assert route.candidates == (LARGE, SMALL_ONE, FLASH, LOCAL)
    assert route.reference == LARGE
    assert route.baseline is None
    assert "route 'auto' names no reference; it is openai/gpt-large: the best published score" in loaded.warnings[0]


@pytest.mark.parametrize(
    ("patterns", "expanded"),
    [
        ("['openai/*']", (LARGE, SMALL_ONE)),
        ("['deepseek/deepseek-flash', '*']", (FLASH, LARGE, SMALL_ONE, LOCAL)),
        ("['同城/*', '*/gpt-s*']", (LOCAL, SMALL_ONE)),
        ("['*-fla?h', '*flash']", (FLASH,)),
    ],
)
def test_patterns_are_expanded_in_their_order_each_deployment_once(
    tmp_path: Path, patterns: str, expanded: tuple[str, ...]
) -> None:
    loaded = load(tmp_path, f"{DEPLOYMENTS}[[routes]]\nname = 'r'\ncandidates = {patterns}\n")
    assert loaded.routes[0].candidates == expanded


def test_reference_and_baseline_may_be_named_by_model(tmp_path: Path) -> None:
    document = f"{DEPLOYMENTS}[[routes]]\nname = '自动'\nreference = 'gpt-large'\nbaseline = 'deepseek-flash'\n"
    route = load(tmp_path, document).routes[0]
    assert (route.name, route.reference, route.baseline) == ("自动", LARGE, FLASH)
    assert route.goal.max_loss == 0.02


def test_the_best_under_a_cost(tmp_path: Path) -> None:
    document = (
        f"{DEPLOYMENTS}[[routes]]\nname = 'r'\ngoal = 'best_under'\nmax_cost_usd = 0.001\nmax_output_tokens = 9\n"
    )
    route = load(tmp_path, document).routes[0]
    assert (route.goal.kind, route.goal.max_cost_usd, route.max_output_tokens) == ("best_under", 0.001, 9)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "name = 'r'\ncandidates = ['*', 'opnai/*']",
            "candidates[1]: 'opnai/*' matches no deployment; known: deepseek/",
        ),
        ("name = 'r'\ncandidates = []", "routes[0].candidates: must not be empty"),
        (
            "name = 'r'\nreference = 'gpt-larg'",
            "'gpt-larg' is neither the id nor the model of a deployment; did you mean",
        ),
        ("name = 'gpt-large'", "'gpt-large' is the name of a model; a route needs a name of its own"),
        ("name = 'gpt-other'", "'gpt-other' is the name of a model"),
        ("name = 'openai/gpt-large'", "'openai/gpt-large' is the id of a deployment"),
        ("name = 'r'\ngoal = 'best_under'", "'max_cost_usd' is missing"),
        ("name = 'r'\ngoal = 'best_under'\nmax_cost_usd = 1\nmax_loss = 0.1", "max_loss: has no meaning"),
        ("name = 'r'\nmax_cost_usd = 1", "max_cost_usd: has no meaning with cheapest_within"),
        ("name = 'r'\nmax_loss = 2", "max_loss: must be at most 1"),
        ("name = 'r'\n[[routes]]\nname = 'r'", "routes[1].name: 'r' is already the name of routes[0]"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, table: str, said: str) -> None:
    assert said in refuse(tmp_path, f"{DEPLOYMENTS}[[routes]]\n{table}\n")


def test_a_model_that_runs_in_two_places_does_not_name_one(tmp_path: Path) -> None:
    twice = DEPLOYMENTS + "[[deployments]]\nid = 'eu'\nprovider = 'openai'\nmodel = 'gpt-large'\nregion = 'eu'\n"
    said = refuse(tmp_path, f"{twice}[[routes]]\nname = 'r'\nbaseline = 'gpt-large'\n")
    assert "more than one deployment; name one of: openai/gpt-large, eu" in said


def test_a_wrong_deployment_is_not_blamed_on_the_routes_that_name_it(tmp_path: Path) -> None:
    document = (
        "[[deployments]]\nprovider = 'opnai'\nmodel = 'gpt-large'\n[[routes]]\nname = 'r'\nreference = 'gpt-large'\n"
    )
    said = refuse(tmp_path, document)
    assert "deployments[0].provider" in said
    assert "routes" not in said
