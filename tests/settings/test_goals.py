from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.routing.explore import Exploration
from tests.settings.test_routes import DEPLOYMENTS, FLASH, LARGE
from tests.settings.toml import load, refuse


def test_a_promise_is_asked_for_by_its_confidence(tmp_path: Path) -> None:
    route = load(tmp_path, f"{DEPLOYMENTS}[[routes]]\nname = 'r'\nmax_loss = 0.05\nconfidence = 0.95\n").routes[0]
    assert (route.goal.kind, route.goal.max_loss, route.goal.confidence) == ("cheapest_within", 0.05, 0.95)


def test_a_right_answer_has_a_worth_and_a_request_a_bound(tmp_path: Path) -> None:
    document = f"{DEPLOYMENTS}[[routes]]\nname = 'r'\ngoal = 'weighted'\nworth_usd = 0.02\nmax_cost_usd = 0.1\n"
    goal = load(tmp_path, document).routes[0].goal
    assert (goal.kind, goal.worth_usd, goal.max_cost_usd) == ("weighted", 0.02, 0.1)


def test_shares_are_given_by_deployment(tmp_path: Path) -> None:
    document = (
        f"{DEPLOYMENTS}[[routes]]\nname = '实验'\ngoal = 'shares'\nshares = {{ '{LARGE}' = 0.3, '{FLASH}' = 0.7 }}\n"
    )
    assert load(tmp_path, document).routes[0].goal.shares == ((LARGE, 0.3), (FLASH, 0.7))


def test_a_floor_that_all_candidates_together_cannot_have_is_refused(tmp_path: Path) -> None:
    document = f"{DEPLOYMENTS}[[routes]]\nname = 'r'\n[routes.explore]\nfloor = "
    count = len(load(tmp_path, f"{document}0.01\n").routes[0].candidates)
    told = refuse(tmp_path, f"{document}0.9\n")
    assert f"routes[0].explore.floor: {count} candidates cannot each get 0.9" in told
    most = float(told.split("at most ")[1].split()[0])
    assert load(tmp_path, f"{document}{most}\n").routes[0].explore == Exploration(floor=most)
    refuse(tmp_path, f"{document}{most + 0.002}\n")


def test_a_route_may_explore(tmp_path: Path) -> None:
    document = f"{DEPLOYMENTS}[[routes]]\nname = 'r'\n[routes.explore]\nkind = 'posterior'\nmax_loss = 0.1\n"
    assert load(tmp_path, document).routes[0].explore == Exploration("posterior", 0.02, 0.002, 0.1)
    shared = "goal = 'shares'\nshares = { 'openai/gpt-large' = 1 }\nexplore = {}"
    assert "explore: has no meaning with shares" in refuse(tmp_path, f"{DEPLOYMENTS}[[routes]]\nname = 'r'\n{shared}\n")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("goal = 'weighted'", "'worth_usd' is missing: weighted needs what a right answer is worth"),
        ("goal = 'shares'", "'shares' is missing"),
        (f"goal = 'shares'\nshares = {{ '{LARGE}' = 0.5 }}", "the shares sum to 0.5, and must sum to 1"),
        ("goal = 'shares'\nshares = { 'opneai/gpt-large' = 1 }", "is none of the candidates; did you mean"),
        ("worth_usd = 1", 'worth_usd: has no meaning with cheapest_within; remove it, or set goal = "weighted"'),
        ("goal = 'best_under'\nmax_cost_usd = 1\nconfidence = 0.9", "confidence: has no meaning with best_under"),
        ("confidence = 0.9\nstrategy = 'agreement'", "confidence: is about the model that is chosen before the call"),
        ("confidence = 1", "confidence: must be less than 1"),
        ("confidence = 0.4", "confidence: must be at least 0.5"),
        (
            "confidence = 0.9\nreference = 'gpt-large'\ncandidates = ['deepseek/*']",
            "takes over where nothing can be promised, and must be among the candidates",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, table: str, said: str) -> None:
    assert said in refuse(tmp_path, f"{DEPLOYMENTS}[[routes]]\nname = 'r'\n{table}\n")
