"""Ledger entries made of what happened: the one place where an exchange's facts, tokens and money are put together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from entrepot.canonical.response import Usage
from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Deployment
from entrepot.errors import EntrepotError
from entrepot.exchange.plan import Candidate, Plan
from entrepot.exchange.records import AttemptRecord, Baseline, Deliberation, Entry, Expected, Served, State, Trace
from entrepot.policy.rules import Principal
from entrepot.routing.utility import Decision


def served_by(deployment: Deployment) -> Served:
    """The facts of a deployment as they are now."""
    return Served(
        deployment=deployment.id,
        model=deployment.model,
        maker=deployment.maker,
        maker_country=deployment.maker_country,
        provider=deployment.provider,
        provider_country=deployment.provider_country,
        region=deployment.region,
        on_premises=deployment.on_premises,
        open_weights=deployment.open_weights,
        accelerator=deployment.accelerator,
    )


@lru_cache(maxsize=4096)
def _served_by(candidate: Candidate) -> Served:
    return served_by(candidate.deployment)


def baseline_of(plan: Plan, answered: AttemptRecord) -> Baseline | None:
    """What the baseline would have cost for this exchange.

    It is charged the same input tokens of the same kinds, and the number of output tokens that the router expects of it. The
    error is that of a log-normal length: sd = mean * sqrt(exp(s^2) - 1) for a log-error s.
    """
    if plan.baseline is None or answered.usage is None:
        return None
    candidate = plan.baseline.candidate
    if candidate.tariff is None:
        return None
    deployment = candidate.deployment
    read = answered.usage
    wrote = max(1, round(plan.baseline.output_tokens))
    usage = Usage(
        read.input_tokens,
        read.cache_read_tokens,
        read.cache_write_tokens,
        output_tokens=wrote,
        cache_write_1h_tokens=read.cache_write_1h_tokens,
        audio_input_tokens=read.audio_input_tokens,
    )
    at_s = plan.started_ns / 1_000_000_000
    cost = _nano_usd(candidate.tariff, usage, at_s)
    input_cost = _nano_usd(candidate.tariff, msgspec.structs.replace(usage, output_tokens=0), at_s)
    if cost is None or input_cost is None:
        return None
    if deployment.id == answered.deployment and answered.cost_nano_usd is not None:
        # what the baseline answered itself is compared with nothing but itself: there is nothing to split
        measured = not answered.usage.estimated
        drawn = plan.decision.displaced is not None
        return Baseline(deployment.id, deployment.model, answered.cost_nano_usd, 0, measured, cost, drawn)
    error = (cost - input_cost) * math.sqrt(math.expm1(min(plan.baseline.log_error, 3.0) ** 2))
    as_long = msgspec.structs.replace(
        read, reasoning_tokens=0, output_tokens=read.output_tokens + read.reasoning_tokens
    )
    as_long_cost = _nano_usd(candidate.tariff, as_long, at_s)
    as_long_uncached, uncached = as_long_cost, answered.cost_nano_usd
    if read.cache_read_tokens or read.cache_write_tokens:
        own = _tariff_of(plan, answered.deployment)
        as_long_uncached = _nano_usd(candidate.tariff, _uncached(as_long), at_s)
        uncached = None if own is None else _nano_usd(own, _uncached(read), at_s)
    return Baseline(
        deployment.id,
        deployment.model,
        cost,
        round(error),
        measured=False,
        as_long_nano_usd=as_long_cost,
        as_long_uncached_nano_usd=as_long_uncached,
        uncached_nano_usd=uncached,
    )


def _uncached(usage: Usage) -> Usage:
    """The same tokens, all of them read in full."""
    return msgspec.structs.replace(
        usage,
        input_tokens=usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens,
        cache_read_tokens=0,
        cache_write_tokens=0,
        cache_write_1h_tokens=0,
    )


def _tariff_of(plan: Plan, deployment: str) -> Tariff | None:
    return next((one.tariff for one in plan.candidates if one.deployment.id == deployment), None)


def expected_of(decision: Decision, served: str | None) -> Expected | None:
    """What the router expected, None where it estimated nothing."""
    expected = {one.deployment: one.p_correct for one in decision.candidates if one.p_correct is not None}
    if not expected:
        return None
    reference = None if decision.reference is None else expected.get(decision.reference)
    return Expected(None if served is None else expected.get(served), reference, max(expected.values()))


def _nano_usd(tariff: Tariff, usage: Usage, at_s: float) -> int | None:
    """The cost at the list price; None where nobody stated it for so long a request."""
    money = tariff.cost(usage, at_s)
    return None if money is None else money.nano_usd


def entry_of(
    plan: Plan,
    attempts: Sequence[AttemptRecord],
    state: State,
    status: int,
    now_s: float,
    *,
    content_s: float | None = None,
    error_code: str | None = None,
    called_s: float | None = None,
    deliberation: Deliberation | None = None,
) -> Entry:
    """The entry of an exchange that went as far as a call.

    The attempt that answered is the one whose answer counts, or the last where the answer was not completed. `called_s` is the
    time during which any attempt ran, by default the sum of all.
    """
    answering = None
    if state in ("completed", "broken", "client_gone") and attempts:
        answered = [attempt for attempt in attempts if attempt.answered]
        answering = answered[0] if answered else attempts[-1]
    costs = [cost for attempt in attempts if (cost := attempt.cost_nano_usd) is not None]
    duration_ms = (now_s - plan.started_s) * 1000
    called_ms = sum(attempt.duration_ms for attempt in attempts) if called_s is None else called_s * 1000
    return Entry(
        id=plan.id,
        started_ns=plan.started_ns,
        state=state,
        status=status,
        dialect=plan.client.name,
        asked_model=plan.asked.request.model,
        stream=plan.asked.request.stream,
        duration_ms=duration_ms,
        added_ms=max(0.0, duration_ms - plan.upload_s * 1000 - called_ms),
        key=plan.principal.key,
        team=plan.principal.team,
        tags=tuple(sorted(plan.principal.tags)),
        route=plan.route,
        first_token_ms=None if content_s is None else (content_s - plan.started_s) * 1000,
        error_code=error_code,
        served=None if answering is None else _served(plan, answering),
        usage=answering.usage if answering is not None else _nothing_read(attempts),
        cost_nano_usd=None if len(costs) < len(attempts) else sum(costs),
        baseline=baseline_of(plan, answering) if answering is not None and state == "completed" else None,
        attempts=tuple(attempts),
        decision=plan.decision,
        deliberation=deliberation,
        data_classes=plan.data_classes,
        sensitive=plan.sensitive,
        language=plan.language,
        client_region=plan.client_region,
        expected=expected_of(plan.decision, None if answering is None else answering.deployment),
        lot=plan.lot,
        trial=plan.trial,
        shadow=plan.shadow,
        grounds=plan.grounds,
        trace=None if plan.tracing is None else plan.tracing.trace,
    )


def _nothing_read(attempts: Sequence[AttemptRecord]) -> Usage | None:
    """The tokens of an exchange that nobody answered: none, unless one attempt may have been billed for what it read."""
    return Usage() if attempts and all(attempt.usage is not None for attempt in attempts) else None


def _served(plan: Plan, answering: AttemptRecord) -> Served | None:
    for candidate in plan.candidates:
        if candidate.deployment.id == answering.deployment:
            return _served_by(candidate)
    return None


def refusal_entry(
    *,
    id: str,
    started_ns: int,
    duration_ms: float,
    upload_ms: float,
    principal: Principal,
    dialect: str,
    error: EntrepotError,
    asked_model: str = "",
    stream: bool = False,
    route: str | None = None,
    decision: Decision | None = None,
    data_classes: tuple[str, ...] = (),
    sensitive: dict[str, int] | None = None,
    trace: Trace | None = None,
) -> Entry:
    """The entry of a request that was refused before any byte left."""
    return Entry(
        id=id,
        started_ns=started_ns,
        state="refused",
        status=error.status,
        dialect=dialect,
        asked_model=asked_model[:200],
        stream=stream,
        duration_ms=duration_ms,
        added_ms=max(0.0, duration_ms - upload_ms),
        key=principal.key,
        team=principal.team,
        tags=tuple(sorted(principal.tags)),
        route=route,
        error_code=error.code,
        rule=getattr(error, "rule", None),
        cost_nano_usd=0,
        decision=decision,
        data_classes=data_classes,
        sensitive=sensitive or {},
        trace=trace,
    )
