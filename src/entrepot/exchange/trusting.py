"""Models are asked until one is sure enough of its own words: the strategy `confidence`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from entrepot.canonical.response import Response
from entrepot.exchange.deliberating import ABSTAINED, Deliberating, Heard
from entrepot.exchange.plan import Candidate, CascadePlan, Plan
from entrepot.exchange.records import Deliberation, Vote
from entrepot.routing.cascade import next_to_check
from entrepot.routing.confidence import mean_logprob, source_of


class _Sure(msgspec.Struct, frozen=True):
    """How sure a model was of its answer (None: its provider does not say), and P(correct) with that known."""

    mean_logprob: float | None
    p_correct: float


class Trusting(Deliberating):
    """Whoever is expected to be right for least goes first, the reference last. An answer is sent once P(correct), with the
    log-probabilities of its tokens known, reaches the goal's bar; where none does, the one likeliest to be right.
    """

    def __init__(self, plan: Plan, cascade: CascadePlan) -> None:
        super().__init__(plan, cascade)
        self._sure: dict[int, _Sure] = {}

    def accept(self) -> Heard:
        """The answer likeliest to be right."""
        whole = [heard for heard in self.heard if heard.attempt in self._sure]
        if not whole:
            return self.best(self.heard)
        return max(whole, key=lambda heard: (self._sure[heard.attempt].p_correct, -heard.attempt))

    def vote(self, attempt: int, candidate: Candidate) -> Vote:
        """How sure one attempt's model was."""
        heard, sure, p_before = self.heard_of(attempt), self._sure.get(attempt), self.p_before(candidate)
        if sure is None:
            return Vote(
                abstained=None if heard is None else heard.ballot.abstained, p_before=p_before, source="confidence"
            )
        return Vote(None, None, p_before, sure.p_correct, "confidence", mean_logprob=sure.mean_logprob)

    def conclude(self, accepted: Heard | None) -> Deliberation:
        """How the answer was come by."""
        rule = self.cascade.rule
        sure = None if accepted is None else self._sure.get(accepted.attempt)
        return Deliberation(
            strategy="confidence",
            reason=self._reason(accepted),
            accepted=None if accepted is None else accepted.attempt,
            p_correct=None if sure is None else sure.p_correct,
            expected_calls=rule.expected.calls,
            expected_cost_usd=rule.expected.cost_usd,
            believed=source_of(self.cascade.confidence),
        )

    def _consider(self, heard: Heard, response: Response) -> None:
        if heard.ballot.abstained not in (None, "incomparable"):
            return
        mean, p_before = mean_logprob(response), self.p_before(heard.candidate)
        sure = _Sure(mean, self.cascade.confidence.p_correct(p_before, mean))
        self._sure[heard.attempt] = sure
        if not self._reaches(sure):  # doubt tells of a hard prompt
            number = len(self.belief.counts)
            self.belief = self.belief.after(self.right(heard.candidate), number).without(number)

    def _next(self, asked: Sequence[str]) -> list[str]:
        if any(self._reaches(sure) for sure in self._sure.values()):
            return []
        reference = self.plan.decision.reference
        following = next_to_check(self.rule, self.belief, asked, len(self.heard), reference, self.budget_usd())
        return [] if following is None else [following]

    def _reaches(self, sure: _Sure) -> bool:
        return sure.p_correct >= (self.cascade.rule.bar or 0.0)

    def _reason(self, accepted: Heard | None) -> str:
        if accepted is None:
            return "nobody that was asked answered"
        sure = self._sure.get(accepted.attempt)
        if sure is None:
            return f"the answer of {accepted.name} was sent as it was ({ABSTAINED[accepted.ballot.abstained or 'truncated']})"
        bar = self.cascade.rule.bar or 0.0
        if self._reaches(sure):
            return f"the answer of {accepted.name} is sure enough: P(correct) {sure.p_correct:.3f}, wanted {bar:.3f}"
        return f"no answer is as sure as wanted ({bar:.3f}); that of {accepted.name} is the surest with {sure.p_correct:.3f}"
