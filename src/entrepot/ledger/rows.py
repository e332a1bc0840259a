"""An entry taken apart into the rows that a relational ledger keeps of it.

Rules of this file: every column is a function of the entry alone, so rows can be made again from the documents. Numbers
that come from a provider are believed only within reason: a count of tokens or a cost beyond it is kept as unknown (the
document still holds what was said), because one absurd number would overflow every sum it takes part in. Words that come from
outside are cut to what an index holds, and without the NUL that PostgreSQL cannot store.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from typing import Literal, NamedTuple

from msgspec.structs import astuple

from entrepot.canonical.response import Usage
from entrepot.exchange.records import AttemptRecord, Baseline, Entry, Expected, Served, Shadow
from entrepot.routing.holdout import Lot
from entrepot.statistics.quantiles import bucket_of

Value = str | int | float | bytes | None

MAX_TOKENS = 1 << 40
MAX_TEXT = 512
MAX_NANO = 1 << 53  # nine million dollars for one exchange
EASY_FROM, MEDIUM_FROM = 0.8, 0.5

_DAY_NS = 86_400_000_000_000
_NO_TOKENS, _NO_BASELINE, _NO_LOT = (None,) * 6, (None,) * 7, (None,) * 6
_NO_SHADOW = (None,) * 5
_NOT_EXPECTED, _NOT_JUDGED, _NOT_SPLIT = (None,) * 4, (None,) * 2, (None,) * 3

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
    "shadow_of",
    "shadow_unit",
    "shadow_share",
    "shadow_sent_by",
    "shadow_sent_nano_usd",
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
    **dict.fromkeys(("p_correct", "p_reference", "p_best", "agreed", "lot_share", "shadow_share"), "float"),
    **dict.fromkeys(("seq", "started_ns", "given_ns", "lot_unit", "shadow_unit", *TOKEN_COLUMNS), "whole"),
    **dict.fromkeys(("score", "weight", "chance"), "float"),
}


def kind_of(column: str) -> Kind:
    """What a column of an entry, its facts, its attempts or its outcomes holds."""
    return _KINDS.get(column) or ("whole" if column.endswith(("_nano_usd", "_nano")) else "text")


class Rows(NamedTuple):
    """`served` in the order of SERVED_COLUMNS, `entry` of ENTRY_COLUMNS, each of `attempts` of ATTEMPT_COLUMNS."""

    served: tuple[Value, ...] | None
    entry: tuple[Value, ...]
    attempts: tuple[tuple[Value, ...], ...]


def rows_of(entry: Entry) -> Rows:
    """The rows of one entry."""
    attempts = entry.attempts
    return Rows(
        None if entry.served is None else astuple(entry.served),
        _entry_row(entry),
        (_attempt_row(attempts[0]),) if len(attempts) == 1 else tuple(map(_attempt_row, attempts)),
    )


def _entry_row(entry: Entry) -> tuple[Value, ...]:
    # Twenty thousand a second pass here: calls are saved where most entries need none.
    attempts, expected, baseline, added_ms = entry.attempts, entry.expected, entry.baseline, entry.added_ms
    cost = entry.cost_nano_usd
    if cost is None and not attempts:
        cost = 0  # nobody was called, so nobody bills
    thrown_away = 0
    for attempt in attempts:
        if not attempt.answered:
            thrown_away += _within(attempt.cost_nano_usd, MAX_NANO) or 0
    sensitive = entry.sensitive
    return (
        entry.id,
        entry.started_ns,
        _day(entry.started_ns // _DAY_NS),
        entry.state,
        entry.status,
        entry.dialect,
        _text(entry.asked_model),
        entry.stream,
        entry.route,
        entry.key,
        entry.team,
        _text(" ".join(entry.tags)) if entry.tags else "",
        entry.error_code,
        entry.rule,
        entry.duration_ms,
        entry.first_token_ms,
        added_ms,
        bucket_of(added_ms * 1000) if isfinite(added_ms) else 0,
        len(attempts),
        *_tokens(entry.usage),
        cost if cost is not None and 0 <= cost <= MAX_NANO else None,
        thrown_away,
        *(_NO_BASELINE if baseline is None else _baseline(baseline)),
        None if entry.decision is None else entry.decision.router,
        _within(entry.charged_nano_usd, MAX_NANO),
        " ".join(entry.data_classes) if entry.data_classes else "",
        " ".join(f"{kind}={count}" for kind, count in sorted(sensitive.items())) if sensitive else "",
        entry.language,
        None if expected is None else difficulty_of(expected),
        entry.client_region,
        *(_NOT_EXPECTED if expected is None else _expected(expected)),
        *_judged(attempts),
        *(_NOT_SPLIT if baseline is None else _split(baseline)),
        *(_NO_LOT if entry.lot is None else _lot(entry.lot)),
        *(_NO_SHADOW if entry.shadow is None else _shadow(entry.shadow)),
    )


def difficulty_of(expected: Expected | None) -> str | None:
    """How hard a request is, by what the router expected of the route's reference: the same for every candidate.

    Where that was not eligible, by the best of those that were. None where nothing was estimated.
    """
    p = None if expected is None else expected.best if expected.reference is None else expected.reference
    if p is None:
        return None
    return "easy" if p >= EASY_FROM else "medium" if p >= MEDIUM_FROM else "hard"


def _expected(expected: Expected) -> tuple[Value, ...]:
    """P(correct) of who answered and its tenth (1 to 10), of the reference, of the best."""
    p = expected.served
    return (p, None if p is None else min(int(p * 10), 9) + 1, expected.reference, expected.best)


def _judged(attempts: tuple[AttemptRecord, ...]) -> tuple[Value, ...]:
    """Whether the answer that the client got passed its check, and how likely agreement made it."""
    for attempt in attempts:
        if attempt.answered:
            vote = attempt.vote
            if vote is None:
                break
            checked = None if vote.check in (None, "inconclusive") else int(vote.check == "passed")
            return (checked, vote.p_correct if vote.source == "agreement" else None)
    return _NOT_JUDGED


def _split(baseline: Baseline) -> tuple[Value, ...]:
    parts = (baseline.as_long_nano_usd, baseline.as_long_uncached_nano_usd, baseline.uncached_nano_usd)
    for part in parts:
        if part is None or not 0 <= part <= MAX_NANO:
            return _NOT_SPLIT
    return parts


def _lot(lot: Lot) -> tuple[Value, ...]:
    return (
        lot.unit,
        lot.share,
        lot.drawn,
        lot.baseline,
        _within(lot.baseline_nano_usd, MAX_NANO),
        _within(lot.routed_nano_usd, MAX_NANO),
    )


def _shadow(shadow: Shadow) -> tuple[Value, ...]:
    sent_nano_usd = None if shadow.sent_nano_usd is None else _within(shadow.sent_nano_usd, MAX_NANO)
    return (shadow.of, shadow.unit, shadow.share, shadow.sent_by, sent_nano_usd)


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
        None if attempt.failure_code is None else _text(attempt.failure_code),
        *_tokens(attempt.usage),
        _within(attempt.cost_nano_usd, MAX_NANO),
        _within(attempt.cost_nano, MAX_NANO),
        attempt.currency,
        None if attempt.claimed_model is None else _text(attempt.claimed_model),
        attempt.answered,
    )


def _tokens(usage: Usage | None) -> tuple[Value, ...]:
    """TOKEN_COLUMNS and `usage_estimated`."""
    if usage is None:
        return _NO_TOKENS
    read, cached, written = usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens
    output, reasoning = usage.output_tokens, usage.reasoning_tokens
    # The bits of all of them together are negative where one is, and at least as large as the largest.
    if not 0 <= read | cached | written | output | reasoning <= MAX_TOKENS:
        counts = (read, cached, written, output, reasoning)
        if not 0 <= min(counts) <= max(counts) <= MAX_TOKENS:
            return _NO_TOKENS
    return (read, cached, written, output, reasoning, usage.estimated)


def _baseline(baseline: Baseline) -> tuple[Value, ...]:
    cost, error, predicted = baseline.cost_nano_usd, baseline.error_nano_usd, baseline.predicted_nano_usd
    if cost is None or not 0 <= cost <= MAX_NANO or error is None or not 0 <= error <= MAX_NANO:
        return _NO_BASELINE
    predicted = predicted if predicted is not None and 0 <= predicted <= MAX_NANO else None
    return (baseline.deployment, baseline.model, cost, error, baseline.measured, predicted, baseline.drawn)


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
