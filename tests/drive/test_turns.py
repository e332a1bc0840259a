from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entrepot.drive.turns import Turn, Turns


def order(turns: list[tuple[str, Turn]]) -> list[str]:
    return [party for party, _ in sorted(turns, key=lambda one: one[1])]


def test_a_party_with_many_requests_does_not_keep_another_waiting() -> None:
    turns = Turns()
    queue = [("red", turns.next("red")) for _ in range(4)] + [("蓝", turns.next("蓝")) for _ in range(2)]
    assert order(queue) == ["red", "蓝", "red", "蓝", "red", "red"]


def test_one_party_is_served_in_the_order_of_arrival() -> None:
    turns = Turns()
    queue = [turns.next("red") for _ in range(5)]
    assert queue == sorted(queue)


def test_a_party_that_was_away_is_owed_nothing() -> None:
    turns = Turns()
    for _ in range(10):
        turns.served(turns.next("red"))
    queue = [("red", turns.next("red"))] + [("blue", turns.next("blue")) for _ in range(3)]
    assert order(queue)[:2] in (["red", "blue"], ["blue", "red"])


def test_who_comes_first_of_all_passes_everybody() -> None:
    turns = Turns()
    waiting = turns.next("red")
    assert turns.next("red", first=True) < waiting


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
def test_while_two_parties_wait_neither_is_served_twice_more_than_the_other(parties: list[str]) -> None:
    turns = Turns()
    served = order([(party, turns.next(party)) for party in parties])
    left = {party: parties.count(party) for party in "abc"}
    had = dict.fromkeys("abc", 0)
    for party in served:
        had[party] += 1
        left[party] -= 1
        waiting = [one for one in "abc" if left[one]]
        assert all(had[party] - had[one] <= 1 for one in waiting)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
def test_while_two_parties_wait_each_is_served_as_its_weight_says_within_one_request(parties: list[str]) -> None:
    weights = {"a": 1.0, "b": 3.0, "c": 0.5}
    turns = Turns()
    served = order([(party, turns.next(party, weight=weights[party])) for party in parties])
    left = {party: parties.count(party) for party in "abc"}
    had = dict.fromkeys("abc", 0)
    for party in served:
        had[party] += 1
        left[party] -= 1
        for one in "abc":
            if left[one]:  # in virtual time nobody who waits lies further behind than the other's one request
                assert (had[party] - 1) / weights[party] <= had[one] / weights[one] + 1e-9


def test_three_of_four_places_go_to_the_team_of_three_times_the_weight() -> None:
    turns = Turns()
    queue = [("red", turns.next("red")) for _ in range(100)] + [
        ("blue", turns.next("blue", weight=3)) for _ in range(99)
    ]
    assert order(queue)[:40].count("blue") == 30
