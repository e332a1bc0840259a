"""How outcomes of a route's exchanges are come by, beside what anybody says of them: after the answer, never delaying it.

Rules of this file: frozen values, and lots that are drawn by the exchange's id, so that each is drawn once and evenly.
"""

from __future__ import annotations

from typing import Literal

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


class Shadowing(msgspec.Struct, frozen=True):
    """Who is asked beside a share of a route's exchanges, and by what both answers are compared.

    `candidates` are deployment ids. `trial` and `stage` name the trial that asks for it; None: the route's settings do.
    """

    candidates: tuple[str, ...]
    share: float
    compare: Literal["judges", "checks"]
    trial: str | None = None
    stage: int = 0


class OutcomePlan(msgspec.Struct, frozen=True):
    """Of one route. `signs`: what the traffic shows by itself is written down. `trial`: what a trial asks beside `shadow`."""

    signs: bool = True
    checks: tuple[SampledCheck, ...] = ()
    judging: Judging | None = None
    shadow: Shadowing | None = None
    trial: Shadowing | None = None

    @property
    def beside(self) -> tuple[Shadowing, ...]:
        """Who is asked beside, each by a lot of its own."""
        return tuple(one for one in (self.shadow, self.trial) if one is not None)
