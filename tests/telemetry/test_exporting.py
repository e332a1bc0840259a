"""Entries that wait for a collector: nobody waits for them, and those that are not sent are counted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import pytest

from entrepot.exchange.records import Entry
from entrepot.telemetry.exporting import BATCH, MOST_TRIES, Outbox, Sent
from tests.end_to_end.world import eventually
from tests.telemetry.told import an_entry

ENTRY = an_entry()
LATER: Sent = "later"


class Collector:
    """Answers as it is told, once it is open."""

    def __init__(self, *says: Sent) -> None:
        self.says = list(says)
        self.sent: list[int] = []
        self.open = threading.Event()
        self.open.set()

    def send(self, entries: Sequence[Entry]) -> Sent:
        self.sent.append(len(entries))
        assert self.open.wait(30)
        return self.says.pop(0) if self.says else "taken"


def fails(outbox: Outbox) -> bool:
    return outbox.failing


def test_what_is_put_is_sent_in_batches() -> None:
    collector = Collector()
    outbox = Outbox(collector.send, 10_000)
    outbox.put([ENTRY] * (2 * BATCH + 1))
    outbox.close(30)
    assert sum(collector.sent) == 2 * BATCH + 1
    assert max(collector.sent) <= BATCH
    assert (outbox.taken, outbox.dropped, outbox.waiting()) == (2 * BATCH + 1, 0, 0)


def test_what_may_be_sent_again_is_until_it_is_taken() -> None:
    collector = Collector("later", "later", "taken")
    outbox = Outbox(collector.send, 10, first_pause_s=0.001)
    outbox.put([ENTRY] * 3)
    assert eventually(lambda: outbox.taken == 3)
    assert collector.sent == [3, 3, 3]
    assert not fails(outbox)
    outbox.close(30)


def test_what_is_refused_is_dropped_and_what_follows_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector("refused")
    outbox = Outbox(collector.send, 10)
    outbox.put([ENTRY] * 2)
    assert eventually(lambda: outbox.dropped == 2)
    assert fails(outbox)
    outbox.put([ENTRY])
    assert eventually(lambda: outbox.taken == 1)
    assert not fails(outbox)
    outbox.close(30)
    assert "the spans of 2 exchanges are dropped (2 so far): the collector refuses them" in caplog.text


def test_what_was_sent_too_often_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrepot.telemetry.exporting.LONGEST_PAUSE_S", 0.001)
    collector = Collector(*[LATER] * MOST_TRIES)
    outbox = Outbox(collector.send, 10, first_pause_s=0.001)
    outbox.put([ENTRY])
    assert eventually(lambda: outbox.dropped == 1)
    assert collector.sent == [1] * MOST_TRIES
    outbox.put([ENTRY])
    assert eventually(lambda: outbox.taken == 1)
    outbox.close(30)


def test_while_nothing_is_taken_there_is_room_for_so_many(caplog: pytest.LogCaptureFixture) -> None:
    collector = Collector()
    collector.open.clear()
    outbox = Outbox(collector.send, 5)
    outbox.put([ENTRY])
    assert eventually(lambda: collector.sent == [1])
    for _ in range(3):
        outbox.put([ENTRY] * 3)
    assert (outbox.waiting(), outbox.dropped) == (5, 5)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]  # it is not said again and again
    collector.open.set()
    outbox.close(30)
    assert (outbox.taken, outbox.dropped, outbox.waiting()) == (5, 5, 0)


def test_closing_waits_so_long_and_no_longer() -> None:
    collector = Collector()
    collector.open.clear()
    outbox = Outbox(collector.send, 5)
    outbox.put([ENTRY] * 2)
    outbox.close(0.01)
    assert (outbox.taken, outbox.dropped) == (0, 2)
    collector.open.set()


def test_what_cannot_be_taken_while_closing_is_not_tried_again() -> None:
    collector = Collector(*[LATER] * 5)
    outbox = Outbox(collector.send, 5, first_pause_s=600)
    outbox.put([ENTRY])
    outbox.close(30)
    assert (outbox.taken, outbox.dropped) == (0, 1)


def test_a_defect_of_the_library_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def breaks(_: Sequence[Entry]) -> Sent:
        raise RuntimeError("of the library")

    outbox = Outbox(breaks, 5)
    outbox.put([ENTRY])
    assert eventually(lambda: outbox.dropped == 1)
    outbox.put([ENTRY])
    assert eventually(lambda: outbox.dropped == 2)
    outbox.close(30)
    assert "by a defect" in caplog.text
