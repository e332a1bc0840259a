"""How much of a provider's answer is taken, and how long connections are kept."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """What the client takes before it calls an answer malformed, and what it keeps open between calls.

    `max_head_bytes` bounds all heads of one answer together, informational ones included; `max_body_bytes` the body, both
    as it is transferred and as it is decoded. A connection idle for `idle_s` or older than `max_age_s` is not used again:
    30 s is below the idle timeouts of the usual load balancers, 300 s lets a change of a provider's DNS take effect.
    """

    max_head_bytes: int = 64 * 1024
    max_headers: int = 200
    max_body_bytes: int = 256 * 1024 * 1024
    idle_s: float = 30.0
    max_age_s: float = 300.0
    max_idle_per_origin: int = 128


DEFAULT_LIMITS = Limits()
