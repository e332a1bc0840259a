"""How outcomes of a route's exchanges are come by, beside what anybody says of them: after the answer, never delaying it.

Rules of this file: frozen values, and lots that are drawn by the exchange's id, so that each is drawn once and evenly.
"""

from __future__ import annotations

import msgspec

from entrepot.routing.validator import Validator


class SampledCheck(msgspec.Struct, frozen=True):
    """A check that a share of the answers is held to once they are sent. `name` is who says so in the outcome."""

    name: str
    check: Validator
    share: float = 1.0


class Judging(msgspec.Struct, frozen=True):
    """What judges read: a share of the answers. `jury` are deployment ids; `rubric` says what a good answer is."""

    share: float
    jury: tuple[str, ...]
    rubric: str


class OutcomePlan(msgspec.Struct, frozen=True):
    """Of one route. `signs`: what the traffic shows by itself is written down."""

    signs: bool = True
    checks: tuple[SampledCheck, ...] = ()
    judging: Judging | None = None
