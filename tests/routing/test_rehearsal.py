from __future__ import annotations

import numpy as np
import pytest

from entrepot.learning.outcomes import Dataset
from entrepot.learning.sample import draw_sample
from entrepot.routing.base import ModelFacts, Prompt
from entrepot.routing.baseline import RandomRouter
from entrepot.routing.checks import STRONG, UNSEEN, WEAK, made_up_outcomes
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.rehearsal import Rehearsal, Sample, rehearsal_of


@pytest.fixture(scope="module")
def router() -> EnsembleRouter:
    outcomes = made_up_outcomes()
    ids = tuple(str(number) for number in range(len(outcomes.prompts)))
    fitted = EnsembleRouter(rank=30, folds=2).fit(outcomes)
    dataset = Dataset(outcomes, ids, ("",) * len(ids), ("",) * len(ids))
    fitted.sample_ = draw_sample(fitted, dataset, None, most=50, data="made up", date="2026-11-22")
    return fitted


def rehearsed(router: EnsembleRouter, models: tuple[str, ...]) -> Rehearsal:
    found = rehearsal_of(router.bind(models, {UNSEEN: ModelFacts(scores={})}))
    assert found is not None
    return found


def test_past_prompts_are_told_for_the_bound_models_in_their_order(router: EnsembleRouter) -> None:
    forth, back = rehearsed(router, (STRONG, WEAK)), rehearsed(router, (WEAK, STRONG))
    assert forth.p_correct.shape == (50, 2)
    assert np.array_equal(forth.p_correct, back.p_correct[:, ::-1])
    assert np.array_equal(forth.quality, back.quality[:, ::-1])
    assert np.nanmean(forth.quality[:, 0]) > np.nanmean(forth.quality[:, 1])


def test_a_model_never_seen_is_estimated_on_past_prompts_as_on_new_ones_and_has_no_outcomes(
    router: EnsembleRouter,
) -> None:
    assert router.sample_ is not None
    bound = router.bind((UNSEEN,), {})
    texts = made_up_outcomes().prompts
    by_length = {int(tokens) for tokens in router.sample_.input_tokens}
    prompt = next(prompt for prompt in texts if prompt.input_tokens in by_length)
    found = rehearsed(router, (UNSEEN,))
    near = np.abs(found.p_correct[:, 0] - bound.predict(Prompt(prompt.text, prompt.input_tokens)).p_correct[0])
    assert near.min() < 1e-3
    assert np.isnan(found.quality).all()


def test_without_outcomes_a_sample_is_a_prior(router: EnsembleRouter) -> None:
    assert router.sample_ is not None
    prior = EnsembleRouter.of(router.fitted_, "prior", router.sample_.without_outcomes())
    found = rehearsed(prior, (STRONG, WEAK))
    assert np.isnan(found.quality).all()
    assert np.isfinite(found.p_correct).all()


def test_a_router_that_remembers_nothing_is_asked_in_vain(router: EnsembleRouter) -> None:
    assert rehearsal_of(RandomRouter(0).fit(made_up_outcomes()).bind((STRONG,), {})) is None
    assert rehearsal_of(EnsembleRouter.of(router.fitted_, "old").bind((STRONG,), {})) is None


def test_a_sample_is_cut_to_the_prompts_asked_for(router: EnsembleRouter) -> None:
    sample = router.sample_
    assert isinstance(sample, Sample)
    assert len(sample.only(np.array([3, 1])).input_tokens) == 2
    assert len(rehearsed(router, (STRONG,)).only(np.array([0])).learned) == 1
