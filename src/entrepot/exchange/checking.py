"""Models are asked until an answer passes the check that the route names: the strategy `check`."""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.canonical.response import Response
from entrepot.exchange.deliberating import ABSTAINED, Deliberating, Heard
from entrepot.exchange.plan import Candidate, CascadePlan, Plan
from entrepot.exchange.records import CheckResult, Deliberation, Vote
from entrepot.routing.cascade import next_to_check
from entrepot.routing.validator import Validator, Verdict


class Checking(Deliberating):
    """Whoever is expected to pass for least goes first, the reference last. The first answer that passes is sent; where none
    does, the best model's, with word that it failed. Where the check cannot be made, the choice before the call stands.
    """

    def __init__(self, plan: Plan, cascade: CascadePlan) -> None:
        super().__init__(plan, cascade)
        self._results: dict[int, CheckResult] = {}
        self._said = ""

    def to_check(self) -> tuple[int, Validator, str] | None:
        """The answer that came in last, unless it is no whole one or the exchange's check cannot be made."""
        if not self.heard or "inconclusive" in self._results.values() or self.cascade.check is None:
            return None
        last = self.heard[-1]
        return None if last.attempt in self._results else (last.attempt, self.cascade.check, last.text)

    def checked(self, attempt: int, verdict: Verdict) -> None:
        """Go by what the check found."""
        self._said = verdict.reason
        self._results[attempt] = "passed" if verdict.passed else "failed" if verdict.conclusive else "inconclusive"
        if self._results[attempt] == "failed":
            self._fail(attempt)

    def accept(self) -> Heard:
        """The one that passed, else the best model's."""
        passed = [heard for heard in self.heard if self._results.get(heard.attempt) == "passed"]
        return passed[0] if passed else self.best(self.heard)

    def vote(self, attempt: int, candidate: Candidate) -> Vote:
        """What the check found of one attempt's answer."""
        heard, result = self.heard_of(attempt), self._results.get(attempt)
        outcome = None if result in (None, "inconclusive") else float(result == "passed")
        abstained = None if heard is None else _whole(heard)
        p_before = self.p_before(candidate)
        return Vote(None, abstained, p_before, outcome, "check", result)

    def conclude(self, accepted: Heard | None) -> Deliberation:
        """How the answer was come by."""
        rule = self.cascade.rule
        return Deliberation(
            strategy="check",
            reason=self._reason(accepted),
            accepted=None if accepted is None else accepted.attempt,
            expected_calls=rule.expected.calls,
            expected_cost_usd=rule.expected.cost_usd,
            check=None if accepted is None else self._results.get(accepted.attempt, "inconclusive"),
        )

    def _consider(self, heard: Heard, response: Response) -> None:  # noqa: ARG002 - what is heard is enough here
        if _whole(heard) is not None:  # what is cut short or refused has failed, whatever a check would find of it
            self._results[heard.attempt] = "failed"
            self._said = f"the answer is {ABSTAINED[_whole(heard) or 'truncated']}"
            self._fail(heard.attempt)
        elif heard.ballot.kind == "tool_call":  # no answer yet: the client goes on
            self._results[heard.attempt] = "inconclusive"
            self._said = "an answer that calls tools is not checked"

    def _next(self, asked: Sequence[str]) -> list[str]:
        results = self._results.values()
        if "passed" in results:
            return []
        if "inconclusive" in results:
            return self.as_chosen_before(asked)
        reference = self.plan.decision.reference
        following = next_to_check(self.rule, self.belief, asked, len(self.heard), reference, self.budget_usd())
        return [] if following is None else [following]

    def _fail(self, attempt: int) -> None:
        """That it failed tells of a hard prompt."""
        heard = self.heard_of(attempt)
        if heard is not None:
            number = len(self.belief.counts)
            self.belief = self.belief.after(self.right(heard.candidate), number).without(number)

    def _reason(self, accepted: Heard | None) -> str:
        if accepted is None:
            return "nobody that was asked answered"
        result = self._results.get(accepted.attempt)
        if result == "passed":
            failed = sum(each == "failed" for each in self._results.values())
            return f"the answer of {accepted.name} passed the check" + (
                f" after {failed} that failed" if failed else ""
            )
        if result == "failed":
            return f"no answer passed the check ({self._said}); that of {accepted.name} was sent"
        return f"the check could not be made ({self._said}); the answer of {accepted.name} was sent unchecked"


def _whole(heard: Heard) -> str | None:
    """Why an answer is not a whole one, None if it is."""
    return None if heard.ballot.abstained == "incomparable" else heard.ballot.abstained
