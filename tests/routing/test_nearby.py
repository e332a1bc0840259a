from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.checks import STRONG, WEAK, made_up_outcomes
from entrepot.routing.clusters import k_means
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


def test_what_is_near_a_prompt_is_what_looking_at_every_prompt_of_the_nearest_clusters_finds() -> None:
    chance = np.random.default_rng(3)
    raw = chance.normal(size=(900, 5)).astype(np.float32)
    at = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    centres, nearest = k_means(at, 20, chance)
    order = np.argsort(nearest, kind="stable")
    at, right = at[order], (at[order][:, :1] > 0).astype(np.float32)
    starts = np.searchsorted(nearest[order], np.arange(21))
    nearby = Nearby(("a",), np.zeros((1, 5), np.float32), centres, starts, at, right, np.ones_like(right))
    here = at[7]
    searched = np.argsort(centres @ here)[-8:]
    rows = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in searched])
    nearest_first = rows[np.argsort(-(at[rows] @ here))][:120]
    weight = np.square(at[nearest_first] @ here)
    share = (weight @ right[nearest_first, 0] + 8 * right.mean()) / (weight.sum() + 8)
    assert Records(nearby, np.array([0])).logits(here)[0, 0] == pytest.approx(np.log(share / (1 - share)), abs=0.02)


def test_a_model_that_came_after_the_fit_has_no_record(nearby: Nearby, design: Design) -> None:
    found = nearby.logits(design.rows[:2], [0, len(nearby.models)])
    assert found.shape == (2, 2, 2)
    assert (found[:, 0] == nearby.logits(design.rows[:2])[:, 0]).all()
    assert (found[:, 1] == 0).all()
