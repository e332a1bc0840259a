from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.routing.courses import Branch, Moment, Tree, best_course
from entrepot.routing.votes import SHIPPED_VOTES, Belief, right_at

HABITS = SHIPPED_VOTES.of("choice")

Rights = Sequence[tuple[float, ...]]


def laid_out(
    belief: Belief, rights: Rights, makers: Sequence[str], left: tuple[int, ...], maker: str | None, depth: int
) -> Moment:
    """The same tree with nothing shared: every order of asking to its end, every answer written out."""
    votes = sum(belief.counts)
    asking = [n for n in left if makers[n] != maker] or left if votes == 1 else left
    branches = []
    for number in asking:
        others = tuple(each for each in left if each != number)
        after = [belief.after(rights[number], answer) for answer in range(len(belief.counts) + 1)]
        first = maker if votes else makers[number]
        if depth == 1 or not others:
            branches.append(Branch(number, belief.total * (number + 1), (), sum(each.best_mass for each in after)))
        else:
            following = tuple(laid_out(each, rights, makers, others, first, depth - 1) for each in after)
            branches.append(Branch(number, belief.total * (number + 1), following))
    return Moment(belief.total, belief.best_mass, tuple(branches))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.05, 0.95), st.sampled_from("abc")), min_size=3, max_size=5),
    st.lists(st.integers(0, 2), max_size=2),
    st.integers(1, 3),
)
def test_what_is_shared_changes_nothing(told: list[tuple[float, str]], given_: list[int], depth: int) -> None:
    rights, makers = [right_at(HABITS, p) for p, _ in told], [maker for _, maker in told]
    belief = Belief(HABITS)
    for number, answer in enumerate(given_):
        belief = belief.after(rights[number], answer)
    left, maker = tuple(range(len(given_), len(told))), makers[0] if len(given_) == 1 else None
    tree = Tree(rights, makers, [1.0 + number for number in range(len(told))])
    short, whole = tree.grow(belief, left, maker, depth), laid_out(belief, rights, makers, left, maker, depth)
    for worth in (0.1, 3.0, 10.0, 1000.0):
        found, expected = best_course(short, worth), best_course(whole, worth)
        assert found.first == expected.first
        for name in ("value", "right", "cost", "calls"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9, abs=1e-12)


def test_a_tree_may_be_grown_again_from_another_moment() -> None:
    rights, makers = [right_at(HABITS, p) for p in (0.5, 0.6, 0.7)], ["a", "b", "c"]
    tree = Tree(rights, makers, [1.0, 2.0, 3.0])
    before = tree.grow(Belief(HABITS), (0, 1, 2), None, 3)
    tree.grow(Belief(HABITS).after(rights[0], 0), (1, 2), "a", 2)
    assert tree.grow(Belief(HABITS), (0, 1, 2), None, 3) == before
