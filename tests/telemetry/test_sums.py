from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from entrepot.telemetry.measures import ADDED, CALL, COST, TOKEN_USAGE
from entrepot.telemetry.sums import Series, Sums
from tests.telemetry.told import HOSTS, an_attempt, an_entry


def of(sums: Sums, name: str) -> list[Series]:
    return [series for series in sums.read() if series.instrument.name == name]


def test_amounts_fall_into_the_bucket_whose_bound_they_do_not_pass() -> None:
    sums = Sums(HOSTS, 0)
    for added_ms in (0.05, 0.1, 0.1000001, 1000.0, 5000.0):
        sums.add([an_entry(added_ms=added_ms)])
    (added,) = of(sums, ADDED.name)
    bounds = added.instrument.bounds
    assert [added.counts[bounds.index(0.0001)], added.counts[bounds.index(0.00025)]] == [2, 1]
    assert added.counts[-2:] == [1, 1]
    assert sum(added.counts) == 5
    assert (added.least, added.most) == (0.00005, 5.0)
    assert added.total == pytest.approx(6.0002500001)


def test_what_differs_in_an_attribute_is_another_series() -> None:
    sums = Sums(HOSTS, 0)
    sums.add([an_entry(an_attempt(failure="timeout"), an_attempt(1), an_attempt(2, "own/small"), an_attempt(3))])
    assert sorted(sum(series.counts) for series in of(sums, CALL.name)) == [1, 1, 2]
    assert len(of(sums, TOKEN_USAGE.name)) == 4


def test_money_stays_whole_however_much_it_is() -> None:
    sums = Sums(HOSTS, 0)
    sums.add([an_entry(an_attempt(cost_nano_usd=2**53 + number)) for number in range(3)])
    (cost,) = of(sums, COST.name)
    assert cost.total == 3 * 2**53 + 3
    assert isinstance(cost.total, int)
    assert cost.counts == []


def test_what_was_read_does_not_change_when_more_is_added() -> None:
    sums = Sums(HOSTS, 0)
    sums.add([an_entry(an_attempt())])
    read = of(sums, CALL.name)[0]
    sums.add([an_entry(an_attempt())])
    assert sum(read.counts) == 1


def test_one_may_read_while_another_adds() -> None:
    sums, entries = Sums(HOSTS, 0), [an_entry(an_attempt())] * 50

    def add() -> None:
        for _ in range(20):
            sums.add(entries)

    adding = threading.Thread(target=add)
    adding.start()
    seen = []
    while adding.is_alive():
        seen += [sum(series.counts) for series in of(sums, CALL.name)]
    adding.join()
    assert all(before <= after for before, after in pairwise(seen))
    assert all(count % 50 == 0 for count in seen)
    assert sum(of(sums, CALL.name)[0].counts) == 1000
