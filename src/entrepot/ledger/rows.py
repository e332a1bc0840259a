"""An entry taken apart into the rows that a relational ledger keeps of it.

Rules of this file: every column is a function of the entry alone, so rows can be made again from the documents. Numbers
that come from a provider are believed only within reason: a count of tokens or a cost beyond it is kept as unknown (the
document still holds what was said), because one absurd number would overflow every sum it takes part in. Words that come from
outside are cut to what an index holds, and without the NUL that PostgreSQL cannot store.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from entrepot.canonical.response import Usage
from entrepot.exchange.records import AttemptRecord, Baseline, Entry, Expected, Served
from entrepot.routing.holdout import Lot
from entrepot.statistics.quantiles import bucket_of

Value = str | int | float | bytes | None

MAX_TOKENS = 1 << 40
MAX_TEXT = 512
MAX_NANO = 1 << 53  # nine million dollars for one exchange
EASY_FROM, MEDIUM_FROM = 0.8, 0.5

SERVED_COLUMNS = Served.__struct_fields__
TOKEN_COLUMNS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
ENTRY_COLUMNS = (
    "id",
    "started_ns",
    "day",
    "state",
    "status",
    "dialect",
    "asked_model",
    "stream",
    "route",
    "key",
    "team",
    "tags",
    "error_code",
    "rule",
    "duration_ms",
    "first_token_ms",
    "added_ms",
    "added_bucket",
    "attempts",
    *TOKEN_COLUMNS,
    "usage_estimated",
    "cost_nano_usd",
    "thrown_away_nano_usd",
    "baseline_deployment",
    "baseline_model",
    "baseline_cost_nano_usd",
    "baseline_error_nano_usd",
    "baseline_measured",
    "baseline_predicted_nano_usd",
    "baseline_drawn",
    "router",
    "charged_nano_usd",
    "data_classes",
    "sensitive",
    "language",
    "difficulty",
    "client_region",
    "p_correct",
    "p_tenth",
    "p_reference",
    "p_best",
    "checked",
    "agreed",
    "as_long_nano_usd",
    "as_long_uncached_nano_usd",
    "uncached_nano_usd",
    "lot_unit",
    "lot_share",
    "lot_drawn",
    "lot_baseline",
    "lot_baseline_nano_usd",
    "lot_routed_nano_usd",
)
ATTEMPT_COLUMNS = (
    "number",
    "deployment",
    "model",
    "provider",
    "status",
    "duration_ms",
    "first_byte_ms",
    "failure",
    "failure_code",
    *TOKEN_COLUMNS,
    "usage_estimated",
    "cost_nano_usd",
    "cost_nano",
    "currency",
    "claimed_model",
    "answered",
)


Kind = Literal["truth", "integer", "whole", "float", "text"]
"""What a column holds: 1 or 0, a number of 32 bits, one of 64, a float, a text."""

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("stream", "usage_estimated", "baseline_measured", "baseline_drawn", "answered"), "truth"),
    **dict.fromkeys(("checked", "lot_drawn"), "truth"),
    **dict.fromkeys(("on_premises", "open_weights"), "truth"),
    **dict.fromkeys(("served", "status", "added_bucket", "attempts", "number", "p_tenth"), "integer"),
    **dict.fromkeys(("duration_ms", "first_token_ms", "added_ms", "first_byte_ms"), "float"),
    **dict.fromkeys(("p_correct", "p_reference", "p_best", "agreed", "lot_share"), "float"),
    **dict.fromkeys(("seq", "started_ns", "lot_unit", *TOKEN_COLUMNS), "whole"),
}


def kind_of(column: str) -> Kind:
    """What a column of an entry, its facts or its attempts holds."""
    return _KINDS.get(column) or ("whole" if column.endswith(("_nano_usd", "_nano")) else "text")


class Rows(NamedTuple):
    """`served` in the order of SERVED_COLUMNS, `entry` of ENTRY_COLUMNS, each of `attempts` of ATTEMPT_COLUMNS."""

    served: tuple[Value, ...] | None
    entry: tuple[Value, ...]
    attempts: tuple[tuple[Value, ...], ...]


def rows_of(entry: Entry) -> Rows:
    """The rows of one entry."""
    return Rows(
        served=None if entry.served is None else msgspec.structs.astuple(entry.served),
        entry=_entry_row(entry),
        attempts=tuple(_attempt_row(attempt) for attempt in entry.attempts),
    )


def _entry_row(entry: Entry) -> tuple[Value, ...]:
    cost = entry.cost_nano_usd
    if cost is None and not entry.attempts:
        cost = 0  # nobody was called, so nobody bills
    thrown_away = sum(
        _within(attempt.cost_nano_usd, MAX_NANO) or 0 for attempt in entry.attempts if not attempt.answered
    )
    return (
        entry.id,
        entry.started_ns,
        _day(entry.started_ns // 86_400_000_000_000),
        entry.state,
        entry.status,
        entry.dialect,
        _text(entry.asked_model),
        entry.stream,
        entry.route,
        entry.key,
        entry.team,
        _text(" ".join(entry.tags)),
        entry.error_code,
        entry.rule,
        entry.duration_ms,
        entry.first_token_ms,
        entry.added_ms,
        bucket_of(entry.added_ms * 1000) if math.isfinite(entry.added_ms) else 0,
        len(entry.attempts),
        *_tokens(entry.usage),
        _within(cost, MAX_NANO),
        thrown_away,
        *_baseline(entry.baseline),
        None if entry.decision is None else entry.decision.router,
        _within(entry.charged_nano_usd, MAX_NANO),
        " ".join(entry.data_classes),
        " ".join(f"{kind}={count}" for kind, count in sorted(entry.sensitive.items())),
        entry.language,
        difficulty_of(entry.expected),
        entry.client_region,
        *_expected(entry.expected),
        *_judged(entry.attempts),
        *_split(entry.baseline),
        *_lot(entry.lot),
    )


def difficulty_of(expected: Expected | None) -> str | None:
    """How hard a request is, by what the router expected of the route's reference: the same for every candidate.

    Where that was not eligible, by the best of those that were. None where nothing was estimated.
    """
    p = None if expected is None else expected.best if expected.reference is None else expected.reference
    if p is None:
        return None
    return "easy" if p >= EASY_FROM else "medium" if p >= MEDIUM_FROM else "hard"


def _expected(expected: Expected | None) -> tuple[Value, ...]:
    """P(correct) of who answered and its tenth (1 to 10), of the reference, of the best."""
    if expected is None:
        return (None,) * 4
    p = expected.served
    return (p, None if p is None else min(int(p * 10), 9) + 1, expected.reference, expected.best)


def _judged(attempts: tuple[AttemptRecord, ...]) -> tuple[Value, ...]:
    """Whether the answer that the client got passed its check, and how likely agreement made it."""
    vote = next((attempt.vote for attempt in attempts if attempt.answered), None)
    if vote is None:
        return (None, None)
    checked = None if vote.check in (None, "inconclusive") else int(vote.check == "passed")
    return (checked, vote.p_correct if vote.source == "agreement" else None)


def _split(baseline: Baseline | None) -> tuple[Value, ...]:
    if baseline is None:
        return (None,) * 3
    parts = (baseline.as_long_nano_usd, baseline.as_long_uncached_nano_usd, baseline.uncached_nano_usd)
    known = tuple(_within(part, MAX_NANO) for part in parts)
    return (None,) * 3 if None in known else known


def _lot(lot: Lot | None) -> tuple[Value, ...]:
    if lot is None:
        return (None,) * 6
    return (
        lot.unit,
        lot.share,
        lot.drawn,
        lot.baseline,
        _within(lot.baseline_nano_usd, MAX_NANO),
        _within(lot.routed_nano_usd, MAX_NANO),
    )


def _attempt_row(attempt: AttemptRecord) -> tuple[Value, ...]:
    return (
        attempt.number,
        attempt.deployment,
        attempt.model,
        attempt.provider,
        attempt.status,
        attempt.duration_ms,
        attempt.first_byte_ms,
        attempt.failure,
        _text(attempt.failure_code),
        *_tokens(attempt.usage),
        _within(attempt.cost_nano_usd, MAX_NANO),
        _within(attempt.cost_nano, MAX_NANO),
        attempt.currency,
        _text(attempt.claimed_model),
        attempt.answered,
    )


def _tokens(usage: Usage | None) -> tuple[Value, ...]:
    """TOKEN_COLUMNS and `usage_estimated`."""
    if usage is None:
        return (None,) * 6
    counts = (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    )
    if not 0 <= min(counts) <= max(counts) <= MAX_TOKENS:
        return (None,) * 6
    return (*counts, usage.estimated)


def _baseline(baseline: Baseline | None) -> tuple[Value, ...]:
    if baseline is None:
        return (None,) * 7
    if None in (_within(baseline.cost_nano_usd, MAX_NANO), _within(baseline.error_nano_usd, MAX_NANO)):
        return (None,) * 7
    return (
        baseline.deployment,
        baseline.model,
        baseline.cost_nano_usd,
        baseline.error_nano_usd,
        baseline.measured,
        _within(baseline.predicted_nano_usd, MAX_NANO),
        baseline.drawn,
    )


def _text(given: str | None) -> str | None:
    if given is None or (len(given) <= MAX_TEXT and "\0" not in given):
        return given
    return given[:MAX_TEXT].replace("\0", "\ufffd")


def _within(value: int | None, limit: int) -> int | None:
    return value if value is not None and 0 <= value <= limit else None


@lru_cache(maxsize=1024)
def _day(days: int) -> str:
    """The UTC date of a day counted from 1970."""
    return datetime.fromtimestamp(days * 86_400, UTC).date().isoformat()
