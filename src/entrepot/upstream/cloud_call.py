"""A call whose credentials a cloud lends: waits for them where there are none yet, and is made once more where they had ended.

Rules of this file: an exchange sees one call. A provider's refusal of an old grant is not shown to it; the refusal of a fresh
one is, and so is a second refusal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Literal

from entrepot.dialects.base import HeaderPairs
from entrepot.errors import OperatorError
from entrepot.exchange.commands import CallUpstream
from entrepot.exchange.events import Event, UpstreamFailed, UpstreamHead
from entrepot.upstream.clouds import Chain, Clouds
from entrepot.upstream.grant import Grant
from entrepot.upstream.running import RunningCall, Sink

Begin = Callable[[CallUpstream, Sink, HeaderPairs], RunningCall]
Keep = Callable[[asyncio.Task[None]], None]

STOPPING = "the gateway is stopping"

logger = logging.getLogger("entrepot.upstream")

# AWS, common errors: the session's token has ended; the key is no longer one.
_ENDED_AT_AWS = (b"ExpiredToken", b"UnrecognizedClient")


class CloudCall:
    """See `RunningCall`. `begin` makes a call with the credential headers it is given; `keep` gets every task that waits."""

    _chain: Chain

    def __init__(self, begin: Begin, keep: Keep, clouds: Clouds, command: CallUpstream, sink: Sink) -> None:
        self._begin = begin
        self._keep = keep
        self._clouds = clouds
        self._command = command
        self._sink = sink
        self._inner: RunningCall | None = None
        self._asked_again = False
        self._paused = False
        self._over = False

    def start(self) -> None:
        """Make the call, at once where a grant is at hand. Never calls the sink before it returns."""
        try:
            self._chain = self._clouds.chain(self._command.deployment)
        except OperatorError as error:
            asyncio.get_running_loop().call_soon(self._refuse, error)
            return
        grant = self._chain.current()
        if grant is None:
            self._wait()
        else:
            self._run(grant)

    def cancel(self) -> None:
        """See `RunningCall`."""
        self._over = True
        if self._inner is not None:
            self._inner.cancel()

    def pause(self) -> None:
        """See `RunningCall`."""
        self._paused = True
        if self._inner is not None:
            self._inner.pause()

    def resume(self) -> None:
        """See `RunningCall`."""
        self._paused = False
        if self._inner is not None:
            self._inner.resume()

    def _wait(self) -> None:
        task = asyncio.get_running_loop().create_task(self._run_when_granted())
        task.add_done_callback(self._waited)
        self._keep(task)

    async def _run_when_granted(self) -> None:
        grant = await self._chain.wait()
        if not self._over:
            self._run(grant)

    def _waited(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._fail("cut_off", STOPPING)
            return
        error = task.exception()
        if isinstance(error, OperatorError):
            self._refuse(error)
        elif error is not None:
            logger.error("waiting for a cloud's credentials failed by a defect", exc_info=error)
            self._fail("auth", "the gateway's credentials for this provider could not be had")

    def _run(self, grant: Grant) -> None:
        def take(event: Event) -> None:
            if isinstance(event, UpstreamHead) and not self._asked_again and _says_ended(event):
                self._asked_again = True
                if self._chain.refused(grant):
                    inner.cancel()
                    self._inner = None
                    self._wait()
                    return
            self._sink(event)

        inner = self._begin(self._command, take, grant.headers(self._command.request))
        self._inner = inner
        if self._paused:
            inner.pause()

    def _refuse(self, error: OperatorError) -> None:
        if not self._over:
            logger.error("deployment %s cannot be called: %s", self._command.deployment.id, error.message)
            self._fail("auth", error.public)

    def _fail(self, kind: Literal["auth", "cut_off"], message: str) -> None:
        if not self._over:
            self._over = True
            self._sink(UpstreamFailed(self._command.attempt, kind, message))


def _says_ended(head: UpstreamHead) -> bool:
    """Whether an answer can mean that the grant has ended, rather than that it does not permit this."""
    if head.status == 401:
        return True
    if head.status not in (400, 403):
        return False
    kind = next((value for name, value in head.headers if name == b"x-amzn-errortype"), b"")
    return kind.startswith(_ENDED_AT_AWS)
