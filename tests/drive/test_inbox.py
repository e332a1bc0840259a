from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable

import pytest
import uvloop

from entrepot.drive.alarms import Alarms
from entrepot.drive.inbox import HIGH_BYTES, Inbox
from entrepot.exchange.events import (
    ClientGone,
    DeadlinePassed,
    Event,
    UpstreamAnswer,
    UpstreamChunk,
    UpstreamEnded,
    UpstreamFailed,
    UpstreamHead,
)


class Valve:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")


def an_inbox() -> tuple[Inbox, Valve]:
    valve = Valve()
    return Inbox({0: valve}, Alarms()), valve


def soon() -> float:
    return asyncio.get_running_loop().time() + 5


async def test_events_come_in_order_and_waiting_chunks_come_as_one() -> None:
    inbox, _ = an_inbox()
    for event in (UpstreamChunk(0, b"a"), UpstreamChunk(0, b"b"), UpstreamChunk(1, b"c"), UpstreamEnded(0)):
        inbox.put(event)
    got: list[Event] = [await inbox.get(soon()) for _ in range(3)]
    assert got == [UpstreamChunk(0, b"ab"), UpstreamChunk(1, b"c"), UpstreamEnded(0)]


async def test_an_event_wakes_the_consumer() -> None:
    inbox, _ = an_inbox()
    waiting = asyncio.ensure_future(inbox.get(soon()))
    await asyncio.sleep(0)
    inbox.put(ClientGone())
    inbox.put(UpstreamEnded(0))
    assert await waiting == ClientGone()
    assert await inbox.get(soon()) == UpstreamEnded(0)


async def test_a_deadline_in_the_past_passes_at_once_unless_something_waits() -> None:
    inbox, _ = an_inbox()
    assert await inbox.get(0.0) == DeadlinePassed()
    inbox.put(UpstreamEnded(0))
    assert await inbox.get(0.0) == UpstreamEnded(0)


async def test_reading_pauses_while_too_much_waits_and_resumes_when_it_is_taken() -> None:
    inbox, valve = an_inbox()
    for attempt in (0, 1, 0, 1):  # alternating, so that they are not joined
        inbox.put(UpstreamChunk(attempt, b"x" * (HIGH_BYTES // 3)))
    assert valve.calls == ["pause"]
    await inbox.get(soon())
    assert valve.calls == ["pause"]
    for _ in range(3):
        await inbox.get(soon())
    assert valve.calls == ["pause", "resume"]


async def test_what_waits_of_a_dropped_attempt_is_forgotten_and_frees_its_room() -> None:
    inbox, valve = an_inbox()
    for event in (UpstreamChunk(0, b"x" * 2 * HIGH_BYTES), ClientGone(), UpstreamChunk(1, b"c"), UpstreamEnded(0)):
        inbox.put(event)
    assert valve.calls == ["pause"]
    inbox.drop(0)
    assert valve.calls == ["pause", "resume"]
    assert [await inbox.get(soon()), await inbox.get(soon())] == [ClientGone(), UpstreamChunk(1, b"c")]
    assert await inbox.get(0.0) == DeadlinePassed()


@pytest.mark.sockets
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_arrived_while_the_loop_was_held_up_comes_before_the_deadline(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def held_up() -> Event:
        inbox, _ = an_inbox()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            loop = asyncio.get_running_loop()
            loop.add_reader(ours, lambda: inbox.put(UpstreamChunk(0, ours.recv(10))))
            waiting = asyncio.ensure_future(inbox.get(time.monotonic() + 0.05))
            await asyncio.sleep(0)
            theirs.send(b"in time")
            time.sleep(0.1)  # noqa: ASYNC251 - the deadline passes while nobody reads
            event = await waiting
            loop.remove_reader(ours)
            return event

    with contextlib.closing(new_loop()) as loop:
        assert loop.run_until_complete(held_up()) == UpstreamChunk(0, b"in time")


async def test_a_whole_answer_that_waits_comes_as_one() -> None:
    inbox, _ = an_inbox()
    for event in (UpstreamHead(0, 200, ()), UpstreamChunk(0, b"all"), UpstreamEnded(0), ClientGone()):
        inbox.put(event)
    assert [inbox.take(), inbox.take(), inbox.take()] == [UpstreamAnswer(0, 200, (), b"all"), ClientGone(), None]


@pytest.mark.parametrize(
    "events",
    [
        (UpstreamHead(0, 200, ()), UpstreamChunk(0, b"a"), UpstreamChunk(1, b"b")),
        (UpstreamHead(0, 200, ()), UpstreamChunk(1, b"b"), UpstreamEnded(1)),
        (UpstreamHead(0, 200, ()), UpstreamEnded(0), UpstreamHead(1, 200, ())),
        (UpstreamHead(0, 200, ()), UpstreamChunk(0, b"a"), UpstreamFailed(0, "cut_off", "")),
    ],
)
async def test_what_is_no_whole_answer_comes_as_it_is(events: tuple[Event, ...]) -> None:
    inbox, _ = an_inbox()
    for event in events:
        inbox.put(event)
    assert [inbox.take() for _ in events] == list(events)


async def test_a_whole_answer_frees_the_room_that_it_took() -> None:
    inbox, valve = an_inbox()
    for event in (UpstreamHead(0, 200, ()), UpstreamChunk(0, b"x" * 2 * HIGH_BYTES), UpstreamEnded(0)):
        inbox.put(event)
    inbox.take()
    assert valve.calls == ["pause", "resume"]


async def test_a_deadline_that_moves_is_met_where_it_moved_to() -> None:
    inbox, _ = an_inbox()
    first_s = time.monotonic() + 0.02
    waiting = asyncio.ensure_future(inbox.get(first_s))
    await asyncio.sleep(0)
    inbox.put(ClientGone())
    assert await waiting == ClientGone()
    later_s = first_s + 0.05
    assert await inbox.get(later_s) == DeadlinePassed()
    assert time.monotonic() >= later_s - 0.003
    inbox.close()


async def test_a_deadline_that_moves_later_is_not_noted_anew_and_still_met(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[float] = []
    note = Alarms.note

    def counting(self: Alarms, sleeper: Inbox, due_s: float, now_s: float) -> float:
        noted.append(due_s)
        return note(self, sleeper, due_s, now_s)

    monkeypatch.setattr(Alarms, "note", counting)
    inbox, _ = an_inbox()
    first_s = time.monotonic() + 20.0
    for number in range(5):  # by less than the grain of alarms, which rounds such moments up
        waiting = asyncio.ensure_future(inbox.get(first_s + number / 1000))
        await asyncio.sleep(0)
        inbox.put(UpstreamChunk(0, b"x"))
        assert await waiting == UpstreamChunk(0, b"x")
    assert noted == [first_s]
    due_s = time.monotonic() + 0.02
    assert isinstance(await inbox.get(due_s), DeadlinePassed)  # an earlier one is noted
    assert noted == [first_s, due_s]
