from __future__ import annotations

import numpy as np
import pytest

from entrepot.errors import Defect
from entrepot.routing.base import ModelFacts, Prompt
from entrepot.routing.calibration import Kind, calibrated
from entrepot.routing.checks import SPARSE, STRONG, UNSEEN, WEAK, check_learns, check_router, made_up_outcomes
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.features import read_prompts

SCORES = {STRONG: {"gpqa-diamond": 0.6}, WEAK: {"gpqa-diamond": 0.3}}


@pytest.fixture(scope="module")
def router() -> EnsembleRouter:
    return EnsembleRouter(rank=30, scores=SCORES).fit(made_up_outcomes())


@pytest.mark.parametrize("kind", ["ability", "ensemble", "linear"])
def test_keeps_what_every_router_must(kind: Kind) -> None:
    check_router(lambda: EnsembleRouter(rank=20, folds=3, kind=kind))


@pytest.mark.parametrize("kind", ["ability", "ensemble", "linear"])
def test_tells_hard_prompts_and_strong_models_apart(kind: Kind) -> None:
    check_learns(lambda: EnsembleRouter(rank=20, folds=3, kind=kind))


def test_the_hot_path_gives_what_the_members_and_their_calibration_give(router: EnsembleRouter) -> None:
    prompt = Prompt("Summarize 三点 this, then prove that 2 + 2 = 4.", 12)
    estimates = router.bind((STRONG, WEAK, SPARSE), {}).predict(prompt)
    fitted = router.fitted_
    rows = fitted.featurizer.rows(*read_prompts([prompt])).astype(np.float64)
    expected = calibrated(
        fitted.calibration,
        fitted.members.logits(rows),
        rows @ fitted.members.ease,
        fitted.members.near(rows.astype(np.float32)),
    )[0]
    assert estimates.p_correct == pytest.approx(expected, abs=1e-4)
    lengths = np.exp(np.maximum(fitted.members.lengths.logs(rows)[0, :3], 0)) * fitted.calibration.length_factors[:3]
    assert estimates.output_tokens == pytest.approx(lengths, rel=1e-3)


def test_a_reasoning_model_never_seen_is_expected_to_write_more_and_is_less_certain(router: EnsembleRouter) -> None:
    facts = {"thinks": ModelFacts({}, reasoning=True), "talks": ModelFacts({})}
    estimates = router.bind(("thinks", "talks"), facts).predict(Prompt("Why?", 3))
    assert estimates.output_tokens[0] > 3 * estimates.output_tokens[1]
    assert estimates.log_error[0] > estimates.log_error[1]


def test_a_model_never_seen_is_less_certain_than_one_with_outcomes(router: EnsembleRouter) -> None:
    estimates = router.bind((WEAK, UNSEEN), {}).predict(Prompt("What is 4 plus 7? Answer with the number.", 10))
    in_logits = estimates.p_error / (estimates.p_correct * (1 - estimates.p_correct))
    assert in_logits[1] > in_logits[0]


def test_an_estimate_is_less_certain_for_a_prompt_unlike_any_other(router: EnsembleRouter) -> None:
    bound = router.bind((STRONG,), {})
    seen, unlike = (bound.predict(p) for p in (made_up_outcomes().prompts[0], Prompt("什么是量子纠缠？请解释。", 10)))
    in_logits = [float((e.p_error / (e.p_correct * (1 - e.p_correct)))[0]) for e in (seen, unlike)]
    assert in_logits[1] > in_logits[0]


def test_outcomes_under_two_names_of_a_model_teach_one_model() -> None:
    router = EnsembleRouter(rank=20, folds=2, aliases={SPARSE: STRONG, "not in the files": WEAK}).fit(
        made_up_outcomes()
    )
    assert router.fitted_.members.heads.models == (STRONG, WEAK)
    both = router.bind((STRONG, SPARSE), {}).predict(Prompt("Why?", 3))
    assert both.p_correct[0] == both.p_correct[1]
    assert both.basis == ("outcomes", "outcomes")


def test_traits_place_a_model_that_nothing_is_known_of_but_its_scores_as_the_hot_path_does(
    router: EnsembleRouter,
) -> None:
    bound = router.bind((UNSEEN,), {UNSEEN: ModelFacts({"gpqa-diamond": 0.5})})
    estimates = bound.predict(Prompt("Prove that 2 + 2 = 4.", 12))
    assert estimates.traits is not None
    p_correct, p_error = bound.by_traits(np.array([estimates.traits, estimates.traits]))
    assert p_correct[:, 0] == pytest.approx([estimates.p_correct[0]] * 2, abs=1e-5)
    assert 0 < p_error[0, 0] <= estimates.p_error[0]


def test_a_router_that_was_never_fitted_cannot_be_bound() -> None:
    with pytest.raises(Defect, match="before it was fitted"):
        EnsembleRouter().bind((STRONG,), {})


def test_tells_what_it_is_doing() -> None:
    told: list[str] = []
    EnsembleRouter(rank=10, folds=2, step=told.append).fit(made_up_outcomes())
    assert told == [
        "reading prompts",
        "fitting on all prompts",
        "fitting without fold 1 of 2",
        "fitting without fold 2 of 2",
        "calibrating",
    ]
