"""The answers that an exchange has in hand, what they say of each other, whom to ask next and which of them to send.

Rules of this file: it decides and sends nothing. Everybody it names is among the plan's candidates, so has passed the gate.
Those whom the rule considers come first; should none of them have answered, the plan's other candidates follow in their
order, as after any failure.
"""

from __future__ import annotations

import msgspec

from entrepot.canonical.response import Response
from entrepot.exchange.plan import Candidate, CascadePlan, Plan
from entrepot.exchange.records import Deliberation, Vote
from entrepot.routing.ballot import Ballot, cast
from entrepot.routing.cascade import Rule, next_member, second_member, spare
from entrepot.routing.votes import Belief, right_at

_ABSTAINED = {
    "incomparable": "no final answer to compare",
    "truncated": "cut short",
    "refused": "a refusal",
    "filtered": "stopped by a filter",
}
_RANK = {"incomparable": 0, "truncated": 1, "refused": 2, "filtered": 3}


class Heard(msgspec.Struct, frozen=True):
    """A complete answer: by which attempt and candidate, its ballot, and its number among different answers."""

    attempt: int
    candidate: Candidate
    ballot: Ballot
    answer: int | None


class Deliberating:
    """One exchange's answers so far."""

    def __init__(self, plan: Plan, cascade: CascadePlan) -> None:
        self._plan = plan
        self._cascade = cascade
        self._rule: Rule = cascade.rule
        self._asked: list[str] = []
        self._heard: list[Heard] = []
        self._spent_nano_usd = 0
        self._keys: list[str] = []
        self._p_before = {w.deployment: w.p_correct for w in plan.decision.candidates}
        self._belief = Belief(cascade.rule.habits)

    @property
    def in_hand(self) -> bool:
        """Whether there is any answer to send."""
        return bool(self._heard)

    def hear(self, attempt: int, candidate: Candidate, response: Response, cost_nano_usd: int | None) -> None:
        """A complete answer has come in."""
        ballot = cast(response, self._plan.asked.request, self._cascade.strategy.compare)
        answer = None
        if ballot.key is not None:
            if not self._keys:
                self._belief = Belief(self._cascade.votes.of(ballot.kind, ballot.options))
            if ballot.key not in self._keys:
                self._keys.append(ballot.key)
            answer = self._keys.index(ballot.key)
            self._belief = self._belief.after(self._right(candidate), answer)
        else:
            self.miss(candidate)
        self._heard.append(Heard(attempt, candidate, ballot, answer))
        self._spent_nano_usd += cost_nano_usd or 0

    def miss(self, candidate: Candidate) -> None:
        """One that was asked has no answer that counts: the others have to do without."""
        self._rule = spare(self._rule, candidate.deployment.id)

    def ask(self) -> list[Candidate]:
        """Whom to ask now; nobody where an answer in hand is to be sent, or nobody is left."""
        if any(heard.ballot.abstained == "filtered" for heard in self._heard):
            return []  # asking the next maker would be a way round the filter
        if self._is_prose:
            chosen = self._plan.candidates[0]
            return self._named([] if chosen.deployment.id in self._asked else [chosen.deployment.id])
        rule, budget_usd = self._rule, self._budget_usd()
        voters = [heard.candidate.deployment.id for heard in self._heard if heard.answer is not None]
        voter = voters[0] if len(voters) == 1 else None
        following = next_member(rule, self._belief, self._asked, len(self._heard), voter, budget_usd)
        names = [] if following is None else [following]
        if names and not self._asked and self._cascade.strategy.parallel > 1:
            names += [second for second in [second_member(rule, self._belief, names[0])] if second is not None]
        if not names and not self._heard:
            names = [c.deployment.id for c in self._plan.candidates if c.deployment.id not in self._asked][:1]
        return self._named(names)

    def accept(self) -> Heard:
        """The answer to send: the likeliest to be right, in the words of the best model that gave it."""
        if not self._keys:
            return min(self._heard, key=lambda h: (_RANK[h.ballot.abstained or "incomparable"], self._unlikely(h)))
        shares = self._belief.shares()
        best = max(range(len(shares)), key=shares.__getitem__)
        return min((heard for heard in self._heard if heard.answer == best), key=self._unlikely)

    def vote(self, attempt: int, candidate: Candidate) -> Vote:
        """What became of one attempt's answer. P(correct) after all votes is calibrated."""
        heard = next((each for each in self._heard if each.attempt == attempt), None)
        p_before = self._p_before.get(candidate.deployment.id)
        if heard is None:
            return Vote(p_before=p_before)
        if heard.answer is None:
            return Vote(abstained=heard.ballot.abstained, p_before=p_before)
        return Vote(heard.answer, None, p_before, self._p_correct(heard))

    def conclude(self, accepted: Heard | None) -> Deliberation:
        """How the answer was come by."""
        rule = self._cascade.rule
        return Deliberation(
            strategy=self._cascade.strategy.name,
            reason=self._reason(accepted),
            accepted=None if accepted is None else accepted.attempt,
            p_correct=None if accepted is None or accepted.answer is None else self._p_correct(accepted),
            kind=None if accepted is None or accepted.answer is None else accepted.ballot.kind,
            worth_usd=rule.worth_usd,
            expected_calls=rule.expected.calls,
            expected_cost_usd=rule.expected.cost_usd,
        )

    def conclude_straight(self, candidate: Candidate, attempt: int) -> Deliberation:
        """How the answer was come by where it was too long to be held."""
        reason = f"the answer of {candidate.deployment.id} was too long to be held back and compared"
        return msgspec.structs.replace(self.conclude(None), accepted=attempt, reason=reason)

    @property
    def _is_prose(self) -> bool:
        """Whether the first to answer said nothing that could be compared: then the choice before the call stands."""
        return bool(self._heard) and self._heard[0].ballot.abstained == "incomparable" and not self._keys

    def _named(self, names: list[str]) -> list[Candidate]:
        self._asked.extend(names)
        by_id = {candidate.deployment.id: candidate for candidate in self._plan.candidates}
        return [by_id[name] for name in names]

    def _budget_usd(self) -> float | None:
        goal = self._plan.decision.goal
        if goal is None or goal.max_cost_usd is None:
            return None
        return goal.max_cost_usd - self._spent_nano_usd / 1e9

    def _right(self, candidate: Candidate) -> tuple[float, ...]:
        return right_at(self._belief.habits, self._p_before.get(candidate.deployment.id) or 0.0)

    def _unlikely(self, heard: Heard) -> tuple[float, int]:
        return (-(self._p_before.get(heard.candidate.deployment.id) or 0.0), heard.attempt)

    def _p_correct(self, heard: Heard) -> float:
        return self._cascade.votes.calibrated(self._belief.shares()[heard.answer or 0])

    def _reason(self, accepted: Heard | None) -> str:
        if accepted is None:
            return "nobody that was asked answered"
        name = accepted.candidate.deployment.id
        if accepted.answer is None:
            said = _ABSTAINED[accepted.ballot.abstained or "incomparable"]
            return f"the answer of {name} was sent uncompared ({said})"
        alike = [heard.candidate.deployment.id for heard in self._heard if heard.answer == accepted.answer]
        votes = sum(heard.answer is not None for heard in self._heard)
        if votes == 1:
            return f"the answer of {name} was good enough for the price of another opinion"
        return f"{len(alike)} of {votes} answers agree ({', '.join(alike)}); that of {name} was sent"
