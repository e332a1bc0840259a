"""What a shadow stage has seen: one pair a session, in the order in which it became known which answer was the better."""

from __future__ import annotations

import random

import pytest

from entrepot.control.trials import Terms, plan_stages
from entrepot.exchange.outcome import PAIR, Outcome
from entrepot.exchange.records import AttemptRecord, Served, Shadow, State
from entrepot.learning.trial_evidence import Asked, Evidence, TrialEntry
from entrepot.learning.trial_pairs import Both, Pairs, read_stage
from entrepot.ledger.checks import SAMPLE_SERVED
from entrepot.statistics.ladder import Step, decide
from entrepot.statistics.margin import Verdict

SECOND = 1_000_000_000
WANTED = Asked("t", "new/model", True, 0, 10 * SECOND, 1000.0, 10 * SECOND, most_usd=0.01, cost_ratio=1.0)
SERVED = Served("new/model", *(getattr(SAMPLE_SERVED, name) for name in Served.__struct_fields__[1:]))
TERMS = Terms(cost_ratio=1.0, saving=0.4, mean_usd=0.001, most_usd=0.01, compare="judges", settle_s=10.0)


def shadow(
    id_: str,
    unit: int,
    *,
    at_s: int = 20,
    state: State = "completed",
    usd: float | None = 0.001,
    sent_usd: float | None = 0.002,
    trial: str | None = "t",
    stage: int = 0,
    asked: str | None = "new/model",
    ms: float = 500.0,
    sent_ms: float = 400.0,
    again: bool = False,
    cached: bool = False,
) -> TrialEntry:
    def nano(cost: float | None) -> int | None:
        return None if cost is None else round(cost * 1e9)

    attempts = () if asked is None else (AttemptRecord(0, asked, "m", "p", 200, ms),)
    told = Shadow(f"of {id_}", 0.1, unit, "old/model", nano(sent_usd), sent_ms, again, trial, stage, cached)
    return TrialEntry(id_, at_s * SECOND, state, ms, nano(usd), SERVED, attempts, None, told)


def said(exchange: str, score: float | None, who: str = "a judge", at_s: int = 21, label: str = PAIR) -> Outcome:
    return Outcome(f"{exchange}/{who}/{label}", exchange, at_s * SECOND, "judge", who, score, label)


def test_a_pair_counts_once_all_judges_had_time_and_stays_as_it_was_then() -> None:
    seen = Pairs(WANTED)
    seen.hear_outcome(said("b", 0.0))  # it may be here before its entry
    seen.hear_entry(shadow("b", 2))
    seen.hear_entry(shadow("a", 1))
    seen.hear_outcome(said("a", 1.0, at_s=22))
    seen.settle(30 * SECOND)
    assert seen.judged == []
    seen.hear_outcome(said("a", 0.0, "another", at_s=25))
    seen.settle(40 * SECOND)
    assert seen.judged == [0.0, 0.5]
    seen.hear_outcome(said("b", 1.0, "too late", at_s=41))
    seen.hear_entry(shadow("a", 1))
    seen.hear_outcome(said("a", 1.0, at_s=22))
    seen.settle(90 * SECOND)
    assert (seen.judged, seen.units, seen.asked, seen.answered) == ([0.0, 0.5], 2, 2, 2)


def test_a_conversation_is_one_observation_that_of_its_first_pair() -> None:
    seen = Pairs(WANTED)
    seen.hear_entry(shadow("first", 1, state="failed", usd=None))
    for id_, score in (("second", 1.0), ("third", 0.0)):
        seen.hear_entry(shadow(id_, 1))
        seen.hear_outcome(said(id_, score))
    seen.settle(100 * SECOND)
    assert seen.judged == [1.0]
    assert seen.both == [Both((1.0, 0.0), (0.0, 0.0), None)]
    assert (seen.asked, seen.answered) == (3, 2)


@pytest.mark.parametrize(
    "other",
    [
        shadow("x", 1, trial=None),
        shadow("x", 1, trial="another"),
        shadow("x", 1, stage=1),
        shadow("x", 1, at_s=9),
        shadow("x", 1, asked="other/model"),
        shadow("x", 1, asked=None),
        TrialEntry("x", 20 * SECOND, "completed", 1.0),
    ],
)
def test_what_is_no_shadow_of_this_stage_of_this_deployment_is_nobodys_evidence(other: TrialEntry) -> None:
    seen = Pairs(WANTED)
    seen.hear_entry(other)
    seen.hear_outcome(said("x", 1.0))
    seen.settle(100 * SECOND)
    assert (seen.asked, seen.both, seen.judged) == (0, [], [])


def test_what_has_no_score_and_what_is_no_comparison_says_nothing() -> None:
    seen = Pairs(WANTED)
    seen.hear_entry(shadow("a", 1))
    seen.hear_outcome(said("a", None))
    seen.hear_outcome(said("a", 0.0, label="good"))
    seen.hear_outcome(said("a", 0.0, at_s=9))
    seen.settle(100 * SECOND)
    assert seen.judged == []


def test_costs_are_compared_where_both_are_known_and_nothing_that_was_sent_was_read_from_a_cache() -> None:
    seen = Pairs(WANTED)
    told: list[dict[str, object]] = [{}, {"cached": True}, {"usd": None}, {"sent_usd": None}, {"state": "broken"}]
    for unit, facts in enumerate(told):
        seen.hear_entry(shadow(str(unit), unit, **facts))  # type: ignore[arg-type]  # facts of any kind
    assert [one.cost_usd for one in seen.both] == [(0.001, 0.002), None, None, None, None]
    seen.hear_entry(shadow("slow", 9, ms=2000.0, again=True))
    assert seen.both[-1][:2] == ((0.0, 1.0), (1.0, 0.0))


def told_of(better: float, worse: float, usd: float, errors: float, slow: float, seed: int, pairs: int) -> Pairs:
    """What is seen of shadows that are the better, and the worse, so often, against answers of a tenth of a cent."""
    chance, seen = random.Random(seed), Pairs(WANTED)
    for unit in range(pairs):
        failed, late = chance.random() < errors, chance.random() < slow
        seen.hear_entry(
            shadow(
                str(unit),
                unit,
                state="failed" if failed else "completed",
                usd=usd * chance.uniform(0.5, 1.5),
                sent_usd=0.001 * chance.uniform(0.5, 1.5),
                ms=5000.0 if late else 500.0,
                again=chance.random() < 0.02,
            )
        )
        if not failed:
            lot = chance.random()
            seen.hear_outcome(said(str(unit), 1.0 if lot < better else 0.0 if lot < better + worse else 0.5))
    seen.settle(10**6 * SECOND)
    return seen


def test_an_equal_one_is_let_up_within_the_size_planned_and_one_that_is_worse_in_anything_is_taken_out() -> None:
    planned, *later = plan_stages(TERMS)
    assert (planned.stage.name, planned.stage.share) == ("shadow", None)
    assert all(one.stage.share for one in later)
    up = [decide(planned, read_stage(one, planned), one.units).step for one in equals(planned.units)]
    assert up.count(Step.ADVANCE) >= 18
    assert Step.ROLL_BACK not in up
    for name, (better, worse, usd, errors, slow) in {
        "quality": (0.1, 0.5, 0.0006, 0.02, 0.0),
        "cost": (0.25, 0.25, 0.003, 0.02, 0.0),
        "errors": (0.25, 0.25, 0.0006, 0.2, 0.0),
        "latency": (0.25, 0.25, 0.0006, 0.02, 0.4),
    }.items():
        seen = told_of(better, worse, usd, errors, slow, 7, 1000)
        found = decide(planned, read_stage(seen, planned), seen.units)
        assert (found.step, name in found.because) == (Step.ROLL_BACK, True), name


def equals(pairs: int) -> list[Pairs]:
    return [told_of(0.25, 0.25, 0.0006, 0.0, 0.0, seed, pairs) for seed in range(20)]


def test_one_that_is_worse_by_the_margin_is_hardly_ever_let_up_however_often_one_looks() -> None:
    planned = plan_stages(TERMS)[0]
    worse = [told_of(0.2, 0.3, 0.0006, 0.0, 0.0, seed, 2 * planned.units) for seed in range(40)]
    passed = sum(read_stage(one, planned)["quality"].verdict is Verdict.PASSED for one in worse)
    assert passed <= 5, "at most 1 in 20 is promised of each, and the luck of 40 draws allowed"


def test_a_stage_that_has_seen_nothing_says_nothing_and_others_are_read_as_ever() -> None:
    planned, other, *_ = plan_stages(TERMS)
    assert read_stage(Pairs(WANTED), planned) == {}
    assert read_stage(Evidence(WANTED), other) == {}
    without = Pairs(WANTED._replace(cost_ratio=0.0))
    without.hear_entry(shadow("a", 1))
    assert read_stage(without, planned).keys() == {"errors", "latency"}
