"""An entry as `GET /v1/decisions/{id}` shows it: what was chosen and why, what it cost, what every attempt did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from entrepot.catalog.pricing import NANO_PER_UNIT
from entrepot.errors import NotFound
from entrepot.exchange.grounds import TRAIT_UNIT
from entrepot.exchange.records import AttemptRecord, Baseline, Entry, Grounds
from entrepot.routing.holdout import Lot
from entrepot.routing.trial import Trying


def render_decision(entry: Entry) -> dict[str, Any]:
    """The entry as plain JSON values; money in dollars as exact decimal strings, None where it is unknown."""
    return {
        "object": "entrepot.decision",
        "id": entry.id,
        "started_at": datetime.fromtimestamp(entry.started_ns / 1_000_000_000, UTC).isoformat(),
        "state": entry.state,
        "status": entry.status,
        "error_code": entry.error_code,
        "rule": entry.rule,
        "data_classes": list(entry.data_classes),
        "sensitive": entry.sensitive,
        "asked_model": entry.asked_model,
        "route": entry.route,
        "dialect": entry.dialect,
        "stream": entry.stream,
        "key": entry.key,
        "team": entry.team,
        "tags": list(entry.tags),
        "language": entry.language,
        "client_region": entry.client_region,
        "served": msgspec.to_builtins(entry.served),
        "usage": msgspec.to_builtins(entry.usage),
        "cost_usd": _usd(entry.cost_nano_usd),
        "charged_usd": _usd(entry.cost_nano_usd if entry.charged_nano_usd is None else entry.charged_nano_usd),
        "baseline": None if entry.baseline is None else _baseline(entry.baseline),
        "saving": _saving(entry),
        "lot": None if entry.lot is None else _lot(entry.lot),
        "trial": None if entry.trial is None else _trial(entry.trial),
        "expected": msgspec.to_builtins(entry.expected),
        "duration_ms": round(entry.duration_ms, 3),
        "added_ms": round(entry.added_ms, 3),
        "first_token_ms": None if entry.first_token_ms is None else round(entry.first_token_ms, 3),
        "trace_id": None if entry.trace is None else entry.trace.id,
        "attempts": [_attempt(attempt) for attempt in entry.attempts],
        "grounds": None if entry.grounds is None else _grounds(entry.grounds),
        "decision": msgspec.to_builtins(entry.decision),
        "deliberation": msgspec.to_builtins(entry.deliberation),
    }


def _usd(nano_usd: int | None) -> str | None:
    return None if nano_usd is None else f"{Decimal(nano_usd) / NANO_PER_UNIT:.9f}"


def _baseline(baseline: Baseline) -> dict[str, Any]:
    return {
        "deployment": baseline.deployment,
        "model": baseline.model,
        "cost_usd": _usd(baseline.cost_nano_usd),
        "error_usd": _usd(baseline.error_nano_usd),
        "measured": baseline.measured,
        "predicted_usd": _usd(baseline.predicted_nano_usd),
        "drawn": baseline.drawn,
    }


def _saving(entry: Entry) -> dict[str, str | None] | None:
    """What this exchange saved and what of, as the savings report takes all of them apart; None where it is in no saving.

    Of one exchange the baseline's length is the router's prediction, which the report corrects by those of others.
    """
    baseline, cost = entry.baseline, entry.cost_nano_usd
    if baseline is None or cost is None or entry.state != "completed":
        return None
    in_vain = sum(attempt.cost_nano_usd or 0 for attempt in entry.attempts if not attempt.answered)
    saved = baseline.cost_nano_usd - cost
    parts: dict[str, int | None] = dict.fromkeys(("price", "length", "cache"))
    as_long, bare, uncached = baseline.as_long_nano_usd, baseline.as_long_uncached_nano_usd, baseline.uncached_nano_usd
    if as_long is not None and bare is not None and uncached is not None:
        cached = uncached - (cost - in_vain)
        parts = {
            "price": bare - uncached,
            "length": baseline.cost_nano_usd - as_long,
            "cache": cached - (bare - as_long),
        }
    told = {"": saved, **{f"{name}_": nano_usd for name, nano_usd in parts.items()}, "in_vain_": -in_vain}
    return {f"{name}usd": _usd(nano_usd) for name, nano_usd in told.items()}


def _lot(lot: Lot) -> dict[str, Any]:
    return {
        "baseline": lot.baseline,
        "share": lot.share,
        "drawn": lot.drawn,
        "baseline_usd": _usd(lot.baseline_nano_usd),
        "routed_usd": _usd(lot.routed_nano_usd),
    }


def _trial(trying: Trying) -> dict[str, Any]:
    return {"name": trying.name, "stage": trying.stage, "arm": trying.arm, "propensity": trying.propensity}


def _grounds(grounds: Grounds) -> dict[str, Any]:
    """By name, which the ledger saves; traits in their own unit, and whether the exchange belongs to a conversation."""
    shown: dict[str, Any] = msgspec.structs.asdict(grounds)
    shown["session"] = grounds.session != 0
    shown["traits"] = [trait / TRAIT_UNIT for trait in grounds.traits]
    return shown


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(attempt)
    shown["cost_usd"] = _usd(shown.pop("cost_nano_usd"))
    shown["cost"] = None if attempt.cost_nano is None else _usd(attempt.cost_nano)
    del shown["cost_nano"]
    return shown


async def entry_of(find_entry: Callable[[str], Entry | None], wanted: str, is_theirs: Callable[[Entry], bool]) -> Entry:
    """An exchange's entry. Raises NotFound: another key's is not there, as far as this key can tell."""
    # Reading the ledger is disk work; the loop goes on meanwhile.
    entry = await asyncio.to_thread(find_entry, wanted) if len(wanted) == 36 else None
    if entry is None or not is_theirs(entry):
        raise NotFound(f"no exchange of this key has the id '{wanted[:50]}'", code="exchange_not_found")
    return entry
