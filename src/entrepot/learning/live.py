"""The gateway's own rule for asking several models, replayed on prompts whose answers are known.

Rules of this file: whom to ask and when to stop is decided by `routing/cascade.py` itself, one prompt at a time, as in the
gateway; it sees estimates, expected costs, and the answers of those that it asks. All calls are billed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from entrepot.learning.pool import Pool
from entrepot.learning.strategies import Predicted
from entrepot.routing.agreement import Played
from entrepot.routing.cascade import Expected, Member, Rule, consider, make_rule, next_member
from entrepot.routing.utility import Goal
from entrepot.routing.votes import AnswerKind, Belief, VoteModel, right_at

MOST_CALLS = 4


class Replayed(msgspec.Struct, frozen=True, eq=False):
    """A pool as the rule sees it: estimates, what kind of answer is expected to each prompt, and the models' makers."""

    pool: Pool
    predicted: Predicted
    kinds: Sequence[AnswerKind]
    makers: Sequence[str]
    votes: VoteModel
    reference: int

    def at_worth(self, worth_usd: float, most_calls: int = MOST_CALLS) -> Played:
        """What the rule does where a right answer is worth so much."""

        def rule(members: list[Member], kind: AnswerKind) -> Rule:
            known = consider(members, str(self.reference))
            return Rule(tuple(known), self.votes.of(kind), worth_usd, most_calls, Expected(0, 0, 0))

        return self._play({row: rule(self._members(row), kind) for row, kind in enumerate(self.kinds)})

    def within(self, max_loss: float, most_calls: int = MOST_CALLS) -> Played:
        """What the rule does under the goal to stay within `max_loss` of the reference, as a route has it."""
        goal, reference = Goal(max_loss=max_loss), str(self.reference)
        return self._play(
            {
                row: make_rule(self._members(row), self.votes.of(kind), goal, reference, most_calls)
                for row, kind in enumerate(self.kinds)
            }
        )

    def _members(self, row: int) -> list[Member]:
        expected = self.pool.expected_usd(self.predicted.output_tokens)[row]
        return [
            Member(str(i), maker, float(self.predicted.p_correct[row, i]), float(expected[i]))
            for i, maker in enumerate(self.makers)
        ]

    def _play(self, rules: Mapping[int, Rule]) -> Played:
        count = len(self.pool.prompts)
        asked = np.full((count, len(self.pool.models)), -1)
        accepted, p_correct, cost = np.zeros(count, np.intp), np.zeros(count), np.zeros(count)
        for row, rule in rules.items():
            order, best, p = self._conduct(row, rule)
            asked[row, : len(order)] = order
            accepted[row], p_correct[row] = best, p
            cost[row] = self.pool.cost_usd[row, order].sum()
        return Played(asked, accepted, p_correct, cost)

    def _conduct(self, row: int, rule: Rule) -> tuple[list[int], int, float]:
        """Whom the rule asks about one prompt, whose answer it accepts, and how likely it says that is right."""
        belief, order, given = Belief(rule.habits), list[int](), list[tuple[int, int]]()
        numbers: dict[int, int] = {}
        while True:
            voter = str(given[0][0]) if len(given) == 1 else None
            following = next_member(rule, belief, [str(i) for i in order], len(order), voter)
            if following is None:
                break
            model = int(following)
            order.append(model)
            answer = int(self.pool.answers[row, model])
            if answer >= 0:
                number = numbers.setdefault(answer, len(numbers))
                right = right_at(rule.habits, float(self.predicted.p_correct[row, model]))
                belief = belief.after(right, number)
                given.append((model, number))
        shares = belief.shares()
        if not shares:
            return order, order[-1], 0.0
        best = max(range(len(shares)), key=shares.__getitem__)
        who = max((m for m, number in given if number == best), key=lambda m: self.predicted.p_correct[row, m])
        return order, who, self.votes.calibrated(shares[best])
