"""What is said on routes that keep it, gathered as it is sent and written down before its end leaves.

Rules of this file: keeping never fails an answer. Of it, gathering is a list of what was sent, and writing one append to a spool;
reading what the bytes say is left to the control process. The request is kept as it left: what is redacted is not in it. A client
or a rule can only have less kept. An exchange that is longer than `max_bytes` is kept as nothing but that it was.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Literal

import msgspec

from entrepot.drive.driver import Client
from entrepot.errors import LedgerError
from entrepot.exchange.commands import SendHead
from entrepot.exchange.plan import Plan
from entrepot.ledger.content.record import Form, Kept, Sent
from entrepot.ledger.content.seal import Seals

log = logging.getLogger("entrepot.content")

Result = Literal["kept", "withheld", "too_long", "failed"]
Count = Callable[[str, Result, int], None]
_DAY_S = 86_400
_ENCODER = msgspec.msgpack.Encoder()


class ContentKeeper:
    """Keeps what is said on `routes`, with `append`, sealed, for `keep_days`; each exchange of theirs is counted."""

    def __init__(
        self,
        routes: frozenset[str],
        append: Callable[[Kept], None],
        seals: Seals,
        *,
        keep_days: int,
        max_bytes: int,
        count: Count = lambda _route, _result, _size: None,
    ) -> None:
        self._routes = routes
        self._append = append
        self._seals = seals
        self._keep_s = keep_days * _DAY_S
        self.max_bytes = max_bytes
        self._count = count
        self._told = ""

    def listen(self, client: Client, plan: Plan, *, may_store: bool) -> AbstractContextManager[Client]:
        """The client through which what it is sent is kept; the client itself where nothing is to be."""
        if plan.route not in self._routes or plan.route is None or plan.asked.request.operation != "generate":
            return nullcontext(client)
        if plan.no_store or not may_store:
            self._count(plan.route, "withheld", 0)
            return nullcontext(client)
        return Listening(client, plan, self)

    def keep(self, plan: Plan, status: int, pieces: list[bytes] | None, *, ended: bool) -> None:
        """Write it down; `pieces` None: they were too long."""
        route = plan.route or ""
        try:
            size = self._write(plan, route, status, pieces, ended=ended)
        except LedgerError as error:
            self._count(route, "failed", 0)
            if error.message != self._told:
                log.error("content could not be kept: %s", error.message)
            self._told = error.message
        else:
            self._count(route, "too_long" if size is None else "kept", size or 0)
            self._told = ""

    def _write(self, plan: Plan, route: str, status: int, pieces: list[bytes] | None, *, ended: bool) -> int | None:
        """How long it is, None where it is too long."""
        form: Form = "sent"
        body, length, sealed_by = b"", 0, None
        if pieces is not None:
            body = _encode(Sent(plan.asked.request, status, ended, b"".join(pieces)), plan.id)
            length = len(body)
        if pieces is None or length > self.max_bytes:
            form, body, length = "too_long", b"", 0
        else:
            sealed_by, body = self._seals.seal(body, plan.id, form)
        self._append(
            Kept(
                id=plan.id,
                started_ns=plan.started_ns,
                key=plan.principal.key,
                team=plan.principal.team,
                route=route,
                dialect=plan.client.name,  # in which it was answered; what was asked may have become another's words
                keep_until_s=plan.started_ns // 1_000_000_000 + self._keep_s,
                form=form,
                sealed_by=sealed_by,
                length=length,
                body=body,
            )
        )
        return length if form == "sent" else None


def _encode(sent: Sent, exchange: str) -> bytes:
    try:
        return _ENCODER.encode(sent)
    except (ValueError, OverflowError, TypeError, RecursionError) as error:
        # an integer beyond 64 bits, a lone surrogate, a thousand levels
        raise LedgerError(f"what was said in {exchange} cannot be written down: {error}") from error


class Listening(AbstractContextManager["Listening"]):
    """A client beside which what it is sent is gathered. It is kept once: with the last bytes, or at the end of the exchange,
    before which the client may have left, or been left.
    """

    def __init__(self, client: Client, plan: Plan, keeper: ContentKeeper) -> None:
        self._client = client
        self._plan = plan
        self._keeper = keeper
        self._status = 0
        self._room = keeper.max_bytes
        self._pieces: list[bytes] | None = []
        self._kept = False

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:
        """Send it on; the last bytes after all is written down."""
        if head is not None:
            self._status = head.status
        self._room -= len(data)
        if self._room < 0:
            self._pieces = None
        elif self._pieces is not None:
            self._pieces.append(data)
        if end:
            self._keep(ended=True)
        return self._client.send(head, data, end)

    def on_gone(self, call: Callable[[], None] | None) -> None:
        """As the client itself."""
        self._client.on_gone(call)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keep(ended=False)

    def _keep(self, *, ended: bool) -> None:
        if not self._kept:
            self._kept = True
            self._keeper.keep(self._plan, self._status, self._pieces, ended=ended)
            self._pieces = None


def _nothing(_: Kept) -> None:
    """There is no route to keep anything of."""


KEEP_NOTHING = ContentKeeper(frozenset(), _nothing, Seals(), keep_days=1, max_bytes=0)
