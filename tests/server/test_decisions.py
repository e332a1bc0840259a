from __future__ import annotations

import json
import tempfile

import msgspec

from entrepot.canonical.response import Usage
from entrepot.exchange.entries import entry_of
from entrepot.exchange.records import AttemptRecord, Baseline, Entry, Expected, Grounds
from entrepot.ledger.sqlite import open_sqlite
from entrepot.reports.savings import measure_savings
from entrepot.routing.holdout import Lot
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


def test_a_saving_is_taken_apart_as_the_report_takes_it() -> None:
    lost = msgspec.structs.replace(ATTEMPT, answered=False, cost_nano_usd=600)
    baseline = Baseline(
        "b/m", "m", 10_000, 7, False, as_long_nano_usd=8_000, as_long_uncached_nano_usd=9_000, uncached_nano_usd=1_700
    )
    entry = msgspec.structs.replace(
        an_entry(),
        cost_nano_usd=2_000,
        attempts=(lost, ATTEMPT),
        baseline=baseline,
        lot=Lot("b/m", 0.1, False, 1 << 55),
    )
    saving = render_decision(entry)["saving"]
    amounts = {name: round(float(usd) * 1e9) for name, usd in saving.items()}
    assert amounts == {"usd": 8_000, "price_usd": 7_300, "length_usd": 2_000, "cache_usd": -700, "in_vain_usd": -600}
    with tempfile.TemporaryDirectory() as folder, open_sqlite(folder) as store:
        store.insert([entry])
        parts = measure_savings(store).parts
    assert parts is not None
    assert [parts.price, parts.length, parts.cache, parts.in_vain] == [7_300, 2_000, -700, -600]
    assert parts.rest == 0
    assert render_decision(entry)["lot"] == {
        "baseline": "b/m", "share": 0.1, "drawn": False, "baseline_usd": None, "routed_usd": None,
    }  # fmt: skip
    for unsaved in ({"baseline": None}, {"state": "broken"}, {"cost_nano_usd": None}):
        assert render_decision(msgspec.structs.replace(entry, **unsaved))["saving"] is None
    measured = msgspec.structs.replace(entry, baseline=Baseline("b/m", "m", 2_000, 0, True, 1_900))
    shown = render_decision(measured)
    assert (shown["saving"]["usd"], shown["saving"]["length_usd"]) == ("0.000000000", None)
    assert shown["baseline"]["predicted_usd"] == "0.000001900"


def test_what_the_decision_rested_on_is_told_by_name() -> None:
    grounds = Grounds(120, ("tools",), 2, 500, ("DE",), ("de", "en"), ("search",), 1 << 60, (250, -1000, 12))
    entry = msgspec.structs.replace(
        an_entry(), grounds=grounds, language="de", client_region="DE", expected=Expected(0.8, None, 0.9)
    )
    shown = json.loads(msgspec.json.encode(render_decision(entry)))
    assert shown["grounds"] == {
        "input_tokens": 120,
        "needs": ["tools"],
        "answers": 2,
        "max_output_tokens": 500,
        "client_regions": ["DE"],
        "languages": ["de", "en"],
        "tools": ["search"],
        "session": True,
        "traits": [0.25, -1.0, 0.012],
    }
    assert (shown["language"], shown["client_region"], shown["dialect"]) == ("de", "DE", entry.dialect)
    assert shown["expected"] == {"served": 0.8, "reference": None, "best": 0.9}
    assert shown["charged_usd"] == shown["cost_usd"]


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
