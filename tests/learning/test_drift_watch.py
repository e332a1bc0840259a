from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from entrepot.exchange.records import Grounds
from entrepot.learning.drift_watch import (
    FEATURES,
    REFERENCE,
    PromptEntry,
    alarms_of,
    features_of,
    outcomes_alarm,
    prices_alarm,
    promise_alarm,
    prompts_alarm,
    with_prompts,
)
from entrepot.learning.promises import Promises, Standing
from entrepot.learning.status import DriftAlarm, Features, Reference
from entrepot.routing.correction import NOTHING, Adjustment, Correction
from tests.learning.lived import lived


def prompts(count: int, seed: int, chinese: float = 0.3) -> list[Features]:
    chance = np.random.default_rng(seed)
    table = np.clip(chance.normal(0.5, 0.15, (count, len(FEATURES))), 0, 1)
    table[:, 3] = chance.random(count) < chinese
    return [tuple(row) for row in table.tolist()]


def a_reference(seed: int = 1) -> Reference:
    return with_prompts(Reference("v1"), prompts(REFERENCE, seed))[0]


def test_the_first_prompts_of_a_version_say_how_things_are_and_the_rest_is_held_against_them() -> None:
    found = prompts(REFERENCE + 70, 2)
    reference, rest = with_prompts(Reference("v1"), found[:300])
    assert (reference.prompts, list(rest)) == (300, [])
    reference, rest = with_prompts(reference, found[300:])
    assert (reference.prompts, len(rest)) == (REFERENCE, 70)
    assert reference.features == pytest.approx(np.array(found[:REFERENCE]).mean(axis=0).tolist())
    assert with_prompts(reference, rest) == (reference, rest)


def test_prompts_that_change_raise_an_alarm_that_names_what_moved() -> None:
    told = prompts_alarm(a_reference(), prompts(1500, 3, chinese=0.7))
    assert told is not None
    assert told.startswith("prompts are not what they were: in Chinese +0.")
    assert "since v1 was promoted" in told


def test_prompts_that_stay_what_they_were_raise_none() -> None:
    assert sum(prompts_alarm(a_reference(seed), prompts(1500, 100 + seed)) is not None for seed in range(20)) <= 1
    assert prompts_alarm(Reference("v1"), prompts(1500, 4, chinese=1.0)) is None


def test_outcomes_are_held_against_what_was_expected_of_who_answered() -> None:
    assert outcomes_alarm(lived(NOTHING, 2000, 5)) is None
    told = outcomes_alarm(lived(Correction(Adjustment(1.0, -1.5, 0.0)), 1500, 6))
    assert told is not None
    assert "were good on the newest 1,500 exchanges" in told
    assert outcomes_alarm([]) is None


def test_prices_that_moved_are_named_the_largest_first() -> None:
    reference = Reference("v1", prices={"a": "0.01", "b": "0.02", "c": "0.03"})
    assert prices_alarm(reference, {"a": "0.0101", "b": "0.02", "d": "1"}) is None
    told = prices_alarm(reference, {"a": "0.005", "b": str(Decimal("0.022")), "c": "0.03"})
    assert told == "prices moved since v1 was promoted: a -50%, b +10%"


def test_floors_that_are_broken_are_named() -> None:
    whole = Standing(None, "about", (), "2026-11-20")
    broken = Standing(None, "about", (), "2026-11-20", alarm_at="2026-11-22")
    assert promise_alarm(Promises({"auto": whole})) is None
    assert promise_alarm(Promises({"b": broken, "auto": broken, "c": whole})) == (
        "the floor of auto, b was broken, and the reference answers there"
    )


def test_an_alarm_stands_since_it_was_first_raised() -> None:
    before = (DriftAlarm("prices", 5.0, "then"),)
    after = alarms_of({"prices": "now", "outcomes": "new", "prompts": None}, before, 9.0)
    assert after == (DriftAlarm("prices", 5.0, "now"), DriftAlarm("outcomes", 9.0, "new"))


def test_what_a_prompt_is_like_is_told_between_nothing_and_one() -> None:
    grounds = Grounds(900_000, needs=("tools",), traits=(4000, 0, -9000))
    found = features_of(PromptEntry("zh", grounds))
    assert found is not None
    assert dict(zip(FEATURES, found, strict=True)) == pytest.approx(
        {"difficulty": 0.982, "ease": 0.0, "length": 1.0, "in Chinese": 1.0, "in English": 0.0, "with tools": 1.0},
        abs=1e-3,
    )
    assert features_of(PromptEntry("zh", None)) is None
    assert features_of(PromptEntry("zh", Grounds(10))) is None
