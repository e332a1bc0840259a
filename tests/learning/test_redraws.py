from __future__ import annotations

import numpy as np
import pytest

from entrepot.learning import redraws
from entrepot.learning.pool import Pool, build_pool
from entrepot.learning.redraws import redraw, spaced_worths, thresholds
from entrepot.learning.strategies import Predicted
from entrepot.routing.checks import STRONG
from tests.learning.test_evaluate import MODELS, PRICES, made_up

REFERENCE = MODELS.index(STRONG)


@pytest.fixture(scope="module")
def pool() -> Pool:
    return build_pool(made_up(400, 5), MODELS, PRICES)


@pytest.fixture(scope="module")
def predicted(pool: Pool) -> Predicted:
    chance = np.random.default_rng(0)
    return Predicted(np.clip(0.5 * pool.quality + 0.5 * chance.random(pool.quality.shape), 0, 1), pool.output_tokens)


def test_the_first_setting_is_the_reference_alone_and_loses_nothing(pool: Pool, predicted: Predicted) -> None:
    found = thresholds(pool, predicted, REFERENCE, spaced_worths(pool, predicted, REFERENCE))
    assert (found.choices[:, 0] == REFERENCE).all()
    assert (found.losses[:, 0] == 0).all()
    assert found.cheap_share(REFERENCE)[0] == 0


def test_later_settings_cost_less_and_leave_the_reference_more_often(pool: Pool, predicted: Predicted) -> None:
    found = thresholds(pool, predicted, REFERENCE, spaced_worths(pool, predicted, REFERENCE))
    assert (np.diff(found.costs.mean(axis=0)) <= 1e-12).all()
    assert (np.diff(found.cheap_share(REFERENCE)) >= 0).all()


def test_a_dearer_model_than_the_reference_is_never_chosen(pool: Pool, predicted: Predicted) -> None:
    cheap = 1
    found = thresholds(pool, predicted, cheap, spaced_worths(pool, predicted, cheap))
    assert not (found.choices == REFERENCE).any()


def test_promises_are_seldom_broken_and_never_beat_who_knows_the_truth(
    pool: Pool, predicted: Predicted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redraws, "REDRAWS", 20)
    found = redraw(pool, pool, predicted, predicted, REFERENCE, 0)
    assert [(one.max_loss, one.calibration_prompts) for one in found] == [
        (loss, prompts) for loss in (0.01, 0.02, 0.05) for prompts in (300, 1000)
    ]
    for one in found:
        assert one.redraws == 20
        # twenty draws at one in ten: a share above four tenths would be no chance
        assert one.broken < 0.4
        assert one.cheap_share <= one.clairvoyant_share + one.broken
