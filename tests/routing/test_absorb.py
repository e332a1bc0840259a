from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.base import Outcomes
from entrepot.routing.checks import STRONG, UNSEEN, WEAK, made_up_outcomes
from entrepot.routing.ensemble import EnsembleRouter

BASE = made_up_outcomes()


def router() -> EnsembleRouter:
    return EnsembleRouter(rank=20, folds=3).fit(BASE)


def answers(model: str, correct: float, count: int = 30, tokens: float = -1) -> Outcomes:
    return Outcomes(
        prompts=BASE.prompts[:count],
        models=(model,),
        prompt=np.arange(count, dtype=np.int32),
        model=np.zeros(count, np.int32),
        correct=np.full(count, correct, np.float32),
        output_tokens=np.full(count, tokens, np.float32),
        weight=np.ones(count, np.float32),
    )


def of(found: EnsembleRouter, model: str) -> float:
    bound = found.bind((model,), {})
    return float(np.mean([bound.predict(prompt).p_correct[0] for prompt in BASE.prompts]))


@pytest.mark.parametrize(("model", "correct"), [(WEAK, 1.0), (STRONG, 0.0), (UNSEEN, 1.0), (UNSEEN, 0.0)])
def test_outcomes_move_a_model_their_way(model: str, correct: float) -> None:
    found = router()
    before = of(found, model)
    after = of(found.partial_fit(answers(model, correct)), model)
    assert (after > before) if correct else (after < before)


def test_a_new_model_is_placed_by_its_first_outcomes_among_those_that_do_as_well() -> None:
    found = router().partial_fit(answers(UNSEEN, 1.0))
    estimates = found.bind((UNSEEN,), {}).predict(BASE.prompts[1])
    assert estimates.basis == ("outcomes",)
    assert of(found, UNSEEN) > of(found, WEAK)


def test_other_models_stay_where_they_are() -> None:
    found = router()
    before = of(found, STRONG)
    assert of(found.partial_fit(answers(WEAK, 0.0)), STRONG) == before


def test_an_outcome_of_no_weight_teaches_nothing_about_quality() -> None:
    found = router()
    before = of(found, WEAK)
    nothing = answers(WEAK, 1.0)
    nothing.weight[:] = 0
    assert of(found.partial_fit(nothing), WEAK) == pytest.approx(before, abs=1e-6)


def test_longer_answers_lengthen_what_is_expected() -> None:
    found = router()
    before = found.bind((WEAK,), {}).predict(BASE.prompts[0]).output_tokens[0]
    found.partial_fit(answers(WEAK, 1.0, tokens=2000))
    assert found.bind((WEAK,), {}).predict(BASE.prompts[0]).output_tokens[0] > before
