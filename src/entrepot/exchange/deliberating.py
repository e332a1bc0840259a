"""The answers that an exchange has in hand: what every strategy knows of them, whoever it asks next.

Rules of this file: it decides and sends nothing. Everybody it names is among the plan's candidates, so has passed the gate.
Those whom the rule considers come first; should none of them have answered, the plan's other candidates follow in their
order, as after any failure. What a filter stopped is not asked of anybody else: that would be a way round the filter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec

from entrepot.canonical.request import Text
from entrepot.canonical.response import Response
from entrepot.exchange.plan import Candidate, CascadePlan, Plan
from entrepot.exchange.records import Deliberation, Vote
from entrepot.routing.ballot import Ballot, cast
from entrepot.routing.cascade import spare
from entrepot.routing.validator import Validator, Verdict
from entrepot.routing.votes import Belief, right_at

ABSTAINED = {
    "incomparable": "no final answer to compare",
    "truncated": "cut short",
    "refused": "a refusal",
    "filtered": "stopped by a filter",
}
_RANK = {"truncated": 1, "refused": 2, "filtered": 3}
_NANO = 1e9


class Heard(msgspec.Struct, frozen=True):
    """A complete answer: by which attempt and candidate, and its ballot. `text` is what a check would read."""

    attempt: int
    candidate: Candidate
    ballot: Ballot
    text: str

    @property
    def name(self) -> str:
        """Who said it."""
        return self.candidate.deployment.id


class Deliberating(ABC):
    """One exchange's answers so far, and what a strategy makes of them."""

    def __init__(self, plan: Plan, cascade: CascadePlan) -> None:
        self.plan = plan
        self.cascade = cascade
        self.rule = cascade.rule
        self.belief = Belief(cascade.rule.habits)
        self.heard: list[Heard] = []
        self._asked: list[str] = []
        self._spent_nano_usd = 0
        self._p_before = {weighed.deployment: weighed.p_correct or 0.0 for weighed in plan.decision.candidates}

    def hear(self, attempt: int, candidate: Candidate, response: Response, cost_nano_usd: int | None) -> None:
        """A complete answer has come in."""
        ballot = cast(response, self.plan.asked.request, self.cascade.strategy.compare)
        parts = response.choices[0].parts if response.choices else ()
        heard = Heard(attempt, candidate, ballot, "".join(part.text for part in parts if isinstance(part, Text)))
        self.heard.append(heard)
        self._spent_nano_usd += cost_nano_usd or 0
        self._consider(heard, response)

    def miss(self, candidate: Candidate) -> None:
        """One that was asked has no answer that counts: the others have to do without."""
        self.rule = spare(self.rule, candidate.deployment.id)

    def ask(self) -> Sequence[Candidate]:
        """Whom to ask now; nobody where an answer in hand is to be sent, or nobody is left."""
        if any(heard.ballot.abstained == "filtered" for heard in self.heard):
            return ()
        names = self._next(tuple(self._asked))
        if not names and not self.heard:
            names = [c.deployment.id for c in self.plan.candidates if c.deployment.id not in self._asked][:1]
        self._asked.extend(names)
        return [candidate for name in names for candidate in self.plan.candidates if candidate.deployment.id == name]

    def to_check(self) -> tuple[int, Validator, str] | None:
        """The attempt whose answer is to be checked now, by what, and the answer's text."""
        return None

    def checked(self, attempt: int, verdict: Verdict) -> None:  # noqa: B027 - most strategies check nothing
        """What a check found."""

    @abstractmethod
    def accept(self) -> Heard:
        """The answer to send, of those in hand."""

    @abstractmethod
    def vote(self, attempt: int, candidate: Candidate) -> Vote:
        """What became of one attempt's answer."""

    @abstractmethod
    def conclude(self, accepted: Heard | None) -> Deliberation:
        """How the answer was come by; None where there was none."""

    def conclude_straight(self, candidate: Candidate, attempt: int) -> Deliberation:
        """How the answer was come by where it was too long to be held."""
        reason = f"the answer of {candidate.deployment.id} was too long to be held back"
        return msgspec.structs.replace(self.conclude(None), accepted=attempt, reason=reason)

    @abstractmethod
    def _consider(self, heard: Heard, response: Response) -> None:
        """Take in what has just been heard."""

    @abstractmethod
    def _next(self, asked: Sequence[str]) -> list[str]:
        """Whom to ask now, by name; none to stop."""

    def heard_of(self, attempt: int) -> Heard | None:
        """The answer of one attempt, if it gave any."""
        return next((heard for heard in self.heard if heard.attempt == attempt), None)

    def p_before(self, candidate: Candidate) -> float:
        """P(correct) as the router estimated it."""
        return self._p_before.get(candidate.deployment.id, 0.0)

    def right(self, candidate: Candidate) -> tuple[float, ...]:
        """The same by hardness of the prompt."""
        return right_at(self.belief.habits, self.p_before(candidate))

    def budget_usd(self) -> float | None:
        """What may still be spent, None without a limit."""
        goal = self.plan.decision.goal
        return None if goal is None or goal.max_cost_usd is None else goal.max_cost_usd - self._spent_nano_usd / _NANO

    def as_chosen_before(self, asked: Sequence[str]) -> list[str]:
        """The one that was chosen before the call, if it was not asked yet: for answers about which nothing can be told."""
        chosen = self.plan.candidates[0].deployment.id
        return [] if chosen in asked or len(self.heard) >= self.rule.most_calls else [chosen]

    def best(self, among: Sequence[Heard]) -> Heard:
        """The answer of the best model, whole ones before those that were cut short, refused or filtered."""

        def rank(heard: Heard) -> tuple[int, float, int]:
            return (_RANK.get(heard.ballot.abstained or "", 0), -self.p_before(heard.candidate), heard.attempt)

        return min(among, key=rank)
