from __future__ import annotations

import msgspec
import numpy as np
import pytest

from entrepot.exchange.outcome import Outcome, OutcomeSource
from entrepot.learning.live_outcomes import DECODER, LiveOutcomes, ease_of, seen_in
from entrepot.routing.correction import NOTHING, Adjustment, Correction
from tests.learning.lived import RAN, VERSION, changed, fit_logits, lived


def said(
    exchange: str,
    score: float | None,
    given_ns: int = 1,
    who: str = "k",
    source: OutcomeSource = "user",
    weight: float = 1.0,
) -> Outcome:
    return Outcome(f"{exchange}{given_ns}{who}{source}", exchange, given_ns, source, who, score, weight=weight)


def heard(*outcomes: Outcome, most: int = 100) -> LiveOutcomes:
    live = LiveOutcomes(most)
    live.hear(outcomes)
    live.know(one.entry for one in ENTRIES)
    return live


ENTRIES = lived(NOTHING, 5, 0)


def test_the_last_word_of_each_counts_and_several_are_averaged_by_weight() -> None:
    live = heard(said("0-1", 0.0, 1), said("0-1", 1.0, 2), said("0-1", 0.0, 3, "judge", "judge", 0.5))
    (one,) = live.exchanges()
    assert one.score == pytest.approx(2 / 3)
    assert (one.weight, one.known_ns) == (1.0, 1)
    live.hear([said("0-1", None, 4)])
    (one,) = live.exchanges()
    assert (one.score, one.weight) == (0.0, 0.5)


def test_signs_and_words_without_a_score_are_left_out() -> None:
    assert heard(said("0-1", 0.0, source="sign"), said("0-2", None)).exchanges() == []


def test_they_come_in_the_order_in_which_they_became_known() -> None:
    live = heard(said("0-3", 1.0, 30), said("0-1", 1.0, 10), said("0-2", 1.0, 20))
    assert [one.entry.id for one in live.exchanges()] == ["0-1", "0-2", "0-3"]
    assert [one.entry.id for one in live.exchanges(since_ns=10)] == ["0-2", "0-3"]


def test_only_the_newest_are_kept_and_entries_that_are_not_known_are_wanted() -> None:
    live = LiveOutcomes(most=2)
    live.hear([said("0-1", 1.0, 1), said("0-2", 1.0, 2), said("0-3", 1.0, 3)])
    assert live.wanted() == ["0-2", "0-3"]
    live.know([one.entry for one in ENTRIES])
    assert (live.wanted(), len(live)) == ([], 2)


def test_what_was_estimated_under_a_correction_is_told_as_the_fit_gave_it() -> None:
    running = Correction(models={"cheap": Adjustment(0.7, 0.5, 0.3), "dear": Adjustment(1.2, -0.5, 0.0)})
    exchanges = lived(NOTHING, 50, 3, running=running)
    seen = seen_in(exchanges, {VERSION: running})
    assert len(seen.score) == 50
    for row, one in enumerate(exchanges):
        model = seen.models[seen.model[row]]
        assert one.entry.served is not None
        assert model == one.entry.served.model
        assert seen.logit[row] == pytest.approx(fit_logits(-ease_of(one.entry))[model], abs=5e-3)


def test_what_another_router_decided_teaches_nothing() -> None:
    exchanges = lived(NOTHING, 4, 4)
    others = [changed(exchanges[0], decision=None), changed(exchanges[1], served=None), *exchanges[2:]]
    assert len(seen_in(others, RAN).score) == 2
    assert len(seen_in(others, {"ensemble/other": NOTHING}).score) == 0


def test_an_entry_is_read_without_what_is_not_asked_of_it() -> None:
    again = DECODER.decode(msgspec.msgpack.encode({**msgspec.to_builtins(ENTRIES[0].entry), "state": "completed"}))
    assert again.decision == ENTRIES[0].entry.decision
    assert np.isfinite(ease_of(again))
