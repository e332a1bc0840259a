"""Which of several hosts of the model that was chosen goes first, and with which probability."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.exchange.balancing import Balance, Standing, balance, parts_of
from entrepot.routing.utility import Decision, Goal, Weighed

HOWS: tuple[Balance, ...] = tuple(how for how in get_args(Balance) if how != "price")
standings = st.lists(
    st.builds(Standing, st.integers(0, 50), st.none() | st.floats(0.01, 100), st.floats(0.1, 10)),
    min_size=2,
    max_size=6,
)


def decision(*ids: str, goal: Goal | None = None) -> Decision:
    """The model is what stands after the dash."""
    weighed = tuple(Weighed(id_, id_.split("-")[1], propensity=1.0 if n == 0 else 0.0) for n, id_ in enumerate(ids))
    return Decision(ids, weighed, "so", goal=goal)


HOSTS = decision("a-m", "x-n", "b-m", "c-m")


def chosen(how: Balance, known: dict[str, Standing], unhealthy: dict[str, str] | None = None) -> Counter[str]:
    """How often each goes first, over evenly spread lots."""
    found: Counter[str] = Counter()
    for n in range(300):
        made = balance(HOSTS, how, lambda id_: known.get(id_, Standing()), unhealthy or {}, (n + 0.5) / 300)
        found[made.chosen] += 1
    return found


def test_by_weight_each_host_has_its_part() -> None:
    weights = {"a-m": Standing(weight=1.0), "b-m": Standing(weight=2.0), "c-m": Standing(weight=3.0)}
    assert chosen("weight", weights) == {"a-m": 50, "b-m": 100, "c-m": 150}


def test_by_load_the_least_loaded_goes_first_and_equals_share() -> None:
    busy = {"a-m": Standing(load=3), "b-m": Standing(load=1), "c-m": Standing(load=1)}
    assert chosen("load", busy) == {"b-m": 150, "c-m": 150}
    heavy = {"a-m": Standing(load=3, weight=4.0), "b-m": Standing(load=1), "c-m": Standing(load=1)}
    assert chosen("load", heavy) == {"a-m": 300}


def test_by_latency_the_better_of_two_goes_first_so_the_worst_never_does() -> None:
    paces = {"a-m": Standing(answer_s=9.0), "b-m": Standing(answer_s=1.0), "c-m": Standing(answer_s=2.0)}
    assert chosen("latency", paces) == {"b-m": 200, "c-m": 100}
    loaded = {**paces, "b-m": Standing(load=20, answer_s=1.0)}
    assert chosen("latency", loaded)["c-m"] == 200


def test_a_host_of_which_nothing_is_known_is_asked() -> None:
    paces = {"a-m": Standing(answer_s=9.0), "b-m": Standing(answer_s=1.0)}
    assert chosen("latency", paces)["c-m"] == 150


def test_the_ill_are_not_balanced_onto_and_other_models_are_left_where_they_are() -> None:
    assert set(chosen("load", {}, {"b-m": "is down"})) == {"a-m", "c-m"}
    made = balance(HOSTS, "load", lambda id_: Standing(load=int(id_ != "c-m")), {}, 0.5)
    assert made.order == ("c-m", "a-m", "x-n", "b-m")
    assert made.reason == "so; of its 3 hosts c-m goes first, by load"


@pytest.mark.parametrize("how", HOWS)
def test_one_host_alone_and_shares_that_the_operator_set_are_left_alone(how: Balance) -> None:
    alone, shared = decision("a-m", "x-n"), decision("a-m", "b-m", goal=Goal("shares"))
    for each in (alone, shared):
        assert balance(each, how, lambda _: Standing(), {}, 0.9) is each


def test_by_price_nothing_is_changed() -> None:
    assert balance(HOSTS, "price", lambda _: Standing(load=9), {}, 0.9) is HOSTS


@given(standings, st.sampled_from(HOWS))
def test_parts_are_probabilities(known: list[Standing], how: Balance) -> None:
    parts = parts_of(how, known)
    assert all(part >= 0 for part in parts)
    assert sum(parts) == pytest.approx(1.0)


@given(standings, st.sampled_from(HOWS), st.floats(0, 1, exclude_max=True))
def test_who_goes_first_had_the_propensity_that_is_recorded(known: list[Standing], how: Balance, lot: float) -> None:
    ids = [f"{n}-m" for n in range(len(known))]
    made = balance(decision(*ids), how, lambda id_: known[int(id_.split("-")[0])], {}, lot)
    assert sum(each.propensity for each in made.candidates) == pytest.approx(1.0)
    (first,) = [each for each in made.candidates if each.deployment == made.chosen]
    assert first.propensity > 0
    assert sorted(made.order) == sorted(ids)
