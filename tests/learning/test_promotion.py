from __future__ import annotations

import msgspec
import numpy as np
import pytest

from entrepot.exchange.records import Deliberation
from entrepot.learning.promotion import Versions, judge
from entrepot.routing.correction import NOTHING, Adjustment, Correction
from entrepot.routing.guarantee import Promise
from entrepot.routing.holdout import Lot
from entrepot.routing.trial import Trying
from entrepot.routing.utility import Goal
from entrepot.routing.worth import Knob
from tests.learning.lived import RAN, VERSION, changed, lived

CHEAP_IS_BAD = Correction(models={"cheap": Adjustment(1.0, -2.5, 0.0)})


def versions(candidate: Correction) -> Versions:
    return Versions(RAN, candidate, {}, {})


def test_the_difference_found_covers_the_true_one() -> None:
    later = lived(CHEAP_IS_BAD, 4000, 11)
    verdict = judge(later, versions(CHEAP_IS_BAD), 0.05)
    assert verdict.promote
    assert verdict.later == 4000
    assert 200 < verdict.differing < 4000
    assert verdict.comparison is not None
    assert verdict.comparison.unsupported == 0
    assert 0 < verdict.comparison.difference.low < verdict.comparison.difference.estimate


def test_a_worse_candidate_is_not_promoted_however_much_is_known() -> None:
    knows = {VERSION: CHEAP_IS_BAD}
    later = lived(CHEAP_IS_BAD, 4000, 12, running=CHEAP_IS_BAD)
    verdict = judge(later, Versions(knows, NOTHING, {}, {}), 0.05)
    assert not verdict.promote
    assert verdict.comparison is not None
    assert verdict.comparison.difference.high < 0


def test_a_candidate_that_would_choose_the_same_changes_nothing() -> None:
    verdict = judge(lived(NOTHING, 50, 13), versions(NOTHING), 0.05)
    assert (verdict.promote, verdict.differing) == (False, 0)
    assert verdict.why == "it would have chosen as what ran did"


@pytest.mark.parametrize(
    "fields",
    [
        {"trial": Trying("t", "5 %", 0, "new", 0.05, 1)},
        {"deliberation": Deliberation("agreement", "asked two")},
    ],
    ids=["on trial", "several asked"],
)
def test_what_was_settled_otherwise_would_have_been_settled_so_with_the_candidate(fields: dict[str, object]) -> None:
    later = [changed(one, **fields) for one in lived(CHEAP_IS_BAD, 100, 14)]
    assert judge(later, versions(CHEAP_IS_BAD), 0.05).differing == 0


def test_what_the_holdout_gives_to_the_baseline_stays_the_baselines() -> None:
    later = []
    for one in lived(CHEAP_IS_BAD, 300, 15):
        assert one.entry.decision is not None
        held = [
            msgspec.structs.replace(each, propensity=0.8 * each.propensity + 0.2 * (each.model == "dear"))
            for each in one.entry.decision.candidates
        ]
        decision = msgspec.structs.replace(one.entry.decision, candidates=tuple(held))
        later.append(changed(one, decision=decision, lot=Lot("x/dear", 0.2, False, 1)))
    found = judge(later, versions(CHEAP_IS_BAD), 0.05)
    assert found.comparison is not None
    assert found.comparison.unsupported == 0
    assert np.isfinite(found.comparison.dr)


def test_a_candidate_with_which_a_floor_could_not_be_promised_is_not_promoted() -> None:
    promise = Promise("x/dear", 0.02, 0.95, 3, 100, 0.01, "d", "2026-11-20")
    kept = Knob(0.05, 0.0, 0.5, 0.5, 100, True, promise=promise)
    refused = msgspec.structs.replace(kept, promise=msgspec.structs.replace(promise, setting=None))
    asked = Versions(RAN, CHEAP_IS_BAD, {"auto": kept}, {"auto": refused})
    verdict = judge(lived(CHEAP_IS_BAD, 2000, 16), asked, 0.05)
    assert not verdict.promote
    assert verdict.why == "the floor of route 'auto' could not be promised with it"


def test_where_no_worth_says_what_quality_buys_a_dearer_candidate_is_not_promoted() -> None:
    each = Goal("cheapest_within", max_loss=0.3, each_request=True)
    later = []
    for one in lived(Correction(models={"cheap": Adjustment(1.0, -3.0, 0.0)}), 3000, 17):
        assert one.entry.decision is not None
        later.append((one, one.entry.decision))
    told = []
    for one, decision in later:
        known = {item.model: item.p_correct or 0.0 for item in decision.candidates}
        cheapest = next(name for name in ("cheap", "middle", "dear") if known[name] >= max(known.values()) - 0.3)
        kept = [
            msgspec.structs.replace(item, propensity=0.6 if item.model == cheapest else 0.2)
            for item in decision.candidates
        ]
        again = msgspec.structs.replace(
            decision, goal=each, worth_usd=None, candidates=tuple(kept), explored=f"x/{cheapest}"
        )
        told.append(changed(one, decision=again))
    verdict = judge(told, versions(Correction(models={"cheap": Adjustment(1.0, -3.0, 0.0)})), 0.05)
    assert not verdict.promote
    assert "no worth says what that buys" in verdict.why


def test_exchanges_of_which_nothing_can_be_told_are_left_out() -> None:
    (one,) = lived(NOTHING, 1, 18)
    assert one.entry.decision is not None
    unknown = msgspec.structs.replace(one.entry.decision, router="ensemble/other")
    by_name = msgspec.structs.replace(one.entry.decision, goal=None)
    later = [changed(one, decision=None), changed(one, decision=unknown), changed(one, decision=by_name)]
    assert judge(later, versions(CHEAP_IS_BAD), 0.05).later == 0
