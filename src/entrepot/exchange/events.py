"""What happened outside. Past facts, sent into the generator at a `Wait`."""

from __future__ import annotations

import msgspec

from entrepot.canonical.stream import Failure, FailureKind
from entrepot.routing.validator import Verdict

RawHeaders = tuple[tuple[bytes, bytes], ...]


class UpstreamHead(msgspec.Struct, frozen=True):
    """The provider answered: status and headers, names in lower case. Informational (1xx) heads are not reported."""

    attempt: int
    status: int
    headers: RawHeaders


class UpstreamChunk(msgspec.Struct, frozen=True):
    """Bytes of the body, transfer and content coding removed."""

    attempt: int
    data: bytes


class UpstreamEnded(msgspec.Struct, frozen=True):
    """The body is complete by its own framing."""

    attempt: int


class UpstreamFailed(msgspec.Struct, frozen=True):
    """The call broke. `connect`: there was no connection, or none in time, so nothing was sent. `protocol`: malformed HTTP.
    `cut_off`: closed before the body was complete. `auth`: the installation's credentials cannot be sent.
    """

    attempt: int
    kind: FailureKind
    message: str


class UpstreamAnswer(msgspec.Struct, frozen=True):
    """The provider's whole answer at once: what `UpstreamHead`, `UpstreamChunk` and `UpstreamEnded` tell one after the other."""

    attempt: int
    status: int
    headers: RawHeaders
    data: bytes


class LeaveGiven(msgspec.Struct, frozen=True):
    """The attempt may be made: no limit and no budget stands against it."""

    attempt: int


class LeaveRefused(msgspec.Struct, frozen=True):
    """The attempt may not be made: a limit of its deployment is reached, or a hard budget has no room for it."""

    attempt: int
    failure: Failure


class CheckEnded(msgspec.Struct, frozen=True):
    """The check of an attempt's answer is over."""

    attempt: int
    verdict: Verdict


class ClientGone(msgspec.Struct, frozen=True):
    """The client closed its connection; nothing can be sent to it any more."""


class DeadlinePassed(msgspec.Struct, frozen=True):
    """The moment that the last `Wait` named has passed."""


Event = (
    LeaveGiven
    | LeaveRefused
    | UpstreamHead
    | UpstreamChunk
    | UpstreamEnded
    | UpstreamAnswer
    | UpstreamFailed
    | CheckEnded
    | ClientGone
    | DeadlinePassed
)
