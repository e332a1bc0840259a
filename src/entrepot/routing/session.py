"""Whether a conversation stays with its model, moves, must stay, or escalates, and what of it is remembered.

Rules of this file: pure. The goal's choice stands unless the session has a reason against it:

1. An answer that has begun goes on where it began (a tool loop, reasoning that nobody else can read). Only rules, what a
   candidate is able to do, and its health are stronger.
2. What failed `ESCALATE_AFTER` times is not asked again: the goal's next choice among the better ones is, and the session does
   not go back below it.
3. While the provider's cache is warm, the session stays with a candidate that still suffices, unless another is expected to cost
   less over this turn and those to come, its cold start included. The number of those to come is taken to be the number so
   far, `MOST_TURNS_AHEAD` at most: the only guess that needs no knowledge of anybody's conversations.

Points of quality within `HYSTERESIS` are no reason to move: estimates of two turns differ by more than models do.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from entrepot.routing.continuity import Continuity, Verdict
from entrepot.routing.conversation import Conversation
from entrepot.routing.utility import Decision, Weighed

ESCALATE_AFTER = 2
HYSTERESIS = 0.02
MOST_TURNS_AHEAD = 8
MOST_REPEATS = 5
"""The same request more often than this is a program that asks on schedule, nobody who is dissatisfied."""
REPEATED_WITHIN_S = 600.0


class Remembered(msgspec.Struct, frozen=True):
    """What is kept of a conversation's latest turn: digests, counts and times, no text.

    `deployment` is 64 bits of its id's digest. `prefix` and `asked` are those of the turn's request (see Conversation), the first
    cut to 32 bits. `cached_tokens` are those that its provider may hold, for `lifetime_s` after `at_s` (Unix seconds). By `seed`
    (32 bits) whatever is drawn by lot is drawn for the session as one. `repeats` counts how often that same request came again;
    `forgiven` failures led to an escalation already.
    """

    deployment: int
    prefix: int
    asked: int
    at_s: float
    cached_tokens: int = 0
    lifetime_s: int = 0
    seed: int = 0
    repeats: int = 0
    forgiven: int = 0
    escalated: bool = False


class Worth(msgspec.Struct, frozen=True):
    """What a cached prefix is worth at one candidate, in dollars a request against its full price, negative where cold is dearer.

    `now_usd`: on this turn, with what is cached there already; `later_usd`: on every later turn, once it has read the prompt.
    """

    now_usd: float = 0.0
    later_usd: float = 0.0


class Session(msgspec.Struct, frozen=True):
    """A conversation as one request meets it.

    `keys` are where its turn will be remembered, `found` what is remembered of the turn before. `held` is the deployment that it
    is with, None where that is not known or no candidate for this request. `warm`: the turn before was so lately that what its
    provider cached is held still, `cached_tokens` of it. `readers` are the candidates that can read the reasoning which
    going on needs, empty where none is needed. `repeats` counts how often this same request was answered already. By `seed`
    whatever is drawn by lot is drawn for the session as one. `worth` is what
    a cache saves, by deployment.
    """

    conversation: Conversation
    keys: tuple[bytes, ...]
    at_s: float
    found: Remembered | None = None
    held: str | None = None
    warm: bool = False
    cached_tokens: int = 0
    repeats: int = 0
    seed: int = 0
    readers: frozenset[str] = frozenset()
    worth: Mapping[str, Worth] = msgspec.field(default_factory=dict)

    @property
    def failures(self) -> int:
        """How often in a row what was answered did not do, since the session last escalated."""
        repeats = self.repeats if self.repeats <= MOST_REPEATS else 0
        forgiven = 0 if self.found is None else self.found.forgiven
        return max(0, repeats + self.conversation.failures - forgiven)

    @property
    def must_stay(self) -> bool:
        """Whether the answer that has begun can only go on where it began, as far as that is known."""
        return self.conversation.open and (self.held is not None or bool(self.readers))


def settle(decision: Decision, session: Session, unhealthy: Mapping[str, str]) -> Decision:
    """The decision as this session takes it; `unhealthy` are the candidates that are not to be preferred, and why not.

    Propensities stay those of the whole: each candidate has the probability of all choices of the goal that lead to it here.
    """
    eligible = {weighed.deployment: weighed for weighed in decision.candidates if weighed.deployment in decision.order}
    settling = _Settling(decision, session, unhealthy, eligible)
    first, verdict, reason = settling.outcome(decision.chosen)
    if verdict is None:
        return decision
    propensities = dict.fromkeys(eligible, 0.0)
    for weighed in eligible.values():
        if weighed.propensity > 0:
            propensities[settling.outcome(weighed.deployment)[0]] += weighed.propensity
    rest = [id_ for id_ in decision.order if id_ != first]
    if session.conversation.open:
        rest.sort(key=lambda id_: id_ not in session.readers)  # who can read the reasoning comes first; the order stays
    return msgspec.structs.replace(
        decision,
        order=(first, *rest),
        candidates=tuple(
            msgspec.structs.replace(weighed, propensity=propensities[weighed.deployment])
            if weighed.deployment in propensities
            else weighed
            for weighed in decision.candidates
        ),
        reason=decision.reason
        if first == decision.chosen
        else f"{reason}; the goal alone would say: {decision.reason}",
        session=Continuity(verdict, reason, session.held, session.cached_tokens, session.failures),
    )


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

    def outcome(self, chosen: str) -> tuple[str, Verdict | None, str]:
        """Who is asked first where the goal chooses `chosen`, the verdict, and why."""
        session = self._session
        held = session.held
        if session.must_stay:
            return self._go_on(chosen)
        if (
            self._decision.router is None
        ):  # asked for by name: nothing was weighed, and nothing is to be weighed against it
            return chosen, None, ""
        if session.failures >= ESCALATE_AFTER:
            return self._escalate(held or chosen, chosen)
        if held is None:
            if session.found is None:
                return chosen, None, ""
            return chosen, "moved", "the deployment that the conversation was with is no candidate for this request"
        if held == chosen:
            return held, "stayed", f"{held} is what the conversation is with, and what the goal chooses"
        if held in self._unhealthy:
            return chosen, "moved", f"{held}, which the conversation was with, {self._unhealthy[held]}"
        return self._weigh(held, chosen)

    def _go_on(self, chosen: str) -> tuple[str, Verdict, str]:
        session = self._session
        asked = [session.held] if session.held else [id_ for id_ in self._decision.order if id_ in session.readers]
        well = [id_ for id_ in asked if id_ not in self._unhealthy]
        if not well:
            told = f"{asked[0]} {self._unhealthy[asked[0]]}"
            return chosen, "moved", f"the answer under way cannot go on where it began: {told}"
        if session.held:
            return well[0], "must stay", f"an answer is under way at {well[0]}, which alone can go on with it"
        dialects = ", ".join(sorted(session.conversation.bound_to))
        return well[0], "must stay", f"an answer is under way, and {well[0]} can read its reasoning ({dialects})"

    def _escalate(self, failed: str, chosen: str) -> tuple[str, Verdict, str]:
        times = self._session.failures
        floor = self._quality(failed)
        better = [id_ for id_ in (chosen, *self._decision.order) if self._quality(id_) > floor and self._is_well(id_)]
        if not better and self._is_unknown(failed):
            # nothing tells who is better; the operator holds this one to be good
            measure = self._decision.reference or failed
            better = [measure] if measure in self._eligible and measure != failed and self._is_well(measure) else []
        if better:
            return (
                better[0],
                "escalated",
                f"{failed} was seen to fail {times} times in a row, and {better[0]} is expected to do better",
            )
        told = f"{failed} was seen to fail {times} times in a row, and nobody better may be asked"
        if failed in self._unhealthy:
            return chosen, "moved", told
        return failed, "stayed", told

    def _weigh(self, held: str, chosen: str) -> tuple[str, Verdict, str]:
        session = self._session
        found = session.found
        if found is not None and found.escalated and self._quality(chosen) < self._quality(held):
            return held, "stayed", f"{held} was escalated to, and {chosen} is expected to do worse"
        if not session.warm:
            return chosen, "moved", f"nothing of the conversation is cached at {held} any more, so {chosen} is asked"
        if not self._suffices(held, chosen):
            return chosen, "moved", f"{held} is expected to fall short of the goal on this turn"
        staying, moving = self._ahead_usd(held), self._ahead_usd(chosen)
        over = f"over this turn and {self._ahead} to come"
        if not self._is_clear(chosen, held):
            return held, "stayed", f"{chosen} is not so clearly good enough that the conversation should leave {held}"
        if moving is None or (staying is not None and staying <= moving):
            told = "an unknown sum" if moving is None else f"{moving:.6f} USD"
            here = "an unknown sum" if staying is None else f"{staying:.6f}"
            return held, "stayed", f"{held} is expected to cost {here} {over}, {chosen} {told} from a cold start"
        here = "an unknown sum" if staying is None else f"{staying:.6f} USD"
        return (
            chosen,
            "moved",
            f"{chosen} is expected to cost {moving:.6f} {over}, a cold start included, {held} {here}",
        )

    def _quality(self, id_: str) -> float:
        return self._eligible[id_].p_correct or 0.0

    def _is_unknown(self, id_: str) -> bool:
        return self._eligible[id_].basis == "prior"

    def _is_well(self, id_: str) -> bool:
        return id_ not in self._unhealthy and self._is_affordable(id_)

    def _is_affordable(self, id_: str) -> bool:
        limit = None if self._decision.goal is None else self._decision.goal.max_cost_usd
        cost = self._eligible[id_].cost_usd
        return limit is None or (cost is not None and cost <= limit)

    def _bar(self) -> float | None:
        """The quality that the goal demands, None where it demands the best."""
        goal = self._decision.goal
        if goal is None or goal.kind != "cheapest_within":
            return None
        known = [each for each in self._eligible.values() if each.basis != "prior"]
        measure = self._eligible.get(self._decision.reference or "")
        if measure is not None and (measure.basis != "prior" or not known):
            best = measure.p_correct or 0.0
            return best if not known and goal.max_loss < 1 else best - goal.max_loss
        return max(each.p_correct or 0.0 for each in self._eligible.values()) - goal.max_loss

    def _suffices(self, held: str, chosen: str) -> bool:
        bar = self._bar()
        return self._is_affordable(held) and (
            self._quality(held) >= (self._quality(chosen) if bar is None else bar) - HYSTERESIS
        )

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
