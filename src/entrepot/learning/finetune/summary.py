"""What an export says of itself: how many lines, of which models and by what right, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from entrepot.learning.finetune.choosing import OF_TERMS, Candidate, LeftOut, Side, Wanted
from entrepot.learning.finetune.lines import Line, earlier_answers
from entrepot.ledger.store import Period

NOT_FOUND_BY_US = (
    "names of people, addresses, and whatever else has no form that can be told: read samples before you train"
)
_NANO = 1_000_000_000


class Asked(msgspec.Struct, frozen=True):
    """Which exchanges were looked at, and what was wanted of them."""

    route: str | None
    period: Period
    wanted: Wanted


class Tally:
    """What was written so far."""

    def __init__(self) -> None:
        self.sides: Counter[Side] = Counter()
        self.replaced: Counter[str] = Counter()
        self.continued = 0
        self.models: dict[str, Counter[str]] = {}
        self.validation_begins_ns: int | None = None
        self.left_out: Counter[str] = Counter()

    def count(self, side: Side, candidate: Candidate, line: Line, replaced: Mapping[str, int]) -> None:
        """Count one line; lines come in order of time."""
        self.sides[side] += 1
        self.replaced.update(replaced)
        self.continued += earlier_answers(line) > 0
        self.models.setdefault(candidate.model, Counter())[candidate.why] += 1
        if side == "validation" and self.validation_begins_ns is None:
            self.validation_begins_ns = candidate.started_ns


def summarise(
    asked: Asked, tally: Tally, left_out: Sequence[LeftOut], now_s: float, sha256: Mapping[str, str]
) -> dict[str, Any]:
    """The document that lies beside the lines."""
    of_terms: dict[str, Counter[str]] = {}
    for one in left_out:
        if one.reason == OF_TERMS:
            of_terms.setdefault(one.model or "", Counter())[one.why or ""] += 1
    return {
        "made": _moment(int(now_s) * _NANO),
        "route": asked.route,
        "since": _moment(asked.period.since_ns),
        "until": _moment(asked.period.until_ns),
        "asked": asked.wanted,
        "lines": {"train": tally.sides["train"], "validation": tally.sides["validation"]},
        "validation_begins": _moment(tally.validation_begins_ns),
        "lines_with_earlier_answers": tally.continued,
        "models": _by_model(tally.models),
        "models_left_out": _by_model(of_terms),
        "left_out": dict(sorted(tally.left_out.items())),
        "personal_data_replaced": dict(sorted(tally.replaced.items())),
        "personal_data_not_found_by_us": NOT_FOUND_BY_US,
        "sha256": dict(sha256),
    }


def _by_model(counted: Mapping[str, Counter[str]]) -> list[dict[str, Any]]:
    return [
        {"model": model, "exchanges": number, "why": why}
        for model, reasons in sorted(counted.items())
        for why, number in sorted(reasons.items())
    ]


def _moment(at_ns: int | None) -> str | None:
    return None if at_ns is None else datetime.fromtimestamp(at_ns // _NANO, UTC).isoformat().replace("+00:00", "Z")
