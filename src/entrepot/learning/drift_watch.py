"""Is what comes still what it was when the router in force was promoted? Prompts, outcomes, promises and prices.

Rules of this file: pure. An alarm says that something is not as it was, not that it matters, and nothing is done about it by
itself but what else is written here: a refit learns what changed, a promise that is broken is withdrawn (`recalibrate.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from entrepot.exchange.grounds import TRAIT_UNIT
from entrepot.exchange.records import Grounds
from entrepot.learning.live_outcomes import Exchange, expected_of
from entrepot.learning.promises import Promises
from entrepot.learning.status import AlarmKind, DriftAlarm, Features, Reference
from entrepot.routing.logistic import sigmoid
from entrepot.statistics.drift import Wary, calibration_suspicion, first_alarm, means_suspicion, price_changes

FEATURES = ("difficulty", "ease", "length", "in Chinese", "in English", "with tools")
REFERENCE = 500
"""Prompts that say how things are while a version is new."""
NEWEST = 2_000
"""Of prompts, and of outcomes: how many are looked at."""
TOLERATED = 0.05
"""A mean of 500 is itself only known to two or three hundredths, and what changes less matters little."""
_WARY = Wary(tolerated=TOLERATED)
_LONGEST = 100_000.0
WEEK_S = 7 * 86_400.0


class PromptEntry(msgspec.Struct, frozen=True, gc=False):
    """As much of an entry as tells what a prompt is like."""

    language: str | None = None
    grounds: Grounds | None = None


PROMPT_DECODER = msgspec.msgpack.Decoder(PromptEntry)


def features_of(entry: PromptEntry) -> Features | None:
    """What a prompt is like, each between 0 and 1, in the order of FEATURES; None where nothing was weighed."""
    grounds = entry.grounds
    if grounds is None or len(grounds.traits) < 3:
        return None
    difficulty, _, ease = (float(sigmoid(np.array(trait / TRAIT_UNIT))) for trait in grounds.traits[:3])
    length = min(1.0, float(np.log1p(grounds.input_tokens) / np.log1p(_LONGEST)))
    tools = float(any(each == "tools" for each in grounds.needs))
    return (difficulty, ease, length, float(entry.language == "zh"), float(entry.language == "en"), tools)


def with_prompts(reference: Reference, found: Sequence[Features]) -> tuple[Reference, Sequence[Features]]:
    """The reference with what it still lacks of `found`, and the rest of them."""
    lacking = max(0, REFERENCE - reference.prompts)
    taken, rest = found[:lacking], found[lacking:]
    if not taken:
        return reference, rest
    count = reference.prompts + len(taken)
    before = np.array(reference.features or (0.0,) * len(FEATURES)) * reference.prompts
    mean = (before + np.array(taken).sum(axis=0)) / count
    return msgspec.structs.replace(reference, prompts=count, features=tuple(float(each) for each in mean)), rest


def prompts_alarm(reference: Reference, newest: Sequence[Features]) -> str | None:
    """Which feature of prompts moved most, where they are not what they were."""
    if reference.prompts < REFERENCE or not newest:
        return None
    table = np.array(newest[-NEWEST:])
    if first_alarm(means_suspicion(table, reference.features, _WARY), _WARY) is None:
        return None
    moved = table[-REFERENCE:].mean(axis=0) - np.array(reference.features)
    at = int(np.abs(moved).argmax())
    return (
        f"prompts are not what they were: {FEATURES[at]} {moved[at]:+.2f}, on a scale of 0 to 1, against the first "
        f"{reference.prompts} since {reference.about} was promoted"
    )


def outcomes_alarm(exchanges: Sequence[Exchange]) -> str | None:
    """How far outcomes are from what the router expected of who answered, where they are further than chance explains."""
    pairs = [
        (one.score, p)
        for one in exchanges[-NEWEST:]
        if one.entry.decision is not None
        and one.entry.served is not None
        and (p := expected_of(one.entry.decision, one.entry.served.deployment)) is not None
    ]
    if not pairs:
        return None
    told, expected = np.array(pairs).T
    if first_alarm(calibration_suspicion(told, expected, _WARY), _WARY) is None:
        return None
    return (
        f"outcomes are not what is expected: {100 * told.mean():.1f} of 100 were good on the newest {len(pairs):,} exchanges, "
        f"{100 * expected.mean():.1f} were expected"
    )


def prices_alarm(reference: Reference, now: Mapping[str, str]) -> str | None:
    """Which prices moved that plans and promises were made with."""
    before = {name: Decimal(value) for name, value in reference.prices.items()}
    moved = price_changes(before, {name: Decimal(value) for name, value in now.items()})
    if not moved:
        return None
    told = ", ".join(f"{one.deployment} {one.fraction:+.0%}" for one in moved[:3])
    more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
    return f"prices moved since {reference.about} was promoted: {told}{more}"


def promise_alarm(promises: Promises) -> str | None:
    """Which floors are broken."""
    broken = sorted(name for name, one in promises.routes.items() if one.alarm_at is not None)
    return None if not broken else f"the floor of {', '.join(broken)} was broken, and the reference answers there"


def alarms_of(
    found: Mapping[AlarmKind, str | None], before: Sequence[DriftAlarm], now_s: float
) -> tuple[DriftAlarm, ...]:
    """The alarms that stand, each since it was first raised."""
    since = {one.kind: one.at_s for one in before}
    return tuple(DriftAlarm(kind, since.get(kind, now_s), what) for kind, what in found.items() if what is not None)
