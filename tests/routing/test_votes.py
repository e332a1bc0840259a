from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.routing.votes import SHIPPED_VOTES, Belief, Habits, VoteModel, right_at

HABITS = Habits(temper=1.4, shift=0.2, spread=2.0, scatter=3.0)


def told(*votes: tuple[float, int], habits: Habits = HABITS) -> Belief:
    """What is believed after these votes: P(correct) before the call, and the answer's number."""
    belief = Belief(habits)
    for p_correct, answer in votes:
        belief = belief.after(right_at(habits, p_correct), answer)
    return belief


def test_before_any_vote_a_model_is_expected_to_be_right_about_as_often_as_the_router_says() -> None:
    for kind in ("number", "choice"):
        habits = SHIPPED_VOTES.of(kind)
        for p_correct in (0.3, 0.5, 0.8):
            assert Belief(habits).expects(right_at(habits, p_correct)) == pytest.approx(p_correct, abs=0.1)


def test_two_who_agree_are_likelier_right_than_either_alone() -> None:
    (alone,) = told((0.6, 0)).shares()
    (both,) = told((0.6, 0), (0.6, 0)).shares()
    first, second = told((0.6, 0), (0.6, 1)).shares()
    assert both > alone > first == pytest.approx(second)


def test_two_against_one_as_good_win_and_one_much_better_wins_against_two() -> None:
    lone, pair = told((0.6, 0), (0.6, 1), (0.6, 1)).shares()
    assert pair > lone
    lone, pair = told((0.97, 0), (0.15, 1), (0.15, 1)).shares()
    assert lone > pair


def test_agreement_on_one_of_two_options_says_less_than_on_one_of_many() -> None:
    model = VoteModel({"text": HABITS})
    of_two, of_many = model.of("choice", 2), model.of("choice", 10)
    assert told((0.5, 0), (0.5, 0), habits=of_two).shares()[0] < told((0.5, 0), (0.5, 0), habits=of_many).shares()[0]


def test_a_kind_without_habits_of_its_own_behaves_as_text() -> None:
    model = VoteModel({"text": HABITS})
    assert model.of("json") == model.of("tool_call") == HABITS


def test_scattered_answers_make_the_next_one_less_likely_right() -> None:
    right = right_at(HABITS, 0.8)
    agreed, scattered = told((0.6, 0), (0.6, 0)), told((0.6, 0), (0.6, 1))
    assert agreed.expects(right) > Belief(HABITS).expects(right) > scattered.expects(right)


def test_evidence_for_an_answer_moves_its_share_by_its_odds() -> None:
    right = right_at(HABITS, 0.5)
    (plain,) = Belief(HABITS).after(right, 0).shares()
    (favoured,) = Belief(HABITS).after(right, 0, evidence=1.0).shares()
    assert math.log(favoured / (1 - favoured)) - math.log(plain / (1 - plain)) == pytest.approx(1.0)


def test_an_answer_known_to_be_wrong_has_no_share_and_its_votes_tell_of_a_hard_prompt() -> None:
    belief = told((0.6, 0)).without(0)
    assert belief.shares() == [0.0]
    right = right_at(HABITS, 0.8)
    assert belief.expects(right) < Belief(HABITS).expects(right)


def test_p_correct_of_what_is_accepted_is_brought_to_its_line() -> None:
    assert VoteModel({"text": HABITS}).calibrated(0.9) == pytest.approx(0.9)
    assert VoteModel({"text": HABITS}, line=(1.0, -1.0)).calibrated(0.9) < 0.8


@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.integers(0, 3)), min_size=1, max_size=5), st.floats(0.05, 0.95))
def test_what_may_follow_sums_up_to_what_was(votes: list[tuple[float, int]], p_correct: float) -> None:
    numbers: dict[int, int] = {}
    belief = told(*((p, numbers.setdefault(answer, len(numbers))) for p, answer in votes))
    right = right_at(HABITS, p_correct)
    following = [belief.after(right, answer) for answer in range(len(belief.counts) + 1)]
    assert sum(each.total for each in following) == pytest.approx(belief.total)
    assert sum(belief.shares()) <= 1 + 1e-9
    assert belief.outlooks([right])[0] == pytest.approx(sum(each.best_mass for each in following))
    # another opinion never makes the best guess worse on average
    assert sum(each.best_mass for each in following) >= belief.best_mass - 1e-12
