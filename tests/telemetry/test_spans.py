from __future__ import annotations

import msgspec
import pytest

from entrepot.exchange.records import Trace
from entrepot.exchange.tracing import attempt_span_id, exchange_span_id
from entrepot.telemetry.spans import SpanFacts, spans_of
from tests.telemetry.told import HOSTS, ID, TRACE, an_attempt, an_entry


def spans(*attempts: object, **facts: object) -> list[SpanFacts]:
    return list(spans_of(an_entry(*attempts, **facts), HOSTS))  # type: ignore[arg-type]  # attempts all


def test_an_exchange_is_above_its_attempts_in_the_clients_trace() -> None:
    failed = an_attempt(usage=None, failure="overloaded", answered=False, claimed_model=None, first_byte_ms=None)
    exchange, first, second = spans(failed, an_attempt(1, "own/small", started_ms=1600.25))
    assert {span.trace for span in (exchange, first, second)} == {TRACE.id}
    assert (exchange.span, exchange.parent, exchange.kind) == (exchange_span_id(ID), TRACE.parent, "server")
    assert [span.span for span in (first, second)] == [attempt_span_id(ID, 0), attempt_span_id(ID, 1)]
    assert {(span.parent, span.kind) for span in (first, second)} == {(exchange.span, "client")}
    assert [span.name for span in (exchange, first, second)] == [
        "chat auto",
        "chat mistral-large-2512",
        "chat small-q4",
    ]
    assert [span.failed for span in (exchange, first, second)] == [False, True, False]
    assert first.attributes["error.type"] == "overloaded"


def test_times_are_those_of_the_entry_to_the_nanosecond() -> None:
    exchange, call = spans(an_attempt(started_ms=0.25))
    assert (exchange.start_ns, exchange.end_ns) == (1_000_000_000_000, 1_001_501_000_000)
    assert (call.start_ns, call.end_ns) == (1_000_000_250_000, 1_001_500_250_000)
    (_, old) = spans(an_attempt(started_ms=None))
    assert old.start_ns == exchange.start_ns


def test_tokens_are_told_once_and_all_kinds_of_a_side_together() -> None:
    exchange, call = spans(an_attempt())
    assert not [name for name in exchange.attributes if name.startswith("gen_ai.usage")]
    assert {name: value for name, value in call.attributes.items() if name.startswith("gen_ai.usage")} == {
        "gen_ai.usage.input_tokens": 123,
        "gen_ai.usage.output_tokens": 45,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_creation.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 5,
    }


def test_what_an_exchange_came_to_is_told_of_it() -> None:
    exchange, _ = spans(an_attempt())
    assert exchange.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "mistral_ai",
        "gen_ai.request.model": "auto",
        "gen_ai.response.model": "large",
        "gen_ai.conversation.id": "77",
        "gen_ai.request.stream": True,
        "gen_ai.response.time_to_first_chunk": 0.251,
        "http.response.status_code": 200,
        "entrepot.exchange.id": ID,
        "entrepot.state": "completed",
        "entrepot.dialect": "openai-chat",
        "entrepot.route": "auto",
        "entrepot.key": "alice",
        "entrepot.team": "red",
        "entrepot.deployment": "mistral/large",
        "entrepot.attempts": 1,
        "entrepot.added": 0.00075,
        "entrepot.cost.nano_usd": 1_234_567,
        "entrepot.baseline.nano_usd": 9_000_000,
    }


def test_nothing_is_said_of_what_is_not_known_or_was_not_asked_for() -> None:
    call = spans(an_attempt(usage=None, cost_nano_usd=None, status=0), stream=False, grounds=None)[1]
    assert not {"gen_ai.request.stream", "gen_ai.response.time_to_first_chunk", "gen_ai.conversation.id"} & {
        *call.attributes
    }
    assert "entrepot.cost.nano_usd" not in call.attributes


def test_a_name_that_only_the_client_knows_is_not_told() -> None:
    (refused,) = spans(state="refused", status=404, route=None, served=None, asked_model="my secret words")
    assert refused.name == "chat"
    assert "my secret words" not in str(refused)
    assert not refused.failed


@pytest.mark.parametrize(
    ("state", "status", "failed"), [("broken", 200, True), ("failed", 503, True), ("client_gone", 499, False)]
)
def test_an_exchange_failed_where_its_client_got_no_answer_by_our_fault(state: str, status: int, failed: bool) -> None:
    assert spans(an_attempt(), state=state, status=status)[0].failed is failed


def test_no_span_is_kept_of_what_is_not_recorded() -> None:
    assert spans(an_attempt(), trace=None) == []
    assert spans(an_attempt(), trace=msgspec.structs.replace(TRACE, recorded=False)) == []
    begun = spans(an_attempt(), trace=Trace(ID.replace("-", ""), None, 1, recorded=True))
    assert (begun[0].parent, begun[1].parent) == (None, begun[0].span)
