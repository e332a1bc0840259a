"""A candidate router fitted on the earlier live outcomes and held against what ran on the later ones.

Rules of this file: pure. The slices are of the order in which outcomes became known, so nothing that the candidate learned from
is in its test; what is promoted is what was tested, and not a fit on all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from entrepot.learning.live_outcomes import Exchange, seen_in
from entrepot.learning.promotion import Verdict, Versions, judge
from entrepot.routing.correction import Correction
from entrepot.routing.correction_fit import fit_correction
from entrepot.routing.worth import Knob

EARLIER = 0.6
"""Of the outcomes, the part that is learned from; a test takes more of them than a fit of a few numbers a model."""
MONTH_S = 30 * 86_400.0
ERROR = 0.05
_NANO = 1_000_000_000


class Refitted(NamedTuple):
    """A candidate, on how many outcomes it was fitted and held, what it was fitted on in words, and the verdict."""

    candidate: Correction
    earlier: int
    later: int
    fitted_on: str
    verdict: Verdict


def error_of(refit_s: float | None) -> float:
    """The error that one refit of many may have: all of a month together promote a worse router with probability 5 % at most."""
    return ERROR if refit_s is None else ERROR * min(1.0, refit_s / MONTH_S)


def refit(
    exchanges: Sequence[Exchange],
    ran: Mapping[str, Correction],
    knobs: Mapping[str, Knob],
    knobs_with: Callable[[Correction], Mapping[str, Knob]],
    error: float,
    step: Callable[[str], None] = lambda _doing: None,
) -> Refitted:
    """Fit and judge. `exchanges` are in the order in which their outcomes became known; `knobs` are those in force."""
    usable = [one for one in exchanges if one.entry.decision is not None and (one.entry.decision.router or "") in ran]
    cut = round(EARLIER * len(usable))
    earlier, later = usable[:cut], usable[cut:]
    step(f"fitting on {len(earlier):,} outcomes")
    candidate = fit_correction(seen_in(earlier, ran))
    step("compiling routes with the candidate")
    with_it = knobs_with(candidate)
    step(f"holding it against what ran, on {len(later):,} later outcomes")
    verdict = judge(later, Versions(ran, candidate, knobs, with_it), error)
    days = f", {_day(earlier[0].known_ns)} to {_day(earlier[-1].known_ns)}" if earlier else ""
    return Refitted(candidate, len(earlier), len(later), f"{len(earlier):,} live outcomes{days}", verdict)


def _day(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / _NANO, UTC).date().isoformat()
