"""A circuit: when it opens, how it is tried, how it closes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.exchange.circuit import CLOSED, Circuit, CircuitSettings

SETTINGS = CircuitSettings(failures=3, open_s=5.0, longest_open_s=60.0, trials_to_close=2, slow_start_s=20.0)


def failed(circuit: Circuit, at_s: float, took_s: float = 0.0, *, often: bool = False) -> Circuit:
    return circuit.failed(SETTINGS, at_s - took_s, at_s, "is down", often=often)


def answered(circuit: Circuit, at_s: float, took_s: float = 0.0) -> Circuit:
    return circuit.answered(SETTINGS, at_s - took_s, at_s)


def opened_at(at_s: float) -> Circuit:
    return CLOSED.trip(SETTINGS, at_s, "is down")


def test_it_opens_after_so_many_in_a_row_and_an_answer_begins_the_count_anew() -> None:
    twice = failed(failed(CLOSED, 1.0), 2.0)
    assert twice.state(SETTINGS, 2.0) == "closed"
    assert failed(twice, 3.0).state(SETTINGS, 3.0) == "open"
    assert failed(answered(twice, 3.0), 4.0).state(SETTINGS, 4.0) == "closed"


def test_it_opens_at_once_where_too_many_of_the_latest_failed() -> None:
    assert failed(CLOSED, 1.0, often=True).state(SETTINGS, 1.0) == "open"


def test_it_is_half_open_when_its_time_is_over_and_stays_so_until_it_is_tried() -> None:
    circuit = opened_at(100.0)
    assert [circuit.state(SETTINGS, at_s) for at_s in (104.9, 105.0, 9999.0)] == ["open", "half_open", "half_open"]


def test_a_trial_that_fails_opens_it_for_twice_as_long() -> None:
    circuit = opened_at(100.0)
    lengths = []
    for _ in range(6):
        at_s = circuit.open_until_s
        circuit = failed(circuit, at_s)
        lengths.append(circuit.open_until_s - at_s)
    assert lengths == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


def test_failures_while_it_is_open_do_not_keep_it_open() -> None:
    circuit = opened_at(100.0)
    for _ in range(100):
        circuit = failed(circuit, 101.0)
    assert circuit.open_until_s == 105.0


def test_what_was_asked_before_it_opened_is_no_trial() -> None:
    circuit = opened_at(100.0)
    assert answered(circuit, 106.0, took_s=10.0) == circuit
    assert failed(circuit, 106.0, took_s=10.0).openings == 1


def test_it_returns_after_so_many_answers_and_its_part_grows() -> None:
    circuit = answered(opened_at(100.0), 106.0)
    assert circuit.state(SETTINGS, 106.0) == "half_open"
    circuit = answered(circuit, 107.0)
    assert circuit.state(SETTINGS, 107.0) == "returning"
    assert [circuit.share(SETTINGS, at_s) for at_s in (107.0, 112.0, 117.0, 127.0)] == [0.1, 0.25, 0.5, 1.0]
    assert circuit.state(SETTINGS, 127.0) == "closed"
    assert answered(circuit, 127.0) == CLOSED


def test_who_fails_again_while_it_returns_is_open_for_longer() -> None:
    circuit = answered(answered(opened_at(100.0), 106.0), 107.0)
    assert failed(circuit, 108.0, often=True).open_until_s == 118.0


def test_a_probe_that_is_answered_lets_it_be_tried_at_once_and_one_that_is_not_keeps_it_open() -> None:
    circuit = opened_at(100.0)
    assert circuit.probed(SETTINGS, 101.0, well=True).state(SETTINGS, 101.0) == "half_open"
    assert circuit.probed(SETTINGS, 104.0, well=False).open_until_s == 109.0
    assert CLOSED.probed(SETTINGS, 104.0, well=False) == CLOSED
    half_open = circuit.probed(SETTINGS, 106.0, well=True)
    assert half_open == circuit


def test_a_circuit_without_slow_start_closes_at_once() -> None:
    at_once = CircuitSettings(trials_to_close=1, slow_start_s=0.0)
    circuit = CLOSED.trip(at_once, 1.0, "is down").answered(at_once, 7.0, 7.0)
    assert (circuit.state(at_once, 7.0), circuit.share(at_once, 7.0)) == ("closed", 1.0)


@pytest.mark.parametrize("at_s", [0.0, 1e9])
def test_one_that_never_failed_is_closed(at_s: float) -> None:
    assert (CLOSED.state(SETTINGS, at_s), CLOSED.share(SETTINGS, at_s)) == ("closed", 1.0)


@given(st.lists(st.tuples(st.sampled_from(["failed", "answered", "well", "ill"]), st.floats(0, 30)), max_size=60))
def test_whatever_happens_it_is_tried_again_in_time_and_shares_are_shares(steps: list[tuple[str, float]]) -> None:
    circuit, now_s = CLOSED, 0.0
    for what, later_s in steps:
        now_s += later_s
        match what:
            case "failed":
                circuit = failed(circuit, now_s)
            case "answered":
                circuit = answered(circuit, now_s)
            case _:
                circuit = circuit.probed(SETTINGS, now_s, well=what == "well")
        assert circuit.state(SETTINGS, now_s + SETTINGS.longest_open_s) != "open"
        assert 0 < circuit.share(SETTINGS, now_s) <= 1
