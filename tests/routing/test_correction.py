from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.learning.sample import draw_sample
from entrepot.routing.base import Prompt
from entrepot.routing.checks import STRONG, UNSEEN, WEAK, made_up_outcomes
from entrepot.routing.correction import NOTHING, Adjustment, Correction, base_of, version_of
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.logistic import logit
from tests.learning.fitted import a_dataset

PROMPT = Prompt("What is 12 plus 7? Answer with the number.", 12)
MINE = Correction(Adjustment(1.1, -0.2, 0.1), {STRONG: Adjustment(0.8, 0.3, -0.2), WEAK: Adjustment(1.2, -0.4, 0.3)})


@pytest.fixture(scope="module")
def router() -> EnsembleRouter:
    return EnsembleRouter(rank=20, folds=3).fit(made_up_outcomes())


def test_a_corrected_router_estimates_what_the_correction_makes_of_the_fit(router: EnsembleRouter) -> None:
    models = (STRONG, WEAK, UNSEEN)
    plain = router.bind(models, {}).predict(PROMPT)
    corrected = router.corrected(MINE, "mine")
    found = corrected.bind(models, {}).predict(PROMPT)
    assert corrected.version == "mine"
    assert plain.traits is not None
    assert found.traits == plain.traits
    for at, model in enumerate(models):
        expected = MINE.of(model).apply(float(logit(plain.p_correct[[at]].astype(np.float64))[0]), plain.traits[2])
        assert float(logit(found.p_correct[[at]].astype(np.float64))[0]) == pytest.approx(expected, abs=2e-3)
    assert found.output_tokens.tolist() == plain.output_tokens.tolist()
    again = router.bind(models, {}).predict(PROMPT)
    assert again.p_correct.tolist() == plain.p_correct.tolist()


def test_past_prompts_are_rehearsed_as_the_corrected_router_would_have_predicted_them(router: EnsembleRouter) -> None:
    dataset = a_dataset()
    fitted = EnsembleRouter(rank=20, folds=3).fit(dataset.outcomes)
    fitted.sample_ = draw_sample(fitted, dataset, None, most=30, data="d", date="2026-11-20", seed=0)
    models = (*dataset.outcomes.models[:2], "never-seen")
    mine = Correction(Adjustment(1.0, -0.5, 0.0), {models[0]: Adjustment(0.5, 1.0, 0.25)})
    before, after = fitted.bind(models, {}).rehearsal, fitted.corrected(mine, "mine").bind(models, {}).rehearsal
    assert before is not None
    assert after is not None
    ease = fitted.sample_.traits[:, 2]
    for at, model in enumerate(models):
        one = mine.of(model)
        expected = one.slope * logit(before.p_correct[:, at]) + one.shift + one.ease * ease
        assert logit(after.p_correct[:, at]) == pytest.approx(expected, abs=2e-2)
    np.testing.assert_array_equal(after.quality, before.quality)


@given(
    slope=st.floats(0.2, 3),
    shift=st.floats(-3, 3),
    ease=st.floats(-1, 1),
    at=st.floats(-8, 8),
    prompt=st.floats(-3, 3),
)
def test_what_is_applied_can_be_undone(slope: float, shift: float, ease: float, at: float, prompt: float) -> None:
    one = Adjustment(slope, shift, ease).rounded()
    assert one.undo(one.apply(at, prompt), prompt) == pytest.approx(at, abs=1e-6)


def test_a_slope_that_is_rounded_never_becomes_nothing() -> None:
    assert Adjustment(1e-9, 0.12345678, 0).rounded() == Adjustment(0.0001, 0.1235, 0)


def test_a_correction_has_a_name_of_its_own_whatever_order_its_models_are_in() -> None:
    other = Correction(MINE.common, dict(reversed(MINE.models.items())))
    assert version_of("ensemble/d/abc", MINE) == version_of("ensemble/d/abc", other)
    assert version_of("ensemble/d/abc", MINE) != version_of("ensemble/d/abc", Correction())
    assert version_of("ensemble/d/abc", NOTHING) == "ensemble/d/abc"
    assert base_of(version_of("ensemble/d/abc", MINE)) == "ensemble/d/abc"


def test_how_far_a_correction_moves_estimates_is_told_by_the_model_it_moves_most() -> None:
    assert NOTHING.moves(NOTHING) == 0
    assert 0.05 < NOTHING.moves(Correction(models={"a": Adjustment(1.0, -0.4, 0.0)})) < 0.15
    assert NOTHING.moves(Correction(Adjustment(1.0, -0.4, 0.0))) > 0.05
