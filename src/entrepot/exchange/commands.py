"""What an exchange asks of the outside. Imperatives; only `Wait` suspends, every other command returns at once.

A failure of a call comes back as an event, never as an exception: the course of an exchange reads from top to bottom.
"""

from __future__ import annotations

import msgspec

from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import WireRequest
from entrepot.exchange.plan import Candidate
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.routing.session import Remembered
from entrepot.routing.validator import Validator

Headers = tuple[tuple[bytes, bytes], ...]


class CallUpstream(msgspec.Struct, frozen=True):
    """Start attempt number `attempt`: send `request` to `deployment`. Its events carry the same number.

    `beside` are headers that no other request has: what is made ready for `request.headers` serves many.
    """

    attempt: int
    deployment: Deployment
    request: WireRequest
    connect_timeout_s: float = 10.0
    beside: Headers = ()


class AskLeave(msgspec.Struct, frozen=True, eq=False):
    """Ask whether attempt `attempt` may be made: `LeaveGiven` or `LeaveRefused` follows, perhaps after a while.

    `body_bytes` is the length of what would be sent, `before` what the attempts before it came to.
    """

    attempt: int
    candidate: Candidate
    body_bytes: int
    before: tuple[AttemptRecord, ...] = ()


class CancelUpstream(msgspec.Struct, frozen=True):
    """Drop attempt `attempt` at once and free its connection; no event of it follows."""

    attempt: int


class SendHead(msgspec.Struct, frozen=True):
    """Send the status and headers of the answer to the client. At most once."""

    status: int
    headers: Headers


class SendToClient(msgspec.Struct, frozen=True):
    """Send bytes of the answer; `end` says that they are the last."""

    data: bytes
    end: bool = False


class Record(msgspec.Struct, frozen=True):
    """Write the entry down before anything that follows is done."""

    entry: Entry


class Learn(msgspec.Struct, frozen=True):
    """Take in how an attempt fared, for the health of its deployment."""

    attempt: AttemptRecord


class Remember(msgspec.Struct, frozen=True):
    """Keep under each of `keys` what is to be remembered of the conversation, before the client can go on with it."""

    keys: tuple[bytes, ...]
    remembered: Remembered


class RunCheck(msgspec.Struct, frozen=True):
    """Start the check of an attempt's answer; `CheckEnded` tells what it found."""

    attempt: int
    check: Validator
    answer: str


class Wait(msgspec.Struct, frozen=True):
    """Suspend until the next event, or until the clock passes `until_s` (monotonic seconds): then `DeadlinePassed` comes."""

    until_s: float


Command = (
    AskLeave | CallUpstream | CancelUpstream | SendHead | SendToClient | Record | Learn | Remember | RunCheck | Wait
)
