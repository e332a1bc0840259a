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

from entrepot.drive.inbox import Inbox
from entrepot.drive.validate import validate
from entrepot.exchange.commands import (
    CallUpstream,
    CancelUpstream,
    Command,
    Headers,
    Record,
    RunCheck,
    SendHead,
    SendToClient,
    Wait,
)
from entrepot.exchange.events import CheckEnded, ClientGone, DeadlinePassed, Event, UpstreamEnded, UpstreamFailed
from entrepot.exchange.records import Entry
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

    async def send_head(self, status: int, headers: Headers) -> None:
        """Send the head."""
        ...

    async def send_body(self, data: bytes, end: bool) -> None:
        """Send bytes; returns when there is room for more, or when the client takes nothing and is given up as gone."""
        ...

    async def wait_gone(self) -> None:
        """Returns when the client has closed its connection."""
        ...


Check = Callable[[Validator, str], Awaitable[Verdict]]


class Driver:
    """Performs exchanges over one upstream, writing entries with `record`. Answers are checked with `check`, by default at most
    MOST_CHECKS at once in processes of their own.
    """

    def __init__(self, upstream: Upstream, record: Callable[[Entry], None], check: Check | None = None) -> None:
        self._upstream = upstream
        self._record = record
        self._check = check or partial(validate, slots=asyncio.Semaphore(MOST_CHECKS))

    async def perform(self, course: Generator[Command, Event, None], client: Client) -> None:
        """Run one exchange to its end. Raises nothing of the client's or a provider's making."""
        performance = _Performance(self._upstream, self._record, self._check, client)
        watch = asyncio.ensure_future(performance.watch())
        try:
            await performance.run(course)
        except asyncio.CancelledError:
            performance.drain(course)
            raise
        finally:
            watch.cancel()
            performance.drop()


class _Performance:
    """One exchange being performed."""

    def __init__(self, upstream: Upstream, record: Callable[[Entry], None], check: Check, client: Client) -> None:
        self._upstream = upstream
        self._record = record
        self._check = check
        self._checks: set[asyncio.Task[None]] = set()
        self._client = client
        self._calls: dict[int, RunningCall] = {}
        self._inbox = Inbox(self._pause, self._resume)
        self._gone = False
        self._waiting = False

    async def watch(self) -> None:
        """Notice the client's going: sending to it would not tell."""
        await self._client.wait_gone()
        self._inbox.put(ClientGone())

    async def run(self, course: Generator[Command, Event, None]) -> None:
        """Until the generator returns."""
        try:
            command = next(course)
            while True:
                if type(command) is Wait:
                    self._waiting = True
                    event = await self._inbox.get(command.until_s)
                    self._waiting = False
                    self._note(event)
                    command = course.send(event)
                else:
                    if type(command) is SendToClient or type(command) is SendHead:
                        await self._send(command)
                    else:
                        self._carry_out(command)
                    command = next(course)
        except StopIteration:
            return

    def _note(self, event: Event) -> None:
        if isinstance(event, ClientGone):
            self._gone = True
        elif isinstance(event, UpstreamEnded | UpstreamFailed):
            self._calls.pop(event.attempt, None)

    def _carry_out(self, command: Command) -> None:
        match command:
            case CallUpstream():
                self._calls[command.attempt] = self._upstream.start(command, self._inbox.put)
            case CancelUpstream():
                call = self._calls.pop(command.attempt, None)
                if call is not None:
                    call.cancel()
                self._inbox.drop(command.attempt)
            case Record():
                self._record(command.entry)
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

    async def _send(self, command: SendToClient | SendHead) -> None:
        if self._gone:
            return
        if isinstance(command, SendHead):
            await self._client.send_head(command.status, command.headers)
        else:
            await self._client.send_body(command.data, command.end)

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
        for check in self._checks:
            check.cancel()

    def _pause(self) -> None:
        for call in self._calls.values():
            call.pause()

    def _resume(self) -> None:
        for call in self._calls.values():
            call.resume()
