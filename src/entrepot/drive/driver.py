"""Carries out the commands of an exchange and feeds back what happens.

Rules of this file: it decides nothing. A command returns at once, except `Wait` and the sending of bytes, which waits for
the client's readiness. After the client has gone, and on cancellation, the generator is run to its end without sending, so
that every exchange is written down. Nothing is yielded in a `finally`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Protocol

import msgspec

from entrepot.drive.alarms import Alarms
from entrepot.drive.inbox import Inbox
from entrepot.drive.validate import validate
from entrepot.exchange.commands import (
    AskLeave,
    CallUpstream,
    CancelUpstream,
    Command,
    Learn,
    Record,
    Remember,
    RunCheck,
    SendHead,
    SendToClient,
    Wait,
)
from entrepot.exchange.events import (
    CheckEnded,
    ClientGone,
    DeadlinePassed,
    Event,
    UpstreamAnswer,
    UpstreamEnded,
    UpstreamFailed,
)
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.routing.session import Remembered
from entrepot.routing.validator import Validator, Verdict

MOST_CHECKS = 4
"""Processes that check answers at the same time, for one gateway process; others wait their turn."""


class RunningCall(Protocol):
    """An attempt under way, as `upstream` offers it."""

    def cancel(self) -> None:
        """Drop it now."""
        ...

    def pause(self) -> None:
        """Stop reading."""
        ...

    def resume(self) -> None:
        """Read on."""
        ...


class Upstream(Protocol):
    """What starts attempts."""

    def start(self, command: CallUpstream, sink: Callable[[Event], None]) -> RunningCall:
        """Start one; its events go to `sink`."""
        ...


class Client(Protocol):
    """The other end of an exchange: an HTTP client of the server, or a job of ours."""

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:
        """Send bytes, behind a head where there is one; `end` says that they are the last.

        What comes back is to be awaited before more is sent: until there is room for it, or the client takes nothing and is
        given up as gone. None: there is room.
        """
        ...

    def on_gone(self, call: Callable[[], None] | None) -> None:
        """Have this called, in place of what was to be called before, once the client has closed its connection."""
        ...


class Notebook(msgspec.Struct, frozen=True, eq=False):
    """Where what an exchange teaches is written: entries, the health of deployments, what is remembered of sessions.

    `begin` and `end` are told the deployment of every attempt whose call begins, and is over.
    """

    record: Callable[[Entry], None]
    learn: Callable[[AttemptRecord], None] = lambda _: None
    keep: Callable[[bytes, Remembered], None] = lambda _key, _remembered: None
    begin: Callable[[str], None] = lambda _: None
    end: Callable[[str], None] = lambda _: None


class Ticket(Protocol):
    """What an exchange was let in with, where limits or budgets hold for it (`admit.py`)."""

    def ask(self, command: AskLeave, sink: Callable[[Event], None]) -> None:
        """Whether an attempt may be made; the answer goes to `sink`, now or later."""
        ...

    def leave(self, attempt: int) -> None:
        """The attempt is over, or waits no longer: what it held at once is free."""
        ...

    def charge(self, entry: Entry) -> Entry:
        """The entry with what its budgets are charged."""
        ...

    def settle(self, entry: Entry) -> None:
        """The entry is written down: what it did not use is free."""
        ...

    def close(self) -> None:
        """The exchange is over. What was never settled stays charged if anybody was called."""
        ...


_NOTED = frozenset({ClientGone, UpstreamEnded, UpstreamAnswer, UpstreamFailed})
Check = Callable[[Validator, str], Awaitable[Verdict]]


class Driver:
    """Performs exchanges over one upstream, writing what they teach into `notebook`.

    Answers are checked with `check`, by default at most MOST_CHECKS at once in processes of their own.
    """

    def __init__(self, upstream: Upstream, notebook: Notebook, check: Check | None = None) -> None:
        self._upstream = upstream
        self._notebook = notebook
        self._alarms: Alarms | None = None  # of the loop in which the first exchange is performed
        self._check = check or partial(validate, slots=asyncio.Semaphore(MOST_CHECKS))

    async def perform(
        self, course: Generator[Command, Event, None], client: Client, ticket: Ticket | None = None
    ) -> None:
        """Run one exchange to its end. Raises nothing of the client's or a provider's making."""
        if self._alarms is None:
            self._alarms = Alarms()
        performance = _Performance(self._upstream, self._notebook, self._check, self._alarms, client, ticket)
        try:
            client.on_gone(performance.note_gone)
            await performance.run(course)
        except asyncio.CancelledError:
            performance.drain(course)
            raise
        finally:
            client.on_gone(None)
            performance.drop()


class _Performance:
    """One exchange being performed. A head waits for the bytes that follow it, and leaves with them."""

    def __init__(
        self,
        upstream: Upstream,
        notebook: Notebook,
        check: Check,
        alarms: Alarms,
        client: Client,
        ticket: Ticket | None,
    ) -> None:
        self._upstream = upstream
        self._notebook = notebook
        self._check = check
        self._checks: set[asyncio.Task[None]] = set()
        self._client = client
        self._ticket = ticket
        self._calls: dict[int, RunningCall] = {}
        self._called: dict[int, str] = {}
        self._inbox = Inbox(self._calls, alarms)
        self._head: SendHead | None = None
        self._gone = False
        self._waiting = False

    def note_gone(self) -> None:
        """The client has closed its connection: sending to it would not tell."""
        self._inbox.put(ClientGone())

    async def run(self, course: Generator[Command, Event, None]) -> None:
        """Until the generator returns."""
        inbox = self._inbox
        try:
            command = next(course)
            while True:
                if type(command) is Wait:
                    event = inbox.take()
                    if event is None:
                        self._waiting = True
                        event = await inbox.get(command.until_s)
                        self._waiting = False
                    if type(event) in _NOTED:
                        self._note(event)
                    command = course.send(event)
                    continue
                if type(command) is SendToClient:
                    room = self._send(command)
                    if room is not None:
                        await room
                else:
                    self._carry_out(command)
                command = next(course)
        except StopIteration:
            return

    def _note(self, event: Event) -> None:
        if isinstance(event, ClientGone):
            self._gone = True
        elif isinstance(event, (UpstreamAnswer, UpstreamEnded, UpstreamFailed)):  # a union costs ten times that
            self._end(event.attempt)

    def _carry_out(self, command: Command) -> None:
        match command:
            case SendHead():
                self._head = command
            case CallUpstream():
                self._called[command.attempt] = command.deployment.id
                self._notebook.begin(command.deployment.id)
                self._calls[command.attempt] = self._upstream.start(command, self._inbox.put)
            case CancelUpstream():
                call = self._end(command.attempt)
                if call is not None:
                    call.cancel()
                self._inbox.drop(command.attempt)
            case AskLeave() if self._ticket is not None:
                self._ticket.ask(command, self._inbox.put)
            case Record():
                self._write_down(command.entry)
            case Learn():
                self._notebook.learn(command.attempt)
            case Remember():
                for key in command.keys:
                    self._notebook.keep(key, command.remembered)
            case RunCheck():
                task = asyncio.ensure_future(self._run_check(command))
                self._checks.add(task)
                task.add_done_callback(self._checks.discard)
            case _:
                pass  # sending, while draining: there is nobody to send to

    async def _run_check(self, command: RunCheck) -> None:
        try:
            verdict = await self._check(command.check, command.answer)
        except OSError as error:  # no process could be started
            verdict = Verdict(False, f"the check could not be started: {error.strerror}", conclusive=False)
        self._inbox.put(CheckEnded(command.attempt, verdict))

    def _end(self, attempt: int) -> RunningCall | None:
        if self._ticket is not None:
            self._ticket.leave(attempt)
        if (called := self._called.pop(attempt, None)) is not None:
            self._notebook.end(called)
        return self._calls.pop(attempt, None)

    def _write_down(self, entry: Entry) -> None:
        if self._ticket is None:
            self._notebook.record(entry)
            return
        entry = self._ticket.charge(entry)
        self._notebook.record(entry)
        self._ticket.settle(entry)

    def _send(self, command: SendToClient) -> Awaitable[None] | None:
        if self._gone:
            return None
        head, self._head = self._head, None
        return self._client.send(head, command.data, command.end)

    def drain(self, course: Generator[Command, Event, None]) -> None:
        """Run the generator to its end as if the client had gone: what happened is still written down."""
        event: Event = ClientGone()
        try:
            command = course.send(event) if self._waiting else next(course)
            while True:
                if type(command) is Wait:
                    command = course.send(event)
                    event = DeadlinePassed()  # whoever still waits after the client has gone is out of time
                else:
                    self._carry_out(command)
                    command = next(course)
        except StopIteration:
            return

    def drop(self) -> None:
        """Free whatever an exchange left open."""
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
        for called in self._called.values():
            self._notebook.end(called)
        self._called.clear()
        self._inbox.close()
        for check in self._checks:
            check.cancel()
        if self._ticket is not None:
            self._ticket.close()
