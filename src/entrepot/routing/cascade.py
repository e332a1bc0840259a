"""Whom to ask, whom to ask next, and when an answer in hand is good enough: the rule of cascade routing.

Before anybody is asked, and again after each answer, every course that the next few calls could take is laid out as a tree:
who may be asked, what they may say and how likely that is (`votes.py`), what each call is expected to cost (`courses.py`).
A right answer is worth so many dollars; the branch of the highest expected worth less cost is taken, and where stopping is best
the leading answer is accepted. Looking one call ahead would not do: a second opinion alone seldom changes which answer leads; it
is worth its price because of what is spared or spent after it.

What a right answer is worth is the one worth that stands behind the route's goal over all requests (`worth.py`), where there is
one: spent better it buys at least that quality. Else it follows from the goal for this request by itself. `cheapest_within`: as
little as makes the whole course expected to be right as often as the reference, less `max_loss`. `best_under`: as much as keeps
its expected cost under `max_cost_usd`.

Rules of this file: pure, deterministic, and of a bounded size: a tree has at most DEPTH calls and MOST_CONSIDERED candidates. A
candidate of unknown price is never taken for cheap: it is asked only where it is the reference or nobody's price is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from entrepot.routing.courses import Course, Moment, Tree, best_course
from entrepot.routing.utility import Goal
from entrepot.routing.votes import Belief, Habits, right_at

DEPTH = 3
MOST_CONSIDERED = 5
_DEARNESS = 0.3  # of P(correct) that a candidate as dear as the dearest may cost it in being considered
_WORTHS = 24
_STEP = 10 ** (1 / 4)
_LEAST_WORTH = 0.3  # of the reference's expected cost
_SLACK = 1e-9
_UNKNOWN_USD = 1.0
_LEAST_UNIT_USD = 1e-7  # where all is free, another opinion is worth asking for


class Member(msgspec.Struct, frozen=True):
    """One that may be asked: its maker, P(correct) before any call, and expected cost; None where its price is unknown."""

    deployment: str
    maker: str
    p_correct: float
    cost_usd: float | None

    @property
    def price(self) -> float:
        """The expected cost; of one whose price is unknown, more than any known one's."""
        return _UNKNOWN_USD if self.cost_usd is None else self.cost_usd


class Expected(msgspec.Struct, frozen=True):
    """What a course is expected to come to: how likely its answer is right, its cost and its calls."""

    p_correct: float
    cost_usd: float
    calls: float


class Rule(msgspec.Struct, frozen=True):
    """How one exchange is conducted: who may be asked, how their answers are weighed, what a right answer is worth in dollars,
    how many may be asked.

    `expected` is what that comes to before anybody has answered; `bar` the P(correct) that it is to reach, None without one.
    `solved`: the worth was chosen to reach the bar, or to cost no more than `most_usd`.
    """

    members: tuple[Member, ...]
    habits: Habits
    worth_usd: float
    most_calls: int
    expected: Expected
    bar: float | None = None
    most_usd: float | None = None
    solved: bool = False


def make_rule(
    members: Sequence[Member],
    habits: Habits,
    goal: Goal,
    reference: str | None,
    most_calls: int,
    worth_usd: float | None = None,
) -> Rule:
    """The rule for one exchange. `worth_usd` is what a right answer is worth where that is known; else it follows from the goal
    for this exchange by itself (see the module).
    """
    considered = sorted(consider(members, reference), key=lambda m: (m.price, m.deployment))
    if worth_usd is not None:
        root = _grow(Belief(habits), considered, tuple(range(len(considered))), None, min(DEPTH, most_calls))
        return Rule(tuple(considered), habits, worth_usd, most_calls, _expected(best_course(root, worth_usd)))
    if goal.kind == "best_under":
        return _solve(considered, habits, most_calls, None, goal.max_cost_usd)
    bar = Belief(habits).expects(right_at(habits, _measure(considered, reference).p_correct)) - goal.max_loss - _SLACK
    return _solve(considered, habits, most_calls, bar, None)


def _measure(members: Sequence[Member], reference: str | None) -> Member:
    """The one that quality is measured from: the reference, or the best where that is not among them."""
    best = max(members, key=lambda member: member.p_correct)
    return next((member for member in members if member.deployment == reference), best)


def spare(rule: Rule, deployment: str) -> Rule:
    """The rule once it is known that `deployment` has nothing to say: the others have to reach the same goal."""
    left = [member for member in rule.members if member.deployment != deployment]
    if not rule.solved:
        return msgspec.structs.replace(rule, members=tuple(left))
    return _solve(left, rule.habits, rule.most_calls, rule.bar, rule.most_usd) if left else rule


def _solve(
    members: Sequence[Member], habits: Habits, most_calls: int, bar: float | None, most_usd: float | None
) -> Rule:
    """The least worth whose course reaches the bar, or the greatest whose course is expected to cost no more."""
    root = _grow(Belief(habits), members, tuple(range(len(members))), None, min(DEPTH, most_calls))
    unit = _LEAST_WORTH * max([_LEAST_UNIT_USD, *[member.cost_usd or 0.0 for member in members]])
    worths = [unit * _STEP**step for step in range(_WORTHS)]
    low, high = 0, _WORTHS - 1
    while low < high:  # both expected quality and cost grow with the worth
        middle = (low + high) // 2 if bar is not None else (low + high + 1) // 2
        course = best_course(root, worths[middle])
        if bar is not None:
            low, high = (low, middle) if course.right >= bar else (middle + 1, high)
        else:
            low, high = (middle, high) if most_usd is None or course.cost <= most_usd else (low, middle - 1)
    expected = _expected(best_course(root, worths[low]))
    return Rule(tuple(members), habits, worths[low], most_calls, expected, bar, most_usd, solved=True)


def _expected(course: Course) -> Expected:
    return Expected(course.right, course.cost, course.calls)


def next_member(
    rule: Rule,
    belief: Belief,
    asked: Sequence[str],
    calls: int,
    voter: str | None = None,
    budget_usd: float | None = None,
) -> str | None:
    """The deployment to ask next, or None to accept the leading answer (or, with none, because nobody is left).

    `asked` are those already asked, whether they answered or not; `calls` how many answered; `voter` is who gave the answer where
    there is one only. One that costs more than `budget_usd` is not asked, unless nobody has answered yet and all cost as much.
    """
    left = [number for number, member in enumerate(rule.members) if member.deployment not in asked]
    if budget_usd is not None:
        within = [number for number in left if _is_within(rule.members[number], budget_usd)]
        left = within if within or calls else left
    most = rule.most_calls - calls
    if not left or most <= 0:
        return None
    maker = next((member.maker for member in rule.members if member.deployment == voter), None)
    course = best_course(_grow(belief, rule.members, tuple(left), maker, min(DEPTH, most)), rule.worth_usd)
    return None if course.first < 0 else rule.members[course.first].deployment


def second_member(rule: Rule, belief: Belief, first: str) -> str | None:
    """Whom to ask at the same time as `first`: the one who would be asked next whatever the first says, None if nobody.

    A first answer is never the same as another, so that is known beforehand.
    """
    member = next(member for member in rule.members if member.deployment == first)
    return next_member(rule, belief.after(right_at(belief.habits, member.p_correct), 0), [first], 1, first)


def make_check_rule(members: Sequence[Member], habits: Habits, reference: str | None, most_calls: int) -> Rule:
    """The rule where each answer is checked: who is expected to pass for least goes first (`next_to_check`)."""
    known = consider(members, reference)
    rule = Rule(tuple(known), habits, 0.0, most_calls, Expected(0.0, 0.0, 0.0))
    belief, asked, reached = Belief(habits), list[str](), 1.0
    cost = calls = 0.0
    while (following := next_to_check(rule, belief, asked, len(asked), reference)) is not None:
        member = next(member for member in known if member.deployment == following)
        right = right_at(habits, member.p_correct)
        cost, calls = cost + reached * (member.cost_usd or 0.0), calls + reached
        reached *= 1 - belief.expects(right)
        belief = belief.after(right, len(asked)).without(len(asked))
        asked.append(following)
    return msgspec.structs.replace(rule, expected=Expected(1 - reached, cost, calls))


def with_bar(rule: Rule, goal: Goal, reference: str | None) -> Rule:
    """The same with the P(correct) that makes an answer good enough by itself: the reference's, less what may be lost."""
    return msgspec.structs.replace(rule, bar=_measure(rule.members, reference).p_correct - goal.max_loss - _SLACK)


def next_to_check(
    rule: Rule,
    belief: Belief,
    asked: Sequence[str],
    calls: int,
    reference: str | None,
    budget_usd: float | None = None,
) -> str | None:
    """Whom to ask next where answers are checked and none has passed, or None to leave it at that.

    Whoever costs least for the chance to pass: of independent tries in any order until one succeeds that is the cheapest. The
    last call that is allowed is the reference's.
    """
    left = [member for member in rule.members if member.deployment not in asked]
    if budget_usd is not None:
        left = [member for member in left if _is_within(member, budget_usd)] or ([] if calls else left)
    if not left or calls >= rule.most_calls:
        return None
    if calls == rule.most_calls - 1 and reference in [member.deployment for member in left]:
        return reference

    def price(member: Member) -> tuple[float, str]:
        chance = belief.expects(right_at(rule.habits, member.p_correct))
        return (math.inf if member.cost_usd is None else member.cost_usd / max(chance, _SLACK), member.deployment)

    return min(left, key=price).deployment


def _is_within(member: Member, budget_usd: float) -> bool:
    return member.cost_usd is not None and member.cost_usd <= budget_usd


def consider(members: Sequence[Member], reference: str | None) -> list[Member]:
    """The reference, the likeliest to be right, and those that are good for their price."""
    known = [member for member in members if member.cost_usd is not None or member.deployment == reference] or [
        *members
    ]
    if len(known) <= MOST_CONSIDERED:
        return known
    dearest = max(member.cost_usd or 0.0 for member in known) or 1.0
    best = max(known, key=lambda m: (m.p_correct, m.deployment))

    def rank(member: Member) -> tuple[bool, float, str]:
        kept = member.deployment == reference or member is best
        return (not kept, _DEARNESS * (member.cost_usd or 0.0) / dearest - member.p_correct, member.deployment)

    chosen = sorted(known, key=rank)[:MOST_CONSIDERED]
    return [member for member in known if member in chosen]


def _grow(belief: Belief, members: Sequence[Member], left: tuple[int, ...], maker: str | None, depth: int) -> Moment:
    """The tree of what may follow. `left` may still be asked; `maker` is the first answer's, where there is one answer."""
    rights = [right_at(belief.habits, member.p_correct) for member in members]
    tree = Tree(rights, [member.maker for member in members], [member.price for member in members])
    return tree.grow(belief, left, maker, depth)
