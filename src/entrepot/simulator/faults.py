"""Faults that real providers show, by name.

A request asks for one by its model name (`some-model~status:429`) or the header `x-simulate: status:429`; a plan can also
let them come by chance (`plan.FaultMix`). What stands after the first colon is the fault's argument.

    before an answer    refuse · reset · hang · status:CODE[:FORM] · slow-head:MS
    instead of one      malformed-json · html[:CODE] · error-in-200 · empty-body · no-choices
    in the middle       hang-midway · close-midway · reset-midway · half-chunk · error-frame · malformed-sse
    beside it           short-length · long-length · slow-chunks[:MS] · endless · huge-line[:BYTES] · one-byte-writes
                        no-done · no-usage · other-model:NAME · pings · early-hints

FORM of a status: `seconds=N` | `ms=N` | `date=N` (Retry-After as seconds, milliseconds or an HTTP date N seconds ahead),
`reset=N` (headers of a limit that is used up and is reset in N seconds), `words=N` (only the message says so),
`quota` (a 429 that no waiting cures), `context` (400 context_length_exceeded), `filter` (400 content_filter),
`flat` (a body without the `error` object).
"""

from __future__ import annotations

import hashlib

import msgspec

from entrepot.simulator import faults_amid, faults_before
from entrepot.simulator.delivery import Delivery
from entrepot.simulator.heard import WireError
from entrepot.simulator.plan import FaultMix

SEPARATOR = "~"
_FAULTS = faults_before.PERFORMERS | faults_amid.PERFORMERS
KNOWN = frozenset(_FAULTS)


class Fault(msgspec.Struct, frozen=True):
    """A fault to show, and its argument."""

    name: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.argument}" if self.argument else self.name


def parse_fault(text: str) -> Fault:
    """`status:429:seconds=7` as a Fault. Raises WireError (400) if there is no such fault."""
    name, _, argument = text.strip().partition(":")
    if name not in _FAULTS:
        raise WireError(400, f"the simulator knows no fault {name!r}; it knows {', '.join(sorted(_FAULTS))}")
    return Fault(name, argument)


def draw_fault(mix: FaultMix, provider: str, number: int) -> Fault | None:
    """The fault, if any, that comes by itself to a provider's request `number` (from 0)."""
    if number < mix.first:
        return parse_fault(mix.opening)
    digest = hashlib.sha256(f"{mix.seed}|{provider}|{number}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    for text, rate in mix.rates.items():
        drawn -= rate
        if drawn < 0:
            return parse_fault(text)
    return None


async def show_fault(fault: Fault, delivery: Delivery) -> None:
    """Deliver an answer with `fault`. Raises WireError (400) if its argument makes no sense."""
    try:
        await _FAULTS[fault.name](delivery, fault.argument)
    except ValueError as error:
        raise WireError(400, f"the simulator cannot read the fault {str(fault)!r}: {error}") from error
