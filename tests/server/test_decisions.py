from __future__ import annotations

import json

import msgspec

from entrepot.canonical.response import Usage
from entrepot.exchange.entries import entry_of
from entrepot.exchange.records import AttemptRecord, Baseline, Entry
from entrepot.routing.utility import Decision, Goal, Weighed
from entrepot.server.decisions import render_decision
from tests.exchange.transcript import candidate, plan_for

ATTEMPT = AttemptRecord(
    number=0,
    deployment="a/m",
    model="m",
    provider="a",
    status=200,
    duration_ms=12.3456789,
    usage=Usage(input_tokens=3, output_tokens=5),
    cost_nano_usd=1_400,
    cost_nano=10_000,
    currency="CNY",
    answered=True,
)


def an_entry() -> Entry:
    plan = plan_for(candidate("a/m"))
    decision = Decision(("a/m",), (Weighed("a/m", "m", 0.5, 0.1, 20.0, 0.001, "outcomes", 1.0),), "因为便宜", Goal())
    plan = msgspec.structs.replace(plan, decision=decision)
    entry = entry_of(plan, [ATTEMPT], "completed", 200, plan.started_s + 1)
    return msgspec.structs.replace(entry, baseline=Baseline("b/m", "m", 2_000_000_001, 7, False))


def test_money_is_exact_text_in_its_own_currency() -> None:
    shown = render_decision(an_entry())
    assert shown["cost_usd"] == "0.000001400"
    assert (shown["attempts"][0]["cost"], shown["attempts"][0]["cost_usd"]) == ("0.000010000", "0.000001400")
    assert shown["attempts"][0]["currency"] == "CNY"
    assert (shown["baseline"]["cost_usd"], shown["baseline"]["error_usd"]) == ("2.000000001", "0.000000007")


def test_what_is_unknown_is_null() -> None:
    attempt = msgspec.structs.replace(ATTEMPT, cost_nano=None, cost_nano_usd=None)
    entry = msgspec.structs.replace(an_entry(), cost_nano_usd=None, baseline=None, attempts=(attempt,), served=None)
    shown = render_decision(entry)
    assert (shown["cost_usd"], shown["baseline"], shown["served"], shown["first_token_ms"]) == (None, None, None, None)
    assert (shown["attempts"][0]["cost"], shown["attempts"][0]["cost_usd"]) == (None, None)


def test_it_is_plain_json_and_explains_itself() -> None:
    shown = json.loads(msgspec.json.encode(render_decision(an_entry())))
    assert shown["object"] == "entrepot.decision"
    assert shown["started_at"] == "1970-01-01T00:00:01+00:00"
    assert shown["decision"]["reason"] == "因为便宜"
    assert shown["decision"]["candidates"][0]["propensity"] == 1.0
    assert shown["attempts"][0]["duration_ms"] == 12.3456789
