from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.checks import STRONG, WEAK, made_up_outcomes
from entrepot.routing.design import Design, build_design
from entrepot.routing.features import BUCKETS
from entrepot.routing.nearby import Nearby, Records, fit_nearby, place


@pytest.fixture(scope="module")
def design() -> Design:
    return build_design(made_up_outcomes(200), 30, 0)[1]


@pytest.fixture(scope="module")
def nearby(design: Design) -> Nearby:
    return fit_nearby(design)


def test_every_prompt_lies_in_one_cluster_at_length_one(nearby: Nearby, design: Design) -> None:
    assert nearby.starts[0] == 0
    assert nearby.starts[-1] == len(nearby.at) == len(design.latent)
    assert np.sqrt((nearby.at**2).sum(axis=1)) == pytest.approx(np.ones(len(nearby.at)), abs=1e-4)


def test_it_tells_prompts_that_a_weak_model_fails_on_from_those_it_does_not(nearby: Nearby, design: Design) -> None:
    weak = design.models.index(WEAK)
    logits = nearby.logits(design.rows)[:, weak]
    right = design.correct[:, weak] > 0.5
    assert (logits[right].mean(axis=0) > logits[~right].mean(axis=0) + 0.5).all()


def test_of_a_model_never_seen_nothing_is_said(nearby: Nearby, design: Design) -> None:
    numbers = np.array([design.models.index(STRONG), -1])
    at = place(design.rows[0] @ nearby.directions, design.rows[0][BUCKETS:-1])
    known, unseen = Records(nearby, numbers).logits(at).T
    assert (unseen == 0).all()
    assert (known != 0).all()


def test_what_a_model_did_not_answer_is_missing_and_not_wrong(design: Design) -> None:
    model = design.models.index(STRONG)
    half = design.weight.copy()
    half[::2, model] = 0
    fewer = fit_nearby(
        Design(
            models=design.models,
            rows=design.rows,
            latent=design.latent,
            loadings=design.loadings,
            correct=np.where(half > 0, design.correct, np.nan),
            output_tokens=design.output_tokens,
            weight=half,
        )
    )
    share = 1 / (1 + np.exp(-fewer.logits(design.rows)[:, model]))
    assert share.mean() == pytest.approx(np.nanmean(design.correct[:, model]), abs=0.1)


def test_a_prompt_without_any_known_word_still_has_a_place(nearby: Nearby, design: Design) -> None:
    nowhere = nearby.logits(np.zeros((1, design.rows.shape[1]), np.float32))
    assert np.isfinite(nowhere).all()
