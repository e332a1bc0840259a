from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.agreement import Ballots
from entrepot.routing.agreement_trust import fit_trust
from tests.routing.test_agreement import recorded


def test_the_verdict_does_not_depend_on_who_else_might_be_asked() -> None:
    ballots, quality = recorded(300)
    trust = fit_trust(ballots, quality, 0)
    changed = Ballots(ballots.logits, ballots.answers.copy(), ballots.surprise, ballots.cost_usd)
    changed.answers[:, 3] = 9
    one, other = (trust.weigh(b, (0, 1)) for b in (ballots, changed))
    assert (one.leader == other.leader).all()
    assert one.p_correct == pytest.approx(other.p_correct)


def test_who_is_right_more_often_is_trusted_more() -> None:
    ballots, quality = recorded(3000)
    level = Ballots(np.zeros_like(ballots.logits), ballots.answers, ballots.surprise, ballots.cost_usd)
    assert fit_trust(level, quality, 0).own[0b1111, :, 0].argmax() == 3


def test_a_member_is_trusted_on_the_kind_of_prompt_that_it_is_good_at() -> None:
    chance = np.random.default_rng(0)
    kind = np.where(chance.random(3000) < 0.5, 1.0, -1.0)
    p = 1 / (1 + np.exp(-np.column_stack([1.5 * kind, -1.5 * kind])))
    right = chance.random(p.shape) < p
    answers = np.where(right, 0, chance.integers(1, 9, p.shape))
    ballots = Ballots(np.log(p / (1 - p)), answers, np.zeros(p.shape), np.ones(p.shape))
    verdict = fit_trust(ballots, right.astype(np.float64), 0).weigh(ballots, (0, 1))
    differ = answers[:, 0] != answers[:, 1]
    assert (verdict.leader[differ] == (kind[differ] < 0)).mean() > 0.95


def test_an_answer_of_surprising_length_is_trusted_less_where_such_answers_were_wrong() -> None:
    ballots, quality = recorded(3000)
    surprise = np.where(quality > 0, -0.3, 0.8)
    long_ones = Ballots(ballots.logits, ballots.answers, surprise, ballots.cost_usd)
    trust = fit_trust(long_ones, quality, 0)
    as_expected = Ballots(ballots.logits, ballots.answers, np.zeros_like(surprise), ballots.cost_usd)
    longer = Ballots(ballots.logits, ballots.answers, np.ones_like(surprise), ballots.cost_usd)
    assert trust.weigh(longer, (0,)).p_correct.mean() < trust.weigh(as_expected, (0,)).p_correct.mean() - 0.1
