"""An exchange that somebody will look at once it is over: what its client was sent, as it was sent.

Rules of this file: on the way of an answer it does nothing but hold on to bytes, and not many. What they say is read afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from entrepot.canonical.fold import Folder
from entrepot.canonical.response import Response
from entrepot.dialects.base import Target
from entrepot.dialects.registry import PROVIDER_DIALECTS
from entrepot.drive.driver import Client
from entrepot.exchange.commands import SendHead
from entrepot.exchange.outcome_plan import SampledCheck, Shadowing
from entrepot.exchange.plan import Plan
from entrepot.exchange.records import Entry

MOST_BYTES = 1024 * 1024
"""Of one answer. What is longer is nobody's to read in passing."""


class Witness:
    """The client of `plan`, who is sent all that it would be without. `entry` is what was written down, once it was.

    `reads`: what is sent is kept, for `checks`, if `judged` for judges, and for whoever is asked beside (`shadows`).
    """

    def __init__(
        self,
        client: Client,
        plan: Plan,
        checks: tuple[SampledCheck, ...],
        *,
        judged: bool,
        reads: bool,
        shadows: tuple[Shadowing, ...] = (),
    ) -> None:
        self._client = client
        self.plan = plan
        self.checks = checks
        self.judged = judged
        self.reads = reads
        self.shadows = shadows
        self.entry: Entry | None = None
        self.size = 0
        self._pieces: list[bytes] = []

    @property
    def too_long(self) -> bool:
        """Whether it was more than is kept."""
        return self.size > MOST_BYTES

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:
        """As the client itself."""
        if self.reads:
            self.size += len(data)
            if self.size <= MOST_BYTES:
                self._pieces.append(data)
            else:
                self._pieces.clear()
        return self._client.send(head, data, end)

    def on_gone(self, call: Callable[[], None] | None) -> None:
        """As the client itself."""
        self._client.on_gone(call)

    def response(self) -> Response | None:
        """What the answer says; None where it is not whole, or is of a dialect that only clients speak."""
        plan = self.plan
        dialect = PROVIDER_DIALECTS.get(plan.client.name)
        if dialect is None or not self._pieces or self.too_long:
            return None
        parser, folder = dialect.open_parser(plan.asked, Target("", "")), Folder()
        for event in (*parser.feed(b"".join(self._pieces)), *parser.close()):
            folder.take(event)
        return folder.response() if folder.ended and folder.failure is None else None
