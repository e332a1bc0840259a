"""Another deployment asked beside what was sent: real processes, stand-in providers, and clients who notice nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from entrepot.exchange.outcome_plan import Judging, OutcomePlan, SampledCheck, Shadowing
from entrepot.exchange.plan import Route
from entrepot.exchange.records import Entry
from entrepot.ledger.sqlite import open_sqlite_reader
from entrepot.policy.budgets import Budget
from entrepot.policy.rules import Rule, When
from entrepot.reports.shadows import Beside, measure_shadows
from entrepot.routing.validator import Validator
from entrepot.settings.shadows import budget_of
from entrepot.simulator.plan import AnswerKey, Plan, StandInModel, StandInProvider
from tests.end_to_end.world import (
    CHEAP,
    CHEAP_CNY,
    DEAR,
    FAULTS,
    PROVIDER_SECRET,
    PUBLIC_SECTOR_KEY,
    World,
    eventually,
    settings_for,
    simulator_in_thread,
    world_of,
)

pytestmark = pytest.mark.end_to_end

QUESTION, RIGHT = "What does a crate of tea weigh here, in pounds?", "4711"
SENT, BAD, GOOD = "dear/large", "cheap/small", "yuan/middle"
RIGHT_ONES = SampledCheck("right", Validator(regex=RIGHT), share=0.0)
NO_STORE = {"x_entrepot_no_store": "1"}
KNOWING = Plan(
    providers=(
        StandInProvider("cheap", (StandInModel("small", CHEAP, skill=-40.0),), key=PROVIDER_SECRET),
        StandInProvider("dear", (StandInModel("large", DEAR, skill=40.0),), key=PROVIDER_SECRET),
        StandInProvider("yuan", (StandInModel("middle", CHEAP_CNY, skill=40.0),), key=PROVIDER_SECRET),
    ),
    keys=(AnswerKey("tea", QUESTION, RIGHT),),
)


@contextlib.contextmanager
def shadowed(directory: Path, *candidates: str, usd_per_day: str = "1", **changes: Any) -> Iterator[World]:
    """An installation whose route `auto` asks `candidates` beside every exchange."""
    outcomes = changes.pop("outcomes", OutcomePlan(checks=(RIGHT_ONES,)))
    shadow = Shadowing(candidates, 1.0, "checks" if outcomes.judging is None else "judges")
    route = Route("auto", (SENT,), max_output_tokens=200, outcomes=msgspec.structs.replace(outcomes, shadow=shadow))
    budgets = (budget_of("auto", Decimal(usd_per_day)), *changes.pop("budgets", ()))
    with simulator_in_thread(KNOWING) as simulator:
        settings = settings_for(simulator, directory, routes=(route,), budgets=budgets, **changes)
        with world_of(simulator, settings) as entrepot:
            assert eventually(lambda: entrepot.chat("auto", "Are you ready?", headers=NO_STORE)[0] == 200, 20)
            yield entrepot


def entries(entrepot: World) -> list[Entry]:
    with open_sqlite_reader(entrepot.directory) as reader:
        return [msgspec.msgpack.decode(document, type=Entry) for document in reader.documents()]


def shadows(entrepot: World) -> list[Entry]:
    return [entry for entry in entries(entrepot) if entry.shadow is not None]


def beside(entrepot: World) -> tuple[Beside, ...]:
    with open_sqlite_reader(entrepot.directory) as reader:
        return measure_shadows(reader)


def counted(entrepot: World, result: str, number: int) -> bool:
    """Whether so many exchanges that were drawn came to this."""
    _, _, page = entrepot.request("//metrics", key=None)
    return f'entrepot_shadows_total{{result="{result}"}} {number}\n'.encode() in page


def test_a_worse_and_a_better_one_are_told_apart_by_checks_and_clients_notice_nothing(tmp_path: Path) -> None:
    with shadowed(tmp_path / "ledger", BAD, GOOD) as entrepot:
        asked = []
        for number in range(12):
            status, headers, answer = entrepot.chat("auto", QUESTION, stream=number % 2 == 1)
            assert status == 200
            assert headers["x-entrepot-deployment"] == SENT
            assert RIGHT in (answer.decode() if isinstance(answer, bytes) else json.dumps(answer))
            asked.append(headers["x-entrepot-exchange"])
        assert eventually(lambda: sum(one.better + one.equal + one.worse for one in beside(entrepot)) == 12, 30)
        found = {one.asked.deployment: one for one in beside(entrepot)}
        assert found.keys() == {BAD, GOOD}
        bad, good = found[BAD], found[GOOD]
        assert (bad.better, bad.equal, bad.worse) == (0, 0, bad.asked.shadows)
        assert (good.better, good.worse) == (0, 0)
        assert bad.difference is not None
        assert bad.difference.estimate == -1.0

        assert eventually(lambda: len(entries(entrepot)) == 25)
        told = shadows(entrepot)
        assert sorted(one.shadow.of for one in told if one.shadow is not None) == sorted(asked)
        for one in told:
            assert (one.key, one.team, one.route, one.state) == ("shadow", None, "auto", "completed")
            assert one.shadow is not None
            assert (one.shadow.share, one.shadow.sent_by) == (0.5, SENT)
            assert "shadow" in one.tags
            assert one.cost_nano_usd
        with open_sqlite_reader(entrepot.directory) as reader:
            totals = reader.totals()
            assert (totals.exchanges, totals.shadows) == (13, 12)
            assert totals.shadow_nano_usd == sum(one.cost_nano_usd or 0 for one in told)
            assert [group.values for group in reader.totals_by(("model",))] == [("large",)]
            assert sum(part.exchanges for part in reader.comparisons()) == 13
            assert not [one for one in reader.told() if one.deployment != SENT]
            assert reader.verify().sound
        assert counted(entrepot, "answered", 12)


def test_judges_read_both_answers_blind_and_what_is_not_to_be_read_is_not_asked_again(tmp_path: Path) -> None:
    outcomes = OutcomePlan(judging=Judging(0.0, (SENT, GOOD), "right"))
    budget = Budget("judges", Decimal("0.5"), "day", key="judges")
    with shadowed(tmp_path / "ledger", BAD, outcomes=outcomes, budgets=(budget,)) as entrepot:
        for _ in range(2):
            assert entrepot.chat("auto", QUESTION)[0] == 200
        assert entrepot.chat("auto", QUESTION, headers=NO_STORE)[0] == 200
        assert eventually(lambda: sum(one.worse for one in beside(entrepot)) == 2, 30)
        assert eventually(lambda: sum(one.key == "judges" for one in entries(entrepot)) == 4)
        judging = [one for one in entries(entrepot) if one.key == "judges"]
        assert {one.served.deployment for one in judging if one.served is not None} == {GOOD}
        assert len(judging) == 4
        assert len(shadows(entrepot)) == 2


def test_rules_hold_for_what_is_asked_beside_and_so_does_what_it_may_cost(tmp_path: Path) -> None:
    kept_nothing = Rule("nothing of bob's is kept", When(keys=("bob",)), no_store=True)
    with simulator_in_thread(KNOWING) as simulator:
        rules = (*settings_for(simulator, tmp_path).rules, kept_nothing)
    with shadowed(tmp_path / "ledger", GOOD, rules=rules) as entrepot:
        assert entrepot.chat("auto", QUESTION, key=PUBLIC_SECTOR_KEY)[0] == 200
        assert eventually(lambda: counted(entrepot, "not_allowed", 1), 20)
        assert entrepot.chat("auto", QUESTION, key="ent-test-key-of-bob")[0] == 200
        assert entrepot.chat("auto", QUESTION)[0] == 200
        assert eventually(lambda: counted(entrepot, "answered", 1), 20)
        assert eventually(lambda: len(shadows(entrepot)) == 1)
        (told,) = shadows(entrepot)
        assert told.tags == ("shadow", "小组")
    with shadowed(tmp_path / "poor", GOOD, usd_per_day="0.000000001") as entrepot:
        assert entrepot.chat("auto", QUESTION)[0] == 200
        assert eventually(lambda: counted(entrepot, "not_let_in", 1), 20)
        assert shadows(entrepot) == []


def test_one_that_fails_or_hangs_delays_and_fails_nobody(tmp_path: Path) -> None:
    broken = [f"faulty/{fault}" for fault in FAULTS if fault in ("status:500", "hang", "close-midway", "refuse")]
    with shadowed(tmp_path / "ledger", *broken) as entrepot:
        for _ in range(16):
            status, headers, _ = entrepot.chat("auto", QUESTION)
            assert (status, headers["x-entrepot-deployment"]) == (200, SENT)
        assert eventually(lambda: counted(entrepot, "failed", 16), 60)
        assert eventually(lambda: len(shadows(entrepot)) == 16)
        assert not [one for one in shadows(entrepot) if one.state == "completed"]
        (one, *_) = beside(entrepot)
        assert (one.better, one.equal, one.worse, one.difference) == (0, 0, 0, None)
