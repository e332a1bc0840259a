"""Whether a deployment is asked at all: closed while it answers, open once it does not, half open while it is tried again.

    closed ──► open ──► half open ──► returning ──► closed
                 ▲──────────┘             │
                 ▲────────────────────────┘

Rules of this file: a circuit is a frozen value, times are Unix seconds and handed in. What was asked before it opened says
nothing of whether it is well again. Each opening in a row lasts twice as long as the one before. Half open, a bounded
number of exchanges try it at once; returning, it is given a part that grows (slow start), so that what has just recovered
is not knocked over.
"""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["closed", "open", "half_open", "returning"]
_LEAST_SHARE = 0.1
_DOUBLINGS = 30


class CircuitSettings(msgspec.Struct, frozen=True):
    """When a circuit opens, and how it closes.

    It opens after `failures` in a row, or where more than `share` of the latest attempts failed. `open_s` is how long it
    stays so for the first time, `longest_open_s` for the last. `trials` exchanges try it at once; after `trials_to_close`
    answers it returns, within `slow_start_s`. A stream whose first content came later than `slow_first_token_s` counts as
    failed. `outliers`: a host that does much worse than the others of its model is taken for failing. `probe_s` is how
    often a deployment with a probe is probed while it is open.
    """

    failures: int = 5
    share: float = 0.5
    open_s: float = 5.0
    longest_open_s: float = 120.0
    trials: int = 1
    trials_to_close: int = 2
    slow_start_s: float = 20.0
    slow_first_token_s: float | None = None
    outliers: bool = True
    probe_s: float = 5.0


DEFAULT_CIRCUIT = CircuitSettings()


class Circuit(msgspec.Struct, frozen=True):
    """One deployment's circuit.

    `in_a_row` are failures since the last answer, `openings` those since it was last well, `passed` trials that were answered.
    `open_until_s` is 0 unless it is open or half open; `closed_s` is when it was closed last, 0 if it never was open.
    """

    in_a_row: int = 0
    openings: int = 0
    passed: int = 0
    opened_s: float = 0.0
    open_until_s: float = 0.0
    closed_s: float = 0.0
    why: str = ""

    def state(self, settings: CircuitSettings, at_s: float) -> State:
        """What it is at this moment."""
        if self.open_until_s:
            return "open" if at_s < self.open_until_s else "half_open"
        if self.closed_s and at_s < self.closed_s + settings.slow_start_s:
            return "returning"
        return "closed"

    def share(self, settings: CircuitSettings, at_s: float) -> float:
        """The part of what it would be given that it is given while it returns: it grows to 1."""
        if self.state(settings, at_s) != "returning":
            return 1.0
        return min(1.0, max(_LEAST_SHARE, (at_s - self.closed_s) / settings.slow_start_s))

    def failed(self, settings: CircuitSettings, began_s: float, at_s: float, why: str, *, often: bool) -> Circuit:
        """An attempt that began at `began_s` has failed. `often`: too many of the latest did."""
        in_a_row = self.in_a_row + 1
        state = self.state(settings, at_s)
        if state == "half_open" and began_s >= self.opened_s:
            return self.trip(settings, at_s, why)
        if state in ("open", "half_open"):
            return msgspec.structs.replace(self, in_a_row=in_a_row)
        if often or in_a_row >= settings.failures:
            return self.trip(settings, at_s, why)
        return msgspec.structs.replace(self, in_a_row=in_a_row)

    def answered(self, settings: CircuitSettings, began_s: float, at_s: float) -> Circuit:
        """An attempt that began at `began_s` has answered."""
        if self.open_until_s:
            if began_s < self.opened_s:
                return self
            passed = self.passed + 1
            if passed < settings.trials_to_close:
                return msgspec.structs.replace(self, passed=passed, in_a_row=0)
            return Circuit(openings=self.openings, closed_s=at_s)
        if self.state(settings, at_s) == "returning":
            return msgspec.structs.replace(self, in_a_row=0)
        return CLOSED

    def trip(self, settings: CircuitSettings, at_s: float, why: str) -> Circuit:
        """Open it now."""
        pause_s = min(settings.longest_open_s, settings.open_s * 2.0 ** min(self.openings, _DOUBLINGS))
        return Circuit(openings=self.openings + 1, opened_s=at_s, open_until_s=at_s + pause_s, why=why)

    def probed(self, settings: CircuitSettings, at_s: float, *, well: bool) -> Circuit:
        """An active probe of an open circuit has ended: it may be tried at once, or stays open at least until the next."""
        if self.state(settings, at_s) != "open" and well:
            return self
        if not self.open_until_s:
            return self
        until_s = at_s if well else max(self.open_until_s, at_s + settings.probe_s)
        return msgspec.structs.replace(self, open_until_s=until_s)


CLOSED = Circuit()
