"""The goal's decision as the health of the candidates, exploration, the session and the holdout leave it.

Rules of this file: pure. What is drawn by lot is drawn for a session as one. A rule's preference is stronger than lots: those
that it left for later are asked by lot of nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from entrepot.exchange.balancing import Balance, Standing, balance
from entrepot.exchange.demoting import demote, ease_in
from entrepot.exchange.plan import Route
from entrepot.routing.explore import explore
from entrepot.routing.holdout import Lot, hold_out, lot_of
from entrepot.routing.session import Session
from entrepot.routing.settling import count_caches, settle
from entrepot.routing.utility import Decision


class Condition(NamedTuple):
    """How the candidates are at this moment: who is ill and why, who is returning to what part, and how hosts are balanced."""

    unhealthy: Mapping[str, str] = {}
    returning: Mapping[str, float] = {}
    how: Balance = "price"
    standing_of: Callable[[str], Standing] = lambda _: Standing()


CALM = Condition()
"""Nobody is ill or returning, and hosts follow each other as the goal ordered them."""


def steady(
    decision: Decision,
    session: Session | None,
    route: Route | None,
    drawn_by: str | None,
    condition: Condition,
    preferred: Collection[str],
) -> Decision:
    """The decision that is carried out. `route` None: a model was asked for by name.

    A session that the holdout drew is the baseline's whole: it does not move, and does not escalate.
    """
    if condition is CALM and route is None and session is None:
        return decision
    unhealthy = condition.unhealthy
    decision = demote(decision, unhealthy)
    if condition.how != "price":
        decision = balance(decision, condition.how, condition.standing_of, unhealthy, _lot("balance", drawn_by))
    if condition.returning:
        decision = ease_in(decision, condition.returning, unhealthy, _lot("slow start", drawn_by))
    if session is not None:
        decision = count_caches(decision, session)
    if route is None:
        return decision if session is None else settle(decision, session, unhealthy)
    if route.explore is not None:
        lot = 0.0 if drawn_by is None else draw(f"explore\n{route.name}\n{drawn_by}")
        decision = explore(decision, route.explore, lot)
    baseline = route.baseline if route.baseline in preferred else None
    lot = 1.0 if drawn_by is None or not route.holdout else draw(f"{route.name}\n{drawn_by}")
    goes_on_elsewhere = session is not None and session.must_stay and session.held != baseline
    drawn = baseline is not None and lot < route.holdout and not goes_on_elsewhere
    if session is not None and not drawn:
        decision = settle(decision, session, unhealthy)
    forced = decision.session is not None and decision.session.verdict == "must stay"
    return decision if baseline is None or forced else hold_out(decision, baseline, route.holdout, lot)


def is_settled(decision: Decision, route: Route | None, drawn_by: str | None) -> bool:
    """Whether one deployment is to answer by itself.

    An answer under way is nobody else's, nor is one that was escalated to; and what the holdout's lot gives to the baseline is
    the baseline's, be it that the baseline was chosen anyway.
    """
    if decision.session is not None and decision.session.verdict in ("must stay", "escalated"):
        return True
    if route is None or drawn_by is None or not route.holdout or decision.chosen != route.baseline:
        return False
    return draw(f"{route.name}\n{drawn_by}") < route.holdout


def cast_lot(decision: Decision, route: Route | None, drawn_by: str | None, preferred: Collection[str]) -> Lot | None:
    """What the holdout's lot said, for the comparison of those that it drew with the others; None where there is none.

    It is told also where a session that was under way went on elsewhere: who is compared depends on the lot and on what was known
    before it alone.
    """
    if (
        route is None
        or not route.holdout
        or drawn_by is None
        or route.baseline is None
        or route.baseline not in preferred
    ):
        return None
    seed = f"{route.name}\n{drawn_by}"
    unit = int.from_bytes(hashlib.sha256(seed.encode()).digest()[8:15], "big")
    return lot_of(decision, route.baseline, route.holdout, draw(seed), unit)


def draw(seed: str) -> float:
    """A number in [0, 1), the same for the same text and otherwise as good as random."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7], "big") / 2**56


def _lot(what: str, drawn_by: str | None) -> float:
    return 0.0 if drawn_by is None else draw(f"{what}\n{drawn_by}")
