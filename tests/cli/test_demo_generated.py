from pathlib import Path
from typing import Any

import msgspec
import pytest

from entrepot.catalog.load import load_catalog
from entrepot.cli.demo_generated import HOLDOUT, MAX_LOSS, Figures, settings_of
from entrepot.cli.demo_report import preface, tables_of, tabulate_cast
from entrepot.cli.demo_stage import Stage
from entrepot.ledger.store import Sums
from entrepot.reports.added_time import AddedTime
from entrepot.reports.render import Quantity, Table
from entrepot.reports.savings import Range, Savings
from entrepot.reports.share import Share
from entrepot.simulator.cast import FRONTIER, ROLES, build_cast
from entrepot.simulator.process import Addresses
from entrepot.simulator.tasks import generate_tasks
from entrepot.simulator.verdict import Quality, kept
from entrepot.statistics.intervals import proportion_interval

CATALOG = load_catalog()
CAST = build_cast(CATALOG, seed=1, tasks=40, key="sk-simulated")


def figures(**changes: Any) -> Figures:
    def side(right: int) -> Quality:
        return Quality((True,) * right + (False,) * (40 - right), 0, proportion_interval(right, 40))

    savings = Savings(40, 100, 0, 0, 0, 0, 0, 0.95, baseline=Range(300, 200, 400), saving=Range(200, 100, 300))
    made = Figures(
        tasks=generate_tasks(1, 40),
        routed=side(36),
        frontier=side(38),
        difference=kept(side(36), side(38)),
        savings=savings,
        shares=(Share("model", (), Sums()),),
        added=AddedTime(40, 0.5, 2.0),
        billed_nano_usd=100,
        ledger_nano_usd=100,
        baseline_nano_usd=350,
    )
    return msgspec.structs.replace(made, **changes)


def table(made: Figures, name: str) -> Table:
    return next(each for each in tables_of(made) if each.name == name)


@pytest.mark.parametrize(("cost", "covered"), [(199, False), (200, True), (400, True), (401, False)])
def test_the_interval_holds_what_lies_between_its_ends(cost: int, covered: bool) -> None:
    made = figures(baseline_nano_usd=cost)
    assert made.covered is covered
    assert any(("does NOT hold" in note) is not covered for note in table(made, "check").notes if "interval" in note)


def test_all_is_well_only_if_all_answered_and_the_books_agree() -> None:
    assert figures().well
    assert not figures(ledger_nano_usd=101).well
    assert not figures(routed=msgspec.structs.replace(figures().routed, failed=1)).well
    assert any("does NOT agree" in note for note in table(figures(ledger_nano_usd=101), "check").notes)


def test_the_saving_that_was_measured_is_the_baselines_bill_less_ours() -> None:
    told = [row[1] for row in table(figures(), "check").rows]
    assert Quantity(250, "nano_usd") in told
    assert Quantity(250 / 350, "fraction") in told


def test_quality_is_told_with_what_was_kept() -> None:
    rows = table(figures(), "quality").rows
    assert [row[2] for row in rows] == [pytest.approx(0.9), pytest.approx(0.95), pytest.approx(-0.05)]
    assert "5 requests were not answered" in " ".join(
        table(figures(frontier=msgspec.structs.replace(figures().frontier, failed=5)), "quality").notes
    )


def test_auto_is_held_against_the_frontier_and_measured_by_a_holdout(tmp_path: Path) -> None:
    stage = Stage("ent-key", tmp_path)
    settings = settings_of(
        stage,
        CAST,
        Addresses("http://127.0.0.1:9", {}, dict.fromkeys((each.provider for each in ROLES), "/v1")),
        CATALOG.exchange_rates,
        "env:K",
    )
    (route,) = settings.routes
    assert (route.name, route.reference, route.baseline, route.holdout) == ("auto", FRONTIER, FRONTIER, HOLDOUT)
    assert route.goal.max_loss == MAX_LOSS
    assert len(route.candidates) == len(CAST.players) == len(settings.deployments)
    assert "ent-key" not in repr(settings)


def test_it_is_said_first_that_the_providers_are_simulated_and_how() -> None:
    said = preface(40, 7)
    assert said.startswith("The providers in this demonstration are SIMULATED")
    for fact in ("40 tasks", "seed 7", "answer keys", "published", "no router can see", "over the wire", FRONTIER):
        assert fact in said


def test_the_stand_ins_are_listed_with_place_score_and_price() -> None:
    rows = tabulate_cast(CAST).rows
    assert len(rows) == len(CAST.players)
    assert all(0 < row[3] < 1 for row in rows if isinstance(row[3], float))
