from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from entrepot.dialects.sse import COMMENT
from entrepot.drive.driver import Check, Driver, Notebook
from entrepot.exchange.cascade import Cascade
from entrepot.exchange.commands import AskLeave, CallUpstream, SendHead
from entrepot.exchange.course import Course
from entrepot.exchange.events import Event, LeaveGiven, UpstreamChunk, UpstreamEnded, UpstreamFailed, UpstreamHead
from entrepot.exchange.plan import CascadePlan, Deadlines, Strategy
from entrepot.exchange.records import Entry
from entrepot.routing.cascade import Member, make_check_rule
from entrepot.routing.validator import Validator, Verdict
from entrepot.routing.votes import SHIPPED_VOTES
from tests.exchange.frames import DONE, STOP, USAGE, chunk
from tests.exchange.transcript import candidate, plan_for

A, B = candidate("a/m"), candidate("b/m")


class ScriptedCall:
    def __init__(self) -> None:
        self.said: list[str] = []

    def cancel(self) -> None:
        self.said.append("cancel")

    def pause(self) -> None:
        self.said.append("pause")

    def resume(self) -> None:
        self.said.append("resume")


class ScriptedUpstream:
    """Says of each call what its script holds, a turn of the loop apart; then nothing more."""

    def __init__(self, *scripts: list[Event]) -> None:
        self._scripts = list(scripts)
        self.calls: list[ScriptedCall] = []
        self.asked: list[str] = []

    def start(self, command: CallUpstream, sink: Callable[[Event], None]) -> ScriptedCall:
        self.asked.append(command.deployment.id)
        call = ScriptedCall()
        self.calls.append(call)
        loop = asyncio.get_running_loop()

        def say(events: list[Event]) -> None:
            if events and "cancel" not in call.said:
                sink(events[0])
                loop.call_soon(say, events[1:])

        loop.call_soon(say, self._scripts.pop(0))
        return call


class SuddenUpstream(ScriptedUpstream):
    """Says everything of a call at once, as a provider whose whole answer came in one read."""

    def start(self, command: CallUpstream, sink: Callable[[Event], None]) -> ScriptedCall:
        call, script = ScriptedCall(), self._scripts.pop(0)
        self.asked.append(command.deployment.id)
        self.calls.append(call)
        for event in script:
            asyncio.get_running_loop().call_soon(sink, event)
        return call


class ListeningClient:
    def __init__(self) -> None:
        self.heads: list[int] = []
        self.data = b""
        self.ended = False
        self._on_gone: Callable[[], None] | None = None
        self.reads = asyncio.Event()
        self.reads.set()

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:
        if head is not None:
            self.heads.append(head.status)
        if self.reads.is_set():
            self._take(data, end)
            return None
        return self._wait(data, end)

    async def _wait(self, data: bytes, end: bool) -> None:
        await self.reads.wait()
        self._take(data, end)

    def _take(self, data: bytes, end: bool) -> None:
        self.data += data
        self.ended = self.ended or end

    def on_gone(self, call: Callable[[], None] | None) -> None:
        self._on_gone = call

    def leave(self) -> None:
        if self._on_gone is not None:
            self._on_gone()


def course_of(upstream: ScriptedUpstream, entries: list[Entry], *, metered: bool = False) -> tuple[Driver, Course]:
    loop = asyncio.get_running_loop()
    plan = msgspec.structs.replace(plan_for(A, B), started_s=loop.time(), metered=metered)
    return Driver(upstream, Notebook(entries.append)), Course(plan, loop.time)


ANSWER: list[Event] = [
    UpstreamHead(0, 200, ()),
    chunk("hello"),
    UpstreamChunk(0, STOP + USAGE + DONE),
    UpstreamEnded(0),
]


async def test_an_answer_reaches_the_client_and_the_ledger() -> None:
    upstream, client, entries = ScriptedUpstream(ANSWER), ListeningClient(), list[Entry]()
    driver, course = course_of(upstream, entries)
    await driver.perform(course.run(), client)
    assert client.heads == [200]
    assert client.data == chunk("hello").data + STOP + DONE
    assert client.ended
    assert [entry.state for entry in entries] == ["completed"]


async def test_a_client_that_leaves_cancels_the_call_and_is_recorded() -> None:
    upstream, client, entries = ScriptedUpstream(ANSWER[:2]), ListeningClient(), list[Entry]()
    driver, course = course_of(upstream, entries)
    performing = asyncio.ensure_future(driver.perform(course.run(), client))
    while not client.data:
        await asyncio.sleep(0)
    client.leave()
    await asyncio.wait_for(performing, 5)
    assert upstream.calls[0].said == ["cancel"]
    assert [entry.state for entry in entries] == ["client_gone"]


async def test_a_cancelled_exchange_is_still_written_down() -> None:
    upstream, client, entries = ScriptedUpstream(ANSWER[:2]), ListeningClient(), list[Entry]()
    driver, course = course_of(upstream, entries)
    performing = asyncio.ensure_future(driver.perform(course.run(), client))
    while not client.data:
        await asyncio.sleep(0)
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing
    assert [entry.state for entry in entries] == ["client_gone"]
    assert upstream.calls[0].said == ["cancel"]


async def test_cancelled_while_sending_it_is_written_down_too() -> None:
    upstream, client, entries = ScriptedUpstream(ANSWER[:2]), ListeningClient(), list[Entry]()
    client.reads.clear()
    driver, course = course_of(upstream, entries)
    performing = asyncio.ensure_future(driver.perform(course.run(), client))
    while not client.heads:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing
    assert [entry.state for entry in entries] == ["client_gone"]


async def test_cancelled_after_the_answer_it_ends_at_once() -> None:
    upstream, client, entries = ScriptedUpstream(ANSWER[:3]), ListeningClient(), list[Entry]()
    driver, course = course_of(upstream, entries)
    performing = asyncio.ensure_future(driver.perform(course.run(), client))
    while not client.ended:
        await asyncio.sleep(0)
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(performing, 5)
    assert [entry.state for entry in entries] == ["completed"]


async def test_a_slow_client_pauses_the_provider_and_gets_everything() -> None:
    big = [chunk("x" * 50_000) for _ in range(20)]
    upstream, client, entries = ScriptedUpstream([ANSWER[0], *big, *ANSWER[2:]]), ListeningClient(), list[Entry]()
    client.reads.clear()
    driver, course = course_of(upstream, entries)
    performing = asyncio.ensure_future(driver.perform(course.run(), client))
    for _ in range(100):
        await asyncio.sleep(0)
    assert upstream.calls[0].said == ["pause"]
    client.reads.set()
    await asyncio.wait_for(performing, 5)
    assert upstream.calls[0].said == ["pause", "resume"]
    assert client.data.count(b"x" * 50_000) == 20


async def test_failover_starts_the_next_call() -> None:
    second: list[Event] = [
        UpstreamHead(1, 200, ()),
        chunk("hello", 1),
        UpstreamChunk(1, STOP + USAGE + DONE),
        UpstreamEnded(1),
    ]
    upstream, client, entries = (
        ScriptedUpstream([UpstreamFailed(0, "connect", "refused")], second),
        ListeningClient(),
        list[Entry](),
    )
    driver, course = course_of(upstream, entries)
    await driver.perform(course.run(), client)
    assert upstream.asked == ["a/m", "b/m"]
    assert [len(entry.attempts) for entry in entries] == [2]


async def test_what_a_failed_attempt_still_said_is_not_taken_for_the_next_ones() -> None:
    error = UpstreamChunk(0, b'data: {"error": {"message": "overloaded"}}\n\n')
    first: list[Event] = [UpstreamHead(0, 200, ()), error, UpstreamEnded(0)]
    answer = UpstreamChunk(1, chunk("hello").data + STOP + USAGE + DONE)
    second: list[Event] = [UpstreamHead(1, 200, ()), answer, UpstreamEnded(1)]
    upstream, client, entries = SuddenUpstream(first, second), ListeningClient(), list[Entry]()
    driver, course = course_of(upstream, entries)
    await asyncio.wait_for(driver.perform(course.run(), client), 5)
    assert client.data == chunk("hello").data + STOP + DONE
    assert [attempt.failure for attempt in entries[0].attempts] == ["overloaded", None]


class PatientUpstream(ScriptedUpstream):
    """Says nothing until its client has heard a sign of life."""

    def __init__(self, client: ListeningClient, script: list[Event]) -> None:
        super().__init__(script)
        self._client = client

    def start(self, command: CallUpstream, sink: Callable[[Event], None]) -> ScriptedCall:
        call, script = ScriptedCall(), self._scripts.pop(0)
        self.calls.append(call)

        def look() -> None:
            if COMMENT not in self._client.data:
                asyncio.get_running_loop().call_later(0.005, look)
                return
            for event in script:
                sink(event)

        look()
        return call


def test_a_client_that_waits_in_silence_hears_a_sign_of_life_and_then_the_answer() -> None:
    async def scenario() -> tuple[bytes, list[Entry]]:
        client, entries = ListeningClient(), list[Entry]()
        script: list[Event] = [UpstreamHead(0, 200, ()), chunk("hi"), UpstreamChunk(0, STOP + DONE), UpstreamEnded(0)]
        upstream = PatientUpstream(client, script)
        deadlines = Deadlines(first_byte_s=30, keep_alive_s=0.01)
        loop = asyncio.get_running_loop()
        plan = msgspec.structs.replace(plan_for(A, deadlines=deadlines), started_s=loop.time())
        await Driver(upstream, Notebook(entries.append)).perform(Course(plan, loop.time).run(), client)
        return client.data, entries

    data, entries = asyncio.run(scenario())
    assert data.startswith(COMMENT)
    assert data.replace(COMMENT, b"") == chunk("hi").data + STOP + DONE
    assert [entry.state for entry in entries] == ["completed"]


async def checking(check: Check | None, *answers: list[Event]) -> Entry:
    """An exchange whose answers are checked, performed."""
    client, entries = ListeningClient(), list[Entry]()
    loop = asyncio.get_running_loop()
    strategy = Strategy("check", check=Validator(python="answer == 'hello'"))
    members = [Member("a/m", "x", 0.6, 0.001), Member("b/m", "y", 0.7, 0.01)]
    rule = make_check_rule(members, SHIPPED_VOTES.of("text"), "b/m", 4)
    plan = msgspec.structs.replace(plan_for(A, B), started_s=loop.time())
    course = Cascade(plan, CascadePlan(strategy, rule, SHIPPED_VOTES, strategy.check), loop.time)
    await Driver(ScriptedUpstream(*answers), Notebook(entries.append), check).perform(course.run(), client)
    assert client.ended
    return entries[0]


def says(attempt: int, text: str) -> list[Event]:
    return [
        UpstreamHead(attempt, 200, ()),
        chunk(text, attempt),
        UpstreamChunk(attempt, STOP + USAGE + DONE),
        UpstreamEnded(attempt),
    ]


async def test_an_answer_is_checked_in_a_process_and_the_next_one_tries() -> None:
    entry = await checking(None, says(0, "goodbye"), says(1, "hello"))
    assert [attempt.vote.check if attempt.vote else None for attempt in entry.attempts] == ["failed", "passed"]


async def test_a_check_that_cannot_be_started_is_nobodys_wrong_answer() -> None:
    async def refuse(_: Validator, __: str) -> Verdict:
        raise OSError(11, "Resource temporarily unavailable")

    entry = await checking(refuse, says(0, "goodbye"))
    assert entry.deliberation is not None
    assert entry.deliberation.check == "inconclusive"
    assert "Resource temporarily unavailable" in entry.deliberation.reason


async def test_a_check_under_way_ends_with_the_exchange() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(_: Validator, __: str) -> Verdict:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    performing = asyncio.ensure_future(checking(hang, says(0, "hello")))
    await asyncio.wait_for(begun.wait(), 5)
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing
    await asyncio.wait_for(ended.wait(), 5)


class Holding:
    """A ticket that gives leave and remembers what was asked of it."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def ask(self, command: AskLeave, sink: Callable[[Event], None]) -> None:
        self.said.append(f"ask {command.attempt}")
        sink(LeaveGiven(command.attempt))

    def leave(self, attempt: int) -> None:
        self.said.append(f"leave {attempt}")

    def charge(self, entry: Entry) -> Entry:
        return msgspec.structs.replace(entry, charged_nano_usd=7)

    def settle(self, entry: Entry) -> None:
        self.said.append(f"settle {entry.charged_nano_usd}")

    def close(self) -> None:
        self.said.append("close")


async def test_a_ticket_is_asked_before_the_call_and_settled_once_the_entry_is_written() -> None:
    upstream, entries, ticket = ScriptedUpstream(ANSWER), list[Entry](), Holding()
    driver, course = course_of(upstream, entries, metered=True)
    await driver.perform(course.run(), ListeningClient(), ticket)
    assert ticket.said == ["ask 0", "settle 7", "leave 0", "close"]
    assert [entry.charged_nano_usd for entry in entries] == [7]


async def test_a_ticket_is_settled_when_the_gateway_stops_in_the_midst() -> None:
    upstream, entries, ticket = ScriptedUpstream(ANSWER[:2]), list[Entry](), Holding()
    driver, course = course_of(upstream, entries, metered=True)
    performing = asyncio.ensure_future(driver.perform(course.run(), ListeningClient(), ticket))
    while not upstream.calls:
        await asyncio.sleep(0)
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing
    assert ticket.said == ["ask 0", "leave 0", "settle 7", "close"]


async def test_what_is_under_way_is_counted_to_its_end_however_it_ends() -> None:
    begun: list[str] = []
    ended: list[str] = []
    loop = asyncio.get_running_loop()
    failed: list[Event] = [UpstreamFailed(0, "connect", "refused")]
    stories: list[list[list[Event]]] = [[failed, [UpstreamHead(1, 200, ()), chunk("hi", 1)]], [[]], [failed, []]]
    for scripts in stories:
        client, entries = ListeningClient(), list[Entry]()
        plan = msgspec.structs.replace(plan_for(A, B), started_s=loop.time())
        notebook = Notebook(entries.append, begin=begun.append, end=ended.append)
        upstream = ScriptedUpstream(*scripts)
        performing = asyncio.ensure_future(Driver(upstream, notebook).perform(Course(plan, loop.time).run(), client))
        while len(upstream.calls) < len(scripts):
            await asyncio.sleep(0)
        client.leave()
        await performing
    assert begun == ["a/m", "b/m", "a/m", "a/m", "b/m"]
    assert ended == begun
