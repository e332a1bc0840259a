"""Estimate and experiment set side by side on traffic whose cause of disagreement is known: the step of that name carries it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from entrepot.ledger.store import Drawn
from entrepot.reports.disagreement import Estimate, take_apart
from entrepot.statistics.intervals import Interval

ESTIMATED = 0.8


def traffic(sessions: int = 200, turns_drawn: int = 2, **of_drawn: Any) -> list[Drawn]:
    """Half the sessions drawn, two exchanges each; the baseline costs 1,000, as was predicted, the routed 200."""
    found: list[Drawn] = []
    for unit in range(sessions):
        drawn = unit % 2 == 0
        for _ in range(turns_drawn if drawn else 2):
            one = Drawn("auto", "b", unit, 0.5, drawn, 1000 if drawn else 200, 1000, 200, None, None, f"e{len(found)}")
            money = {"measured": True, "predicted_nano_usd": 1000, **of_drawn} if drawn else {}
            found.append(
                msgspec.structs.replace(
                    one, **{"would_nano_usd": 1000, "read_tokens": 100, "cached_tokens": 40, **money}
                )
            )
    return found


def estimate(factor: float = 1.0, *, by_lot: bool = False, exchanges: int = 200) -> Estimate:
    return Estimate(Interval(ESTIMATED, ESTIMATED - 0.01, ESTIMATED + 0.01), exchanges, factor, by_lot)


def seen(exchanges: list[Drawn]) -> float:
    """The saving of a session, as a part of the baseline's."""
    costs = {
        is_drawn: sum(one.cost_nano_usd or 0 for one in exchanges if one.drawn == is_drawn)
        for is_drawn in (True, False)
    }
    return 1 - costs[False] / costs[True]


@pytest.mark.parametrize(
    ("name", "exchanges"),
    [
        ("length", traffic(cost_nano_usd=1500, would_nano_usd=1500)),
        ("turns", traffic(turns_drawn=3)),
        ("in_vain", traffic(cost_nano_usd=1400, would_nano_usd=1000, thrown_away_nano_usd=400)),
        ("requests", traffic(cost_nano_usd=700, would_nano_usd=700, predicted_nano_usd=700, cached_tokens=80)),
    ],
)
def test_the_step_that_is_the_cause_carries_the_difference(name: str, exchanges: list[Drawn]) -> None:
    truth = seen(exchanges)
    found = take_apart(exchanges, estimate(), Interval(truth, truth - 0.005, truth + 0.005))
    assert found is not None
    assert sum(step.moves for step in found.steps) == pytest.approx(truth - ESTIMATED)
    assert found.largest.name == name
    assert found.largest.moves == pytest.approx(truth - ESTIMATED, abs=1e-3)
    assert not found.by_chance


def test_what_the_lot_was_not_cast_for_is_another_traffic() -> None:
    exchanges = traffic()
    found = take_apart(exchanges, Estimate(Interval(0.5, 0.49, 0.51), 900, 1.0, False), Interval(0.8, 0.79, 0.81))
    assert found is not None
    assert (found.largest.name, found.largest.assumed, found.largest.seen) == ("traffic", 900, 200)


def test_an_estimate_that_the_lot_corrected_has_the_length_already() -> None:
    exchanges = traffic(cost_nano_usd=1500, would_nano_usd=1500)
    truth = seen(exchanges)
    corrected = Estimate(Interval(truth, truth - 0.02, truth + 0.02), 200, 1.5, True)
    found = take_apart(exchanges, corrected, Interval(truth, truth - 0.005, truth + 0.005))
    assert found is not None
    assert max(abs(step.moves) for step in found.steps) < 1e-9
    assert found.by_chance


def test_how_much_came_from_a_cache_is_told_beside_it() -> None:
    found = take_apart(traffic(cached_tokens=80), estimate(), Interval(0.8, 0.7, 0.9))
    assert found is not None
    assert (found.cached_routed, found.cached_drawn) == (0.4, 0.8)
    assert found.by_chance


def test_where_nothing_can_be_set_side_by_side_nothing_is_said() -> None:
    by_lot = Interval(0.8, 0.7, 0.9)
    assert take_apart(traffic(), estimate(), None) is None
    assert take_apart([], estimate(), by_lot) is None
    assert take_apart(traffic(completed=False), estimate(), by_lot) is None
    assert take_apart(traffic(cost_nano_usd=None), estimate(), by_lot) is None
