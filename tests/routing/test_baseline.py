from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.base import Prompt
from entrepot.routing.baseline import (
    KINDS,
    BestSingleRouter,
    CheapestRouter,
    DomainTableRouter,
    FixedRouter,
    RandomRouter,
    kind_of,
)
from entrepot.routing.checks import SPARSE, STRONG, UNSEEN, WEAK, MakeRouter, check_router, made_up_outcomes

BASELINES: list[MakeRouter] = [
    BestSingleRouter,
    CheapestRouter,
    RandomRouter,
    DomainTableRouter,
    lambda: FixedRouter(STRONG),
]


@pytest.mark.parametrize("make_router", BASELINES, ids=["best single", "cheapest", "random", "domain table", "fixed"])
def test_a_baseline_keeps_what_every_router_must(make_router: MakeRouter) -> None:
    check_router(make_router)


def test_the_best_single_model_is_the_one_with_the_best_record() -> None:
    estimates = BestSingleRouter().fit(made_up_outcomes()).bind((WEAK, STRONG), {}).predict(Prompt("Why?", 3))
    assert estimates.p_correct.argmax() == 1


def test_to_the_cheapest_all_models_are_as_good() -> None:
    estimates = CheapestRouter().fit(made_up_outcomes()).bind((WEAK, STRONG, UNSEEN), {}).predict(Prompt("Why?", 3))
    assert np.ptp(estimates.p_correct) == pytest.approx(0, abs=1e-6)


def test_fixed_is_certain_of_one_model() -> None:
    estimates = FixedRouter(WEAK).fit(made_up_outcomes()).bind((STRONG, WEAK), {}).predict(Prompt("Why?", 3))
    assert estimates.p_correct.tolist() == [0, 1]


def test_chance_differs_between_prompts_and_seeds() -> None:
    bound = [RandomRouter(seed).fit(made_up_outcomes()).bind((STRONG, WEAK), {}) for seed in (0, 1)]
    draws = {tuple(b.predict(Prompt(text, 1)).p_correct.tolist()) for b in bound for text in ("a", "b")}
    assert len(draws) == 4


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("def f(x):\n    return x", "code"),
        ("The plaintiff sued the defendant", "law"),
        ("患者有什么症状？", "medicine"),
        ("公司的成本是多少？", "business"),
        ("Tom has 3 apples. How many apples are left?", "sum"),
    ],
)
def test_kinds_of_prompt_are_told_apart_by_their_words(text: str, kind: str) -> None:
    assert KINDS[kind_of(Prompt(text, 1))][0] == kind


def test_a_prompt_of_no_kind_has_the_last_number() -> None:
    assert kind_of(Prompt("Hello there", 1)) == len(KINDS)


def test_the_domain_table_learns_a_record_for_each_kind() -> None:
    made = made_up_outcomes()
    bound = DomainTableRouter().fit(made).bind((STRONG, WEAK, SPARSE), {})
    kinds = {kind_of(prompt): prompt for prompt in made.prompts}
    records = {tuple(bound.predict(prompt).p_correct.tolist()) for prompt in kinds.values()}
    assert len(records) == len(kinds)
