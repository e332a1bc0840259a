"""How much of a limit is left, in the headers of the client's dialect.

Rules of this file: OpenAI's and Anthropic's names; Gemini has none, and says in the body of a 429 when to come back. Source:
OpenAI, Rate limits, "Rate limits in headers"; Anthropic API reference, Rate limits, "Response headers".
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import NamedTuple

from entrepot.dialects.base import HeaderPairs


class Allowance(NamedTuple):
    """A limit a minute, what is left of it, and after how many seconds at most all of it is there again."""

    limit: int
    remaining: int
    reset_s: float


def render_rate_headers(
    dialect: str, requests: Allowance | None, tokens: Allowance | None, now_s: float
) -> HeaderPairs:
    """The headers of a client dialect, by its name; `now_s` is Unix time."""
    measures = [(name, one) for name, one in (("requests", requests), ("tokens", tokens)) if one is not None]
    if dialect.startswith("gemini"):
        return ()
    if dialect.startswith("anthropic"):
        return tuple(
            (f"anthropic-ratelimit-{name}-{what}".encode(), value.encode())
            for name, one in measures
            for what, value in (
                ("limit", str(one.limit)),
                ("remaining", str(one.remaining)),
                ("reset", _moment(now_s + one.reset_s)),
            )
        )
    return tuple(
        (f"x-ratelimit-{what}-{name}".encode(), value.encode())
        for name, one in measures
        for what, value in (
            ("limit", str(one.limit)),
            ("remaining", str(one.remaining)),
            ("reset", f"{math.ceil(one.reset_s)}s"),
        )
    )


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(math.ceil(at_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
