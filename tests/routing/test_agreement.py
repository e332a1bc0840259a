from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.agreement import STRAIGHT, Ballots, Committee, Kinds, Trust, play
from entrepot.routing.agreement_fit import choose_members, cross_play, fit_bend, fit_committee
from entrepot.routing.logistic import Doubles

COSTS = np.array([1.0, 1.2, 1.5, 40.0])
RATES = np.array([0.7, 0.72, 0.75, 0.9])


def recorded(prompts: int, seed: int = 0) -> tuple[Ballots, Doubles]:
    """Three cheap members of middling quality and a dear good one; wrong answers rarely coincide."""
    chance = np.random.default_rng(seed)
    ease = chance.normal(0, 1.2, prompts)
    p = 1 / (1 + np.exp(-(np.log(RATES / (1 - RATES)) + ease[:, None])))
    right = chance.random(p.shape) < p
    wrong = chance.integers(1, 12, p.shape)
    return Ballots(
        logits=np.log(p / (1 - p)) + chance.normal(0, 0.5, p.shape),
        answers=np.where(right, 0, wrong),
        surprise=chance.normal(0, 0.3, p.shape),
        cost_usd=np.repeat(COSTS[None], prompts, axis=0) * 1e-3,
    ), right.astype(np.float64)


MODELS = ("small-a", "small-b", "small-c", "large")


def equal_trust(members: int) -> Trust:
    """Every member believed as much as any other, whoever is asked and whatever the prompt."""
    own = np.zeros((1 << members, members, 3))
    own[:, :, 0] = 1.0
    return Trust(own, np.zeros((1 << members, 5)), Kinds(np.zeros(members), np.zeros((members, 1))))


def test_two_who_agree_outvote_one_as_good_as_they_are() -> None:
    trust = equal_trust(3)
    ballots = Ballots(np.zeros((1, 3)), np.array([[0, 1, 1]]), np.zeros((1, 3)), np.zeros((1, 3)))
    verdict = trust.weigh(ballots, (0, 1, 2))
    assert verdict.leader[0] in (1, 2)
    assert verdict.p_correct[0] > 0.5 > verdict.second[0]
    assert verdict.p_correct[0] + verdict.second[0] + verdict.none[0] == pytest.approx(1)
    assert verdict.different[0] == pytest.approx(2)


def test_no_answer_is_no_vote_even_where_several_gave_none() -> None:
    trust = equal_trust(3)
    ballots = Ballots(np.zeros((1, 3)), np.array([[-1, -1, 0]]), np.zeros((1, 3)), np.zeros((1, 3)))
    verdict = trust.weigh(ballots, (0, 1, 2))
    assert verdict.leader[0] == 2
    assert verdict.different[0] == pytest.approx(1)


@pytest.fixture(scope="module")
def committee() -> Committee:
    ballots, quality = recorded(2000)
    return fit_committee(MODELS, ballots, quality, (0.02, 0.2, 5.0))


def test_the_dear_member_is_asked_more_often_the_more_a_right_answer_is_worth(committee: Committee) -> None:
    ballots, quality = recorded(1500, seed=1)
    rows = np.arange(1500)
    played = [play(committee, ballots, setting) for setting in range(3)]
    dear = [(one.asked == 3).any(axis=1).mean() for one in played]
    right = [quality[rows, one.accepted].mean() for one in played]
    assert dear[0] < 0.05 < dear[1] < dear[2]
    assert right[0] < right[1]
    assert right[2] > RATES[3] - 0.02


def test_agreement_of_the_cheap_is_dearer_than_one_of_them_and_better(committee: Committee) -> None:
    ballots, quality = recorded(1500, seed=2)
    played = play(committee, ballots, 1)
    assert quality[np.arange(1500), played.accepted].mean() > quality[:, :3].mean(axis=0).max() + 0.03
    assert played.cost_usd.mean() < ballots.cost_usd[:, 3].mean()


def test_every_call_is_billed_and_nobody_is_asked_twice(committee: Committee) -> None:
    ballots, _ = recorded(200, seed=3)
    played = play(committee, ballots, 2)
    for row in range(200):
        asked = [member for member in played.asked[row].tolist() if member >= 0]
        assert len(set(asked)) == len(asked) > 0
        assert played.accepted[row] in asked
        assert played.cost_usd[row] == pytest.approx(sum(ballots.cost_usd[row, member] for member in asked))


def test_answers_of_those_not_asked_change_nothing(committee: Committee) -> None:
    ballots, _ = recorded(300, seed=4)
    played = play(committee, ballots, 1)
    hidden = Ballots(ballots.logits, ballots.answers.copy(), ballots.surprise.copy(), ballots.cost_usd)
    for row in range(300):
        unasked = sorted(set(range(4)) - set(played.asked[row].tolist()))
        hidden.answers[row, unasked], hidden.surprise[row, unasked] = 5, 3.0
    again = play(committee, hidden, 1)
    assert (again.asked == played.asked).all()
    assert (again.accepted == played.accepted).all()


def test_what_it_says_of_accepted_answers_is_about_right() -> None:
    ballots, quality = recorded(2000)
    committee, crossed = cross_play(MODELS, ballots, quality, (0.2,), 4, 0)
    fresh, truth = recorded(2000, seed=5)
    played = play(committee, fresh, 0)
    assert played.p_correct.mean() == pytest.approx(truth[np.arange(2000), played.accepted].mean(), abs=0.03)
    assert crossed[0].p_correct.mean() == pytest.approx(quality[np.arange(2000), crossed[0].accepted].mean(), abs=0.02)


def test_a_bend_learns_what_no_straight_line_says() -> None:
    chance = np.random.default_rng(4)
    said = chance.uniform(0.05, 0.99, 8000)
    actual = np.where(said < 0.6, 0.7 * said, 0.42 + (said - 0.6) * 1.4)  # too sure below, not sure enough above
    bend = fit_bend(said, (chance.random(8000) < actual).astype(np.float64))
    at = np.array([0.1, 0.3, 0.5, 0.8, 0.95])
    assert bend.applied(at) == pytest.approx(np.interp(at, np.sort(said), np.sort(actual)), abs=0.04)
    assert STRAIGHT.applied(at) == pytest.approx(at, abs=1e-4)


def test_the_committee_has_the_two_best_and_nobody_hopeless() -> None:
    quality = np.tile(np.array([0.9, 0.88, 0.7, 0.2]), (10, 1))
    cost = np.tile(np.array([1.0, 1.1, 0.01, 0.001]), (10, 1))
    assert choose_members(quality, cost) == [0, 1, 2]
