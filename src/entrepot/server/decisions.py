"""An entry as `GET /v1/decisions/{id}` shows it: what was chosen and why, what it cost, what every attempt did."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from entrepot.catalog.pricing import NANO_PER_UNIT
from entrepot.exchange.records import AttemptRecord, Baseline, Entry


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
        "stream": entry.stream,
        "key": entry.key,
        "team": entry.team,
        "tags": list(entry.tags),
        "served": msgspec.to_builtins(entry.served),
        "usage": msgspec.to_builtins(entry.usage),
        "cost_usd": _usd(entry.cost_nano_usd),
        "baseline": None if entry.baseline is None else _baseline(entry.baseline),
        "duration_ms": round(entry.duration_ms, 3),
        "added_ms": round(entry.added_ms, 3),
        "first_token_ms": None if entry.first_token_ms is None else round(entry.first_token_ms, 3),
        "trace_id": None if entry.trace is None else entry.trace.id,
        "attempts": [_attempt(attempt) for attempt in entry.attempts],
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
    }


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(attempt)
    shown["cost_usd"] = _usd(shown.pop("cost_nano_usd"))
    shown["cost"] = None if attempt.cost_nano is None else _usd(attempt.cost_nano)
    del shown["cost_nano"]
    return shown
