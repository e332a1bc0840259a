"""What a trial has seen: sessions that count once, in the order in which they became known, and never otherwise later."""

from __future__ import annotations

import random

from entrepot.control.trials import Terms, plan_stages
from entrepot.exchange.outcome import Outcome, OutcomeSource
from entrepot.exchange.records import AttemptRecord, Served
from entrepot.learning.trial_evidence import Asked, Evidence, Settled, TrialEntry, read
from entrepot.ledger.checks import SAMPLE_SERVED
from entrepot.routing.trial import Arm, Trying
from entrepot.statistics.ladder import Step, decide
from entrepot.statistics.margin import Verdict

SECOND = 1_000_000_000
ASKED = Asked("t", "new/model", True, 0, 0, 1000.0, 10 * SECOND, most_usd=0.01, cost_ratio=1.0)


def entry(id_: str, unit: int, arm: Arm = "new", at_s: int = 0, **facts: object) -> TrialEntry:
    served = Served("new/model" if arm == "new" else "old/model", *_FACTS)
    told = {"duration_ms": 500.0, "cost_nano_usd": 1_000_000, "served": served, "state": "completed", **facts}
    return TrialEntry(id_, at_s * SECOND, trial=Trying("t", "50 %", 0, arm, 0.5, unit), **told)  # type: ignore[arg-type]  # facts of any kind


_FACTS = tuple(getattr(SAMPLE_SERVED, name) for name in Served.__struct_fields__[1:])


def said(exchange: str, score: float, source: OutcomeSource = "user", at_s: int = 1) -> Outcome:
    return Outcome(f"{exchange}/{score}/{source}", exchange, at_s * SECOND, source, "somebody", score)


def test_a_session_counts_once_it_is_over_with_all_its_exchanges_and_what_comes_later_is_left_out() -> None:
    found = Evidence(ASKED)
    found.hear_entry(entry("a", 1))
    found.hear_entry(entry("b", 1, at_s=5, duration_ms=2000.0))
    found.hear_entry(entry("b", 1, at_s=5, duration_ms=2000.0))
    found.settle(12 * SECOND)
    assert found.settled == []
    found.settle(17 * SECOND)
    assert found.settled == [Settled(True, 0.0, 0.0, 0.5, 0.002)]
    found.hear_entry(entry("c", 1, at_s=100))
    found.settle(200 * SECOND)
    assert len(found.settled) == 1


def test_quality_is_what_was_said_by_then_and_stays_so() -> None:
    found = Evidence(ASKED)
    found.hear_outcome(said("b", 1.0))  # it may be here before its entry
    for id_, unit in (("a", 1), ("b", 2)):
        found.hear_entry(entry(id_, unit))
    found.hear_outcome(said("a", 0.0, "sign"))
    found.settle(20 * SECOND)
    assert found.judged == [(True, 1.0)]
    found.hear_outcome(said("b", 0.0))
    found.hear_outcome(said("a", 0.25))
    found.settle(21 * SECOND)
    assert found.judged == [(True, 1.0), (True, 0.25)]


def test_other_trials_other_stages_and_what_was_before_are_nobodys_evidence() -> None:
    found = Evidence(ASKED._replace(since_ns=3 * SECOND))
    found.hear_entry(entry("before", 1, at_s=2))
    found.hear_entry(TrialEntry("none", 5 * SECOND, "completed", 1.0))
    for trying in (Trying("other", "50 %", 0, "new", 0.5, 3), Trying("t", "20 %", 1, "new", 0.2, 4)):
        found.hear_entry(TrialEntry(f"{trying.unit}", 5 * SECOND, "completed", 1.0, trial=trying))
    found.settle(100 * SECOND)
    assert found.settled == []


def test_an_answer_of_somebody_else_is_an_error_of_who_was_to_give_it_and_a_client_that_left_is_none() -> None:
    found = Evidence(ASKED)
    other = Served("old/model", *_FACTS)
    failed = AttemptRecord(0, "old/model", "m", "p", 500, 1.0, failure="content_filter")
    for unit, facts in enumerate(
        (
            {"served": other},
            {"state": "failed", "served": None},
            {"state": "client_gone"},
            {"arm": "running", "attempts": (failed,)},
            {"arm": "running", "cost_nano_usd": None},
        )
    ):
        found.hear_entry(entry(str(unit), unit, **facts))  # type: ignore[arg-type]  # facts of any kind
    found.settle(100 * SECOND)
    assert [one.errors for one in found.settled] == [1.0, 1.0, 0.0, 1.0, 0.0]
    assert [one.refusals for one in found.settled] == [0.0, 0.0, 0.0, 1.0, 0.0]
    assert found.settled[-1].cost_usd is None


def told_of(good: float, cost: float, errors: float, seed: int) -> Evidence:
    """What is seen of a new arm like this, against one that is good in 8 of 10 cases and costs a tenth of a cent."""
    chance, found = random.Random(seed), Evidence(ASKED)
    for unit in range(6000):
        arm: Arm = "new" if chance.random() < 0.5 else "running"
        new = arm == "new"
        bad = chance.random() < (errors if new else 0.02)
        price = round((cost if new else 1.0) * chance.uniform(0.5, 1.5) * 1_000_000)
        found.hear_entry(
            entry(str(unit), unit, arm, at_s=unit, state="failed" if bad else "completed", cost_nano_usd=price)
        )
        found.hear_outcome(said(str(unit), float(chance.random() < (good if new else 0.8))))
    found.settle(10**6 * SECOND)
    return found


def test_gates_let_up_who_is_as_good_and_cheaper_and_take_out_who_is_worse_in_anything() -> None:
    (planned,) = plan_stages(Terms(cost_ratio=1.0, saving=0.4, mean_usd=0.001, most_usd=0.01, shares=(0.5,)))
    good = read(told_of(0.8, 0.6, 0.02, 1), planned)
    assert {name for name, one in good.items() if one.verdict is Verdict.PASSED} >= {"quality", "cost", "errors"}
    assert decide(planned, good, 6000).step is Step.ADVANCE
    for name, (quality, cost, errors) in {
        "quality": (0.6, 0.6, 0.02),
        "cost": (0.8, 2.0, 0.02),
        "errors": (0.8, 0.6, 0.2),
    }.items():
        found = decide(planned, read(told_of(quality, cost, errors, 2), planned), 6000)
        assert found.step is Step.ROLL_BACK
        assert name in found.because
