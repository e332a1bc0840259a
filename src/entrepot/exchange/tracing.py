"""Which trace an exchange belongs to, and what providers are told of it: W3C Trace Context (Recommendation of 2021-11-23).

Rules of this file: span ids are made of the exchange's id, so that whoever has the entry knows them and nothing more has to be
kept. A trace that begins here has the digits of the exchange's id: the last 62 bits of a UUIDv7 are random. What a client says
of its trace is never an error: what is malformed is ignored (section 3.2), and a `tracestate` without a good `traceparent` too.
A provider that may not be told of a trace is told nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import HeaderPairs
from entrepot.exchange.records import Trace

Where = Literal["everywhere", "on_premises", "nowhere"]
"""Which deployments something may be sent to."""

SAMPLED = 0x01
_KNOWN_FLAGS = 0x03
MOST_STATE_CHARS = 512
_LONG_MEMBER_CHARS = 128
_MOST_MEMBERS = 32
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_KEY = rb"[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}"
_MEMBER = re.compile(rb"(%b)=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]" % _KEY)
_ID_BITS = 62
_ID_MASK = (1 << _ID_BITS) - 1
_STRIDE = 0x1E37_79B9_7F4A_7C15
"""Odd: attempt after attempt gets another id (2^62 over the golden ratio)."""


class TraceRules(msgspec.Struct, frozen=True):
    """`records`: spans of ours are kept, of `sample` of the traces that begin here. Which deployments are told of a trace.

    `tracestate` holds what the client's own tools put there; without `traceparent` it is never sent.
    """

    records: bool = False
    sample: float = 1.0
    traceparent: Where = "everywhere"
    tracestate: Where = "on_premises"


UNTRACED = TraceRules()


class Tracing(msgspec.Struct, frozen=True):
    """The trace of one exchange, and what may be told of it. `state` is the client's `tracestate`, empty without."""

    trace: Trace
    rules: TraceRules
    state: bytes = b""

    def headers(self, exchange: str, attempt: int, deployment: Deployment) -> HeaderPairs:
        """What the provider of this attempt is told."""
        rules = self.rules
        if not _reaches(rules.traceparent, deployment):
            return ()
        trace = self.trace
        span = trace.parent
        if trace.recorded or span is None:
            span = attempt_span_id(exchange, attempt)
        told = (b"traceparent", f"00-{trace.id}-{span}-{trace.flags:02x}".encode("ascii"))
        if self.state and _reaches(rules.tracestate, deployment):
            return told, (b"tracestate", self.state)
        return (told,)


def begin_tracing(rules: TraceRules, exchange: str, given: Sequence[bytes], state: bytes = b"") -> Tracing | None:
    """The trace of an exchange whose client sent these `traceparent` headers; None where it belongs to none."""
    parent = parse_traceparent(given[0].strip(b" \t")) if len(given) == 1 else None
    if parent is None:
        if not rules.records:
            return None
        begun = exchange.replace("-", "")
        recorded = int(begun[-14:], 16) < rules.sample * (1 << 56)
        return Tracing(Trace(begun, None, SAMPLED if recorded else 0, recorded=recorded), rules)
    recorded = rules.records and bool(parent.flags & SAMPLED)
    flags = parent.flags & _KNOWN_FLAGS if recorded else parent.flags
    trace = Trace(parent.id, parent.parent, flags, recorded=recorded)
    return Tracing(trace, rules, passed_state(state) if state else b"")


def parse_traceparent(value: bytes) -> Trace | None:
    """The trace that a header names (section 3.2.2), None where it is malformed. Later versions may add to it at its end."""
    found = _TRACEPARENT.fullmatch(value)
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    if trace == b"0" * 32 or parent == b"0" * 16:
        return None
    return Trace(trace.decode("ascii"), parent.decode("ascii"), int(flags, 16), recorded=False)


def passed_state(value: bytes) -> bytes:
    """A `tracestate` as it is sent on (section 3.3); empty where it is malformed. Of a long one, members are left out."""
    members = [member for part in value.split(b",") if (member := part.strip(b" \t"))]
    keys = [found[1] for member in members if (found := _MEMBER.fullmatch(member))]
    if len(keys) < len(members) or len(set(keys)) < len(keys) or len(keys) > _MOST_MEMBERS:
        return b""
    if _length(members) > MOST_STATE_CHARS:
        members = [member for member in members if len(member) <= _LONG_MEMBER_CHARS]
    while _length(members) > MOST_STATE_CHARS:
        members.pop()
    return b",".join(members)


def exchange_span_id(exchange: str) -> str:
    """The span of an exchange, as 16 hexadecimal digits: the lower half of its id, which is not zero in any UUID."""
    return exchange[19:23] + exchange[24:]


def attempt_span_id(exchange: str, attempt: int) -> str:
    """The span of one of its attempts: none of them is the exchange's or another's."""
    own = int(exchange_span_id(exchange), 16) & _ID_MASK
    return f"{(own + (attempt + 1) * _STRIDE) & _ID_MASK | 0b11 << _ID_BITS:016x}"


def _reaches(where: Where, deployment: Deployment) -> bool:
    return where == "everywhere" or (where == "on_premises" and deployment.on_premises)


def _length(members: Sequence[bytes]) -> int:
    return sum(map(len, members)) + len(members) - 1
