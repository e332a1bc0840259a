"""Models are asked until their answers agree well enough: the strategy `agreement`."""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.canonical.response import Response
from entrepot.exchange.deliberating import ABSTAINED, Deliberating, Heard
from entrepot.exchange.plan import Candidate, CascadePlan, Plan
from entrepot.exchange.records import Deliberation, Vote
from entrepot.routing.cascade import next_member, second_member
from entrepot.routing.votes import Belief


class Agreeing(Deliberating):
    """Answers are compared, and the likeliest is sent. Where they cannot be, the choice before the call stands."""

    def __init__(self, plan: Plan, cascade: CascadePlan) -> None:
        super().__init__(plan, cascade)
        self._keys: list[str] = []

    def accept(self) -> Heard:
        """The answer likeliest to be right, in the words of the best model that gave it."""
        if not self._keys:
            return self.best(self.heard)
        shares = self.belief.shares()
        leading = self._keys[max(range(len(shares)), key=shares.__getitem__)]
        return self.best([heard for heard in self.heard if heard.ballot.key == leading])

    def vote(self, attempt: int, candidate: Candidate) -> Vote:
        """What became of one attempt's answer. P(correct) after all votes is calibrated."""
        heard, p_before = self.heard_of(attempt), self.p_before(candidate)
        if heard is None:
            return Vote(p_before=p_before)
        if heard.ballot.key is None:
            return Vote(abstained=heard.ballot.abstained, p_before=p_before)
        return Vote(self._keys.index(heard.ballot.key), None, p_before, self._p_correct(heard))

    def conclude(self, accepted: Heard | None) -> Deliberation:
        """How the answer was come by."""
        rule = self.cascade.rule
        voted = accepted is not None and accepted.ballot.key is not None
        return Deliberation(
            strategy="agreement",
            reason=self._reason(accepted),
            accepted=None if accepted is None else accepted.attempt,
            p_correct=self._p_correct(accepted) if accepted is not None and voted else None,
            kind=accepted.ballot.kind if accepted is not None and voted else None,
            worth_usd=rule.worth_usd,
            expected_calls=rule.expected.calls,
            expected_cost_usd=rule.expected.cost_usd,
        )

    def _consider(self, heard: Heard, response: Response) -> None:  # noqa: ARG002 - what is heard is enough here
        key = heard.ballot.key
        if key is None:
            self.miss(heard.candidate)
            return
        if not self._keys:  # only now is it known of what kind the answers are
            self.belief = Belief(self.cascade.votes.of(heard.ballot.kind, heard.ballot.options))
        if key not in self._keys:
            self._keys.append(key)
        self.belief = self.belief.after(self.right(heard.candidate), self._keys.index(key))

    def _next(self, asked: Sequence[str]) -> list[str]:
        if self.heard and self.heard[0].ballot.abstained == "incomparable" and not self._keys:
            return self.as_chosen_before(asked)
        voters = [heard.name for heard in self.heard if heard.ballot.key is not None]
        voter = voters[0] if len(voters) == 1 else None
        following = next_member(self.rule, self.belief, asked, len(self.heard), voter, self.budget_usd())
        if following is None:
            return []
        if asked or self.cascade.strategy.parallel == 1:
            return [following]
        second = second_member(self.rule, self.belief, following)
        return [following] if second is None else [following, second]

    def _p_correct(self, heard: Heard) -> float:
        return self.cascade.votes.calibrated(self.belief.shares()[self._keys.index(heard.ballot.key or "")])

    def _reason(self, accepted: Heard | None) -> str:
        if accepted is None:
            return "nobody that was asked answered"
        if accepted.ballot.key is None:
            said = ABSTAINED[accepted.ballot.abstained or "incomparable"]
            return f"the answer of {accepted.name} was sent uncompared ({said})"
        alike = [heard.name for heard in self.heard if heard.ballot.key == accepted.ballot.key]
        votes = sum(heard.ballot.key is not None for heard in self.heard)
        if votes == 1:
            return f"the answer of {accepted.name} was good enough for the price of another opinion"
        return f"{len(alike)} of {votes} answers agree ({', '.join(alike)}); that of {accepted.name} was sent"
