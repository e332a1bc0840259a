"""Which arm of a trial a session is given to, and what that makes of its exchanges.

The lot is a hash of the trial's salt and of the session, and shares are nested: who is drawn at 1 % would be at 5 %. A session
stays in the arm that it began in, also when the share has grown since, because it is remembered with the session; one that
began before the trial is in no arm, nor is one whose holdout was drawn, nor one that may not ask the deployment at all.

Rules of this file: pure. Nobody is asked whom the gate has not let pass; a trial takes candidates away and gives none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from entrepot.exchange.plan import Route
from entrepot.exchange.steadying import draw
from entrepot.policy.eligibility import Eligibility, Reason, Rejected
from entrepot.routing.session import Session
from entrepot.routing.trial import Arm, OnTrial, Trying, ask_first, tell_propensities
from entrepot.routing.utility import Decision

_NUMBERS = 16
"""Stages that a mark can tell apart."""


class Given(NamedTuple):
    """What a trial makes of one exchange: who may be asked, and the arm. `mark` is what the session is remembered with."""

    eligibility: Eligibility
    trial: OnTrial | None = None
    trying: Trying | None = None
    mark: int = 0

    @property
    def asks_new(self) -> bool:
        """Whether the deployment on trial is to answer, and by itself."""
        if self.trial is None or self.trying is None:
            return False
        return self.trial.direction == "in" and self.trying.arm == "new"

    def note(self, session: Session | None) -> Session | None:
        """The session with what it is to be remembered with: its arm, or that of a trial before."""
        if session is None:
            return None
        mark = self.mark or (0 if session.found is None else session.found.trial)
        held = session.held if session.held in [one.id for one in self.eligibility.allowed] else None
        if (mark, held) == (session.trial, session.held):
            return session
        return msgspec.structs.replace(session, trial=mark, held=held)

    def settle(self, decision: Decision) -> Decision:
        """The decision as this arm carries it out."""
        if self.trial is None or self.trying is None:
            return decision
        forced = decision.session is not None and decision.session.verdict == "must stay"
        if self.asks_new and not forced:
            decision = ask_first(decision, self.trial)
        return tell_propensities(decision, self.trial, self.trying)


def give(eligibility: Eligibility, route: Route | None, session: Session | None, drawn_by: str | None) -> Given:
    """The arm of this exchange, and whom that leaves to be asked."""
    trial = None if route is None else route.trial
    if route is None or trial is None:
        return Given(eligibility)
    without = eligibility if trial.direction == "out" else _without(eligibility, trial)
    tried = trial.deployment
    held = session is not None and session.held == tried
    if trial.standing == "rolled back":  # nobody is asked any more what was not begun there
        under_way = held and session is not None and session.must_stay
        return Given(eligibility if under_way else without, trial)
    preferred = {one.id for one in eligibility.preferred}
    if tried not in preferred or len(preferred) == 1 or drawn_by is None or _is_held_out(route, drawn_by, preferred):
        return Given(without, trial)
    trying = _arm_of(trial, session, drawn_by)
    if trying is None:  # it began before the trial, and is with whom it is with
        return Given(eligibility if held else without, trial)
    asks = (trying.arm == "new") == (trial.direction == "in")
    left = eligibility if asks else _without(eligibility, trial)
    return Given(left, trial, trying, _mark(trial, trying))


def _arm_of(trial: OnTrial, session: Session | None, drawn_by: str) -> Trying | None:
    """The arm in which the session began, or the one that the lot gives it if it begins now."""
    seed = f"trial\n{trial.salt}\n{drawn_by}"
    unit = int.from_bytes(hashlib.sha256(seed.encode()).digest()[8:15], "big")
    found = None if session is None else session.found
    if found is None:
        share = trial.share_of(trial.number)
        arm: Arm = "new" if draw(seed) < share else "running"
        return Trying(trial.name, trial.stage_of(trial.number), trial.number, arm, share, unit)
    if found.trial >> 5 != _bits(trial):
        return None
    number, arm = found.trial >> 1 & (_NUMBERS - 1), "new" if found.trial & 1 else "running"
    return Trying(trial.name, trial.stage_of(number), number, arm, trial.share_of(number), unit)


def _mark(trial: OnTrial, trying: Trying) -> int:
    """16 bits that stand for the trial (11), the stage (4) and the arm (1); never 0."""
    return _bits(trial) << 5 | trying.number << 1 | (trying.arm == "new")


def _bits(trial: OnTrial) -> int:
    return int.from_bytes(hashlib.sha256(trial.salt.encode()).digest()[:2], "big") % 2047 + 1


def _without(eligibility: Eligibility, trial: OnTrial) -> Eligibility:
    """Without the deployment on trial; where nobody else is left it stays, unless the route has it for the trial alone."""
    out = [one for one in eligibility.allowed if one.id == trial.deployment]
    preferred = tuple(one for one in eligibility.preferred if one.id != trial.deployment)
    if not out or not (preferred or trial.added):
        return eligibility
    reason = Reason(f"on trial ('{trial.name}'), and not asked in this arm of it", "trial")
    allowed = tuple(one for one in eligibility.allowed if one.id != trial.deployment)
    return msgspec.structs.replace(
        eligibility,
        allowed=allowed,
        preferred=preferred or allowed,
        rejected=(*eligibility.rejected, *(Rejected(one.id, one.model, (reason,)) for one in out)),
    )


def _is_held_out(route: Route, drawn_by: str, preferred: Collection[str]) -> bool:
    """Whether the holdout's lot gave the session to the baseline."""
    return route.baseline in preferred and draw(f"{route.name}\n{drawn_by}") < route.holdout
