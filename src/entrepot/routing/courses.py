"""Every course that the next few calls could take, laid out as a tree, and the best of them for what a right answer is worth.

Rules of this file: pure and deterministic; plain Python, because a tree has a few dozen moments of five numbers each, less than
an array is worth. It is laid out on the gateway's event loop, so what is the same is worked out once: how likely each member is
right, and the moments to which several orders of asking lead. Who was asked first, and which of two answers came first, changes
nothing of what may follow.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from entrepot.routing.votes import Belief

_SLACK = 1e-9


class Branch(msgspec.Struct, frozen=True):
    """Asking a member: what that costs over the moment's mass, and what may follow, or only the mass that would then lead."""

    member: int
    cost: float
    following: tuple[Moment, ...]
    best: float = 0.0


class Moment(msgspec.Struct, frozen=True):
    """A place in the tree: its mass, that of the leading answer, and the branches."""

    mass: float
    best: float
    branches: tuple[Branch, ...]


class Course(msgspec.Struct, frozen=True):
    """The best course from a moment on, as sums over its mass: value, P(correct), cost, calls; and whom it asks first, or -1."""

    value: float
    right: float
    cost: float
    calls: float
    first: int


_Answered = tuple[tuple[int, int], ...]
"""Members that were asked in this tree with the number of each one's answer, both ascending where they may be."""


class Tree:
    """Lays out courses. By member: how likely it is right by hardness (`right_at`), its maker, its price in dollars."""

    def __init__(self, rights: Sequence[tuple[float, ...]], makers: Sequence[str], prices: Sequence[float]) -> None:
        self._rights = rights
        self._makers = makers
        self._prices = prices
        self._known: dict[_Answered, Moment] = {}
        self._answers = 0

    def grow(self, belief: Belief, left: tuple[int, ...], maker: str | None, depth: int) -> Moment:
        """What may follow in so many calls. `left` may still be asked; `maker` is the first answer's, where there is one."""
        self._known.clear()
        self._answers = len(belief.counts)
        return self._moment(belief, left, maker, depth, ())

    def _moment(
        self, belief: Belief, left: tuple[int, ...], maker: str | None, depth: int, answered: _Answered
    ) -> Moment:
        votes = sum(belief.counts)
        # a second answer is of another maker than the first's: only from the third on does nothing hang on the order
        name = _named(answered, self._answers) if votes > 1 else None
        if name is not None and (known := self._known.get(name)) is not None:
            return known
        mass = belief.total
        asking = self._of_others(left, maker) if votes == 1 else left
        if depth == 1 or len(left) == 1:
            leading = belief.outlooks([self._rights[number] for number in asking])
            branches = [
                Branch(number, mass * self._prices[number], (), best)
                for number, best in zip(asking, leading, strict=True)
            ]
        else:
            branches = [self._branch(belief, mass, number, left, maker, depth, answered) for number in asking]
        found = Moment(mass, belief.best_mass, tuple(branches))
        if name is not None:
            self._known[name] = found
        return found

    def _branch(
        self,
        belief: Belief,
        mass: float,
        number: int,
        left: tuple[int, ...],
        maker: str | None,
        depth: int,
        answered: _Answered,
    ) -> Branch:
        right, first = self._rights[number], maker if belief.counts else self._makers[number]
        others = tuple([each for each in left if each != number])
        following = [
            self._moment(belief.after(right, answer), others, first, depth - 1, (*answered, (number, answer)))
            for answer in range(len(belief.counts) + 1)
        ]
        return Branch(number, mass * self._prices[number], tuple(following))

    def _of_others(self, left: tuple[int, ...], maker: str | None) -> tuple[int, ...]:
        """Who may give the second answer: one of another maker than the first, where one is left."""
        return tuple([number for number in left if self._makers[number] != maker]) or left


def _named(answered: _Answered, before: int) -> _Answered:
    """The same for all orders of asking. Answers from `before` on are new in this tree, and numbered by the members' order."""
    numbers: dict[int, int] = {}
    return tuple(
        [
            (member, answer if answer < before else numbers.setdefault(answer, before + len(numbers)))
            for member, answer in sorted(answered)
        ]
    )


def best_course(moment: Moment, worth_usd: float) -> Course:
    """The course of the highest value where a right answer is worth so much."""
    value, found, courses = worth_usd * moment.best, None, list[Course]()
    for branch in moment.branches:
        following = [best_course(each, worth_usd) for each in branch.following]
        worth = sum([course.value for course in following]) + worth_usd * branch.best - branch.cost
        # with nobody asked there is no stopping; of equals the first, who is the cheapest
        if worth > value + _SLACK * abs(value) or (found is None and not moment.best):
            value, found, courses = worth, branch, following
    if found is None:
        return Course(value, moment.best, 0.0, 0.0, -1)
    return Course(
        value,
        found.best + sum([course.right for course in courses]),
        found.cost + sum([course.cost for course in courses]),
        moment.mass + sum([course.calls for course in courses]),
        found.member,
    )
