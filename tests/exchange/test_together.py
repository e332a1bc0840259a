from __future__ import annotations

import math
from collections.abc import Generator

import pytest

from entrepot.exchange.attempt import Ending
from entrepot.exchange.commands import CancelUpstream, Command, Wait
from entrepot.exchange.events import ClientGone, DeadlinePassed, Event, UpstreamChunk, UpstreamEnded
from entrepot.exchange.together import Together

Log = list[tuple[int, Event]]


def attempt(number: int, until_s: float, log: Log) -> Generator[Command, Event, Ending]:
    """Waits for two events, and cancels what it does not wait for any more."""
    for _ in range(2):
        log.append((number, (yield Wait(until_s))))
    yield CancelUpstream(number)
    return "answered"


def started(*until_s: float) -> tuple[Together, Log]:
    together, log = Together(), Log()
    for number, moment_s in enumerate(until_s):
        assert list(together.start(number, attempt(number, moment_s, log))) == []
    return together, log


def test_an_event_goes_to_the_attempt_whose_number_it_carries() -> None:
    together, log = started(10, 20)
    chunk = UpstreamChunk(1, b"x")
    assert list(together.happens(chunk)) == []
    assert list(together.happens(UpstreamEnded(1))) == [CancelUpstream(1)]
    assert log == [(1, chunk), (1, UpstreamEnded(1))]
    assert (together.endings, together.running) == ({1: "answered"}, True)


def test_the_earliest_moment_is_waited_for_and_passes_for_whoever_named_it() -> None:
    together, log = started(20, 10, 10)
    assert together.until_s == 10
    list(together.happens(DeadlinePassed()))
    assert log == [(1, DeadlinePassed()), (2, DeadlinePassed())]


def test_the_clients_going_concerns_all() -> None:
    together, log = started(20, 10)
    list(together.happens(ClientGone()))
    assert list(together.happens(ClientGone())) == [CancelUpstream(0), CancelUpstream(1)]
    assert len(log) == 4
    assert together.running is False
    assert together.until_s == math.inf


def test_one_that_is_dropped_hears_no_more() -> None:
    together, log = started(20, 10)
    together.drop(1)
    assert list(together.happens(UpstreamChunk(1, b"x"))) == []
    assert (log, together.until_s, together.endings) == ([], 20, {1: "abandoned"})


@pytest.mark.parametrize("event", [UpstreamChunk(7, b"x"), UpstreamEnded(7)])
def test_what_concerns_nobody_is_passed_over(event: Event) -> None:
    together, log = started(20)
    assert list(together.happens(event)) == []
    assert log == []
