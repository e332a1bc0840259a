"""Whether a conversation stays with its model, moves, must stay, or escalates.

Rules of this file: pure. The goal's choice, at full prices, stands unless the session has a reason against it:

1. An answer that has begun goes on where it began (a tool loop, reasoning that nobody else can read). Only rules, what a
   candidate is able to do, and its health are stronger.
2. What failed `ESCALATE_AFTER` times in a row is not asked again: the goal's next choice among the better ones is, and the
   session does not go back below it.
3. While the provider's cache is warm, the session stays with a candidate that still suffices, unless another is expected to
   be better over this turn and those to come, its cold start included. The number of those to come is taken to be the number
   so far, `MOST_TURNS_AHEAD` at most: the only guess that needs no knowledge of anybody's conversations.

Points of quality within `HYSTERESIS` are no reason to move: estimates of two turns differ by more than models do. Where a
promise was asked for, staying may not cost any. Where the goal divides by fixed shares, only the first rule holds, or the
shares would not be those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from entrepot.routing.continuity import Continuity, Verdict
from entrepot.routing.session import Session, Worth
from entrepot.routing.utility import Decision, Weighed

ESCALATE_AFTER = 2
HYSTERESIS = 0.02
MOST_TURNS_AHEAD = 8


def count_caches(decision: Decision, session: Session) -> Decision:
    """The decision with expected costs as they are with what is cached where the conversation is."""
    if not session.worth:
        return decision
    candidates = tuple(
        msgspec.structs.replace(each, cost_usd=each.cost_usd - session.worth[each.deployment].now_usd)
        if each.cost_usd is not None and each.deployment in session.worth
        else each
        for each in decision.candidates
    )
    return msgspec.structs.replace(decision, candidates=candidates)


def settle(decision: Decision, session: Session, unhealthy: Mapping[str, str]) -> Decision:
    """The decision as this session takes it; `unhealthy` are the candidates that are not to be preferred, and why not.

    Propensities stay those of the whole: each candidate has the probability of all choices of the goal that lead to it here.
    Nothing is promised of an exchange that a session keeps from the goal's choice.
    """
    eligible = {weighed.deployment: weighed for weighed in decision.candidates if weighed.deployment in decision.order}
    settling = _Settling(decision, session, unhealthy, eligible)
    outcome = settling.outcome(decision.chosen)
    if outcome.verdict is None:
        return decision
    propensities = dict.fromkeys(eligible, 0.0)
    for weighed in eligible.values():
        if weighed.propensity > 0:
            propensities[settling.outcome(weighed.deployment).first] += weighed.propensity
    rest = [id_ for id_ in decision.order if id_ != outcome.first]
    if session.conversation.open:
        rest.sort(key=lambda id_: id_ not in session.readers)  # who can read the reasoning comes first; the order stays
    told = Continuity(outcome.verdict, outcome.reason, session.held, session.cached_tokens, session.failures)
    candidates = tuple(
        msgspec.structs.replace(each, propensity=propensities[each.deployment]) if each.deployment in eligible else each
        for each in decision.candidates
    )
    if outcome.first == decision.chosen:
        return msgspec.structs.replace(decision, order=(outcome.first, *rest), candidates=candidates, session=told)
    return msgspec.structs.replace(
        decision,
        order=(outcome.first, *rest),
        candidates=candidates,
        reason=f"{outcome.reason}; otherwise: {decision.reason}",
        promise=None if decision.promise is None else f"nothing: {outcome.reason}",
        explored=None,
        session=told,
    )


class _Outcome(NamedTuple):
    """Who is asked first, the verdict, and why. No verdict: there is no conversation yet that it could be about."""

    first: str
    verdict: Verdict | None = None
    reason: str = ""


class _Settling:
    """One decision and one session, and what would become of each candidate that the goal could choose."""

    def __init__(
        self, decision: Decision, session: Session, unhealthy: Mapping[str, str], eligible: Mapping[str, Weighed]
    ) -> None:
        self._decision = decision
        self._session = session
        self._unhealthy = unhealthy
        self._eligible = eligible
        self._ahead = min(session.conversation.turns, MOST_TURNS_AHEAD)

    def outcome(self, chosen: str) -> _Outcome:
        """What becomes of the goal's choice."""
        session, goal = self._session, self._decision.goal
        held = session.held
        if session.must_stay:
            return self._go_on(chosen)
        if goal is None or goal.kind == "shares":  # asked for by name, or drawn by lot: nothing was weighed
            return _Outcome(chosen)
        if session.failures >= ESCALATE_AFTER:
            return self._escalate(held or chosen, chosen)
        if held is None:
            if session.found is None:
                return _Outcome(chosen)
            return _Outcome(
                chosen, "moved", "the deployment that the conversation was with is no candidate for this request"
            )
        if held == chosen:
            return _Outcome(held, "stayed", f"{held} is what the conversation is with, and what the goal chooses")
        if held in self._unhealthy:
            return _Outcome(chosen, "moved", f"{held}, which the conversation was with, {self._unhealthy[held]}")
        return self._weigh(held, chosen)

    def _go_on(self, chosen: str) -> _Outcome:
        session = self._session
        asked = [session.held] if session.held else [id_ for id_ in self._decision.order if id_ in session.readers]
        well = [id_ for id_ in asked if id_ not in self._unhealthy]
        if not well:
            told = f"{asked[0]} {self._unhealthy[asked[0]]}"
            return _Outcome(chosen, "moved", f"the answer under way cannot go on where it began: {told}")
        if session.held:
            return _Outcome(well[0], "must stay", f"an answer is under way at {well[0]}, which alone can go on with it")
        dialects = ", ".join(sorted(session.conversation.bound_to))
        told = f"an answer is under way, and {well[0]} can read its reasoning ({dialects})"
        return _Outcome(well[0], "must stay", told)

    def _escalate(self, failed: str, chosen: str) -> _Outcome:
        told = f"{failed} was seen to fail {self._session.failures} times in a row"
        order = (chosen, *self._decision.order)
        better = [id_ for id_ in order if self._quality(id_) > self._quality(failed) and self._is_well(id_)]
        if not better and self._eligible[failed].basis == "prior":
            # nothing tells who is better; the operator holds the reference to be good
            better = [id_ for id_ in order if id_ == self._decision.reference != failed and self._is_well(id_)]
        if better:
            return _Outcome(better[0], "escalated", f"{told}, and {better[0]} is expected to do better")
        if failed in self._unhealthy:
            return _Outcome(chosen, "moved", f"{told}, and {self._unhealthy[failed]}")
        return _Outcome(failed, "stayed", f"{told}, and nobody better may be asked")

    def _weigh(self, held: str, chosen: str) -> _Outcome:
        found = self._session.found
        if found is not None and found.escalated and self._quality(chosen) < self._quality(held):
            return _Outcome(held, "stayed", f"{held} was escalated to, and {chosen} is expected to do worse")
        if not self._session.warm:
            return _Outcome(chosen, "moved", f"nothing of the conversation is cached at {held} any more")
        if not self._suffices(held, chosen):
            return _Outcome(chosen, "moved", f"{held} is expected to fall short of the goal on this turn")
        staying, moving = self._ahead_usd(held), self._ahead_usd(chosen)
        told = (
            f"over this turn and {self._ahead} to come {held} is expected to cost {_told_usd(staying)}, "
            f"{chosen} from a cold start {_told_usd(moving)}"
        )
        if self._is_worth_moving(held, chosen, staying, moving):
            return _Outcome(chosen, "moved", told)
        return _Outcome(held, "stayed", told)

    def _is_worth_moving(self, held: str, chosen: str, staying: float | None, moving: float | None) -> bool:
        """Whether `chosen` is better over this turn and those to come, by more than estimates err."""
        if moving is None:
            return False
        if staying is None:
            return True
        worth = self._decision.worth_usd
        if worth is None:
            return moving < staying and self._is_clear(chosen, held)
        points = self._quality(chosen) - self._quality(held) - HYSTERESIS
        return (1 + self._ahead) * worth * points + staying - moving > 0

    def _quality(self, id_: str) -> float:
        return self._eligible[id_].p_correct or 0.0

    def _is_well(self, id_: str) -> bool:
        return id_ not in self._unhealthy and self._is_affordable(id_)

    def _is_affordable(self, id_: str) -> bool:
        limit = None if self._decision.goal is None else self._decision.goal.max_cost_usd
        cost = self._eligible[id_].cost_usd
        return limit is None or (cost is not None and cost <= limit)

    def _bar(self) -> float | None:
        """The quality that the goal demands of this request by itself, None where it demands none, or the best."""
        goal = self._decision.goal
        if goal is None or goal.kind != "cheapest_within" or self._decision.worth_usd is not None:
            return None
        known = [each for each in self._eligible.values() if each.basis != "prior"]
        measure = self._eligible.get(self._decision.reference or "")
        if measure is not None and (measure.basis != "prior" or not known):
            best = measure.p_correct or 0.0
            return best if not known and goal.max_loss < 1 else best - goal.max_loss
        return max(each.p_correct or 0.0 for each in self._eligible.values()) - goal.max_loss

    def _suffices(self, held: str, chosen: str) -> bool:
        if not self._is_affordable(held):
            return False
        goal = self._decision.goal
        if goal is not None and goal.confidence is not None:
            return self._quality(held) >= self._quality(chosen)  # what is promised is about choices no worse
        if self._decision.worth_usd is not None:
            return True  # quality is weighed against cost, not held to a bar
        bar = self._bar()
        return self._quality(held) >= (self._quality(chosen) if bar is None else bar) - HYSTERESIS

    def _is_clear(self, chosen: str, held: str) -> bool:
        bar, quality = self._bar(), self._quality(chosen)
        return quality >= self._quality(held) or (bar is not None and quality >= bar + HYSTERESIS)

    def _ahead_usd(self, id_: str) -> float | None:
        """What this turn and those to come are expected to cost, all at one candidate and each as long as this."""
        now = self._eligible[id_].cost_usd
        if now is None:
            return None
        worth = self._session.worth.get(id_, Worth())
        return now + self._ahead * (now + worth.now_usd - worth.later_usd)


def _told_usd(cost: float | None) -> str:
    return "an unknown sum" if cost is None else f"{cost:.6f} USD"
