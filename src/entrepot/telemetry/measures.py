"""What an entry adds to metrics, by the semantic conventions for generative AI.

Rules of this file: attributes have words of the settings and of ours alone, so that neither a client nor a provider can make new
series: the model is the one that was asked of the provider, not what its answer calls itself. Tokens and money are those of
calls, so that their sums are the ledger's; a count that is our own estimate says so.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.telemetry.genai import OURS, Attributes, Hosts, error_type, operation_of, provider_name, told


class Measured(msgspec.Struct, frozen=True):
    """What is added to one instrument."""

    instrument: str
    amount: float
    attributes: Attributes


class Instrument(msgspec.Struct, frozen=True):
    """One metric: a histogram where it has `bounds`, a counter of whole numbers where not."""

    name: str
    unit: str
    description: str
    bounds: tuple[float, ...] = ()


_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4.0**power for power in range(14))
_FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_EACH = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_ADDED = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)

TOKEN_USAGE = Instrument("gen_ai.client.token.usage", "{token}", "Tokens billed by providers.", _TOKENS)
CALL = Instrument("gen_ai.client.operation.duration", "s", "How long calls to providers took.", _SECONDS)
CALL_FIRST = Instrument(
    "gen_ai.client.operation.time_to_first_chunk",
    "s",
    "From a streamed call to the first content of its answer.",
    _SECONDS,
)
SERVED = Instrument("gen_ai.server.request.duration", "s", "From a request's head to the end of its answer.", _SECONDS)
SERVED_FIRST = Instrument(
    "gen_ai.server.time_to_first_token", "s", "From a request's head to the first content of its stream.", _FIRST
)
SERVED_EACH = Instrument(
    "gen_ai.server.time_per_output_token", "s", "From a token of a stream to the next, after the first.", _EACH
)
ADDED = Instrument("entrepot.added.duration", "s", "The part of an exchange's time that was the gateway's own.", _ADDED)
COST = Instrument("entrepot.cost", "{nano_usd}", "What calls to providers cost, in whole nano-dollars.")
UNPRICED = Instrument("entrepot.unpriced_calls", "{call}", "Calls whose cost is unknown, and in no sum.")
INSTRUMENTS = (TOKEN_USAGE, CALL, CALL_FIRST, SERVED, SERVED_FIRST, SERVED_EACH, ADDED, COST, UNPRICED)


def measures_of(entry: Entry, hosts: Hosts) -> Iterator[Measured]:
    """What an exchange adds to metrics."""
    operation = operation_of(entry)
    for attempt in entry.attempts:
        yield from _measure_attempt(entry, attempt, {"gen_ai.operation.name": operation, **hosts.of(attempt)})
    served = entry.served
    about = told(
        {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": OURS if served is None else provider_name(served.provider),
            "gen_ai.request.model": None if served is None else served.model,
            "entrepot.route": entry.route,
        }
    )
    error = error_type(entry)
    yield Measured(SERVED.name, entry.duration_ms / 1000, about if error is None else {**about, "error.type": error})
    yield Measured(ADDED.name, entry.added_ms / 1000, {})
    if entry.state != "completed" or not entry.stream or entry.first_token_ms is None:
        return
    yield Measured(SERVED_FIRST.name, entry.first_token_ms / 1000, about)
    if entry.usage is not None and entry.usage.all_output > 1:
        each_ms = (entry.duration_ms - entry.first_token_ms) / (entry.usage.all_output - 1)
        yield Measured(SERVED_EACH.name, max(0.0, each_ms) / 1000, about)


def _measure_attempt(entry: Entry, attempt: AttemptRecord, about: Attributes) -> Iterator[Measured]:
    usage = attempt.usage
    if usage is not None:
        estimated: Attributes = {"entrepot.usage.estimated": True} if usage.estimated else {}
        for kind, tokens in (("input", usage.all_input), ("output", usage.all_output)):
            if tokens:
                yield Measured(TOKEN_USAGE.name, tokens, {**about, "gen_ai.token.type": kind, **estimated})
    ended: Attributes = about if attempt.failure is None else {**about, "error.type": attempt.failure}
    yield Measured(CALL.name, attempt.duration_ms / 1000, ended)
    if entry.stream and attempt.first_byte_ms is not None:
        yield Measured(CALL_FIRST.name, attempt.first_byte_ms / 1000, about)
    if attempt.cost_nano_usd is None:
        yield Measured(UNPRICED.name, 1, about)
    elif attempt.cost_nano_usd:
        yield Measured(COST.name, attempt.cost_nano_usd, about)
