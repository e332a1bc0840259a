"""An answer as it arrives: canonical stream events.

Rules of this file: an event says what became known, in the order in which the provider said it; `index` counts choices,
`call` counts tool calls inside a choice, both from 0. Text, reasoning and refusal deltas continue the latest part of their
choice where that is of their kind, and begin a new part where it is not, or where they say `begins`. Tool calls are told
apart by `call`, so their deltas may interleave. `extra` grows: see fold.py. A stream that has no `Finished` before its end was
cut off, not finished. A stream ends with `Ended` or `Failed`, and nothing follows either.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from entrepot.canonical.request import Media, ToolResult, Unknown
from entrepot.canonical.response import FinishReason, Usage, Vector

FailureKind = Literal[
    "rate_limit",
    "quota",
    "context_length",
    "content_filter",
    "auth",
    "overloaded",
    "bad_request",
    "model_gone",
    "region",
    "server_error",
    "connect",
    "timeout",
    "protocol",
    "cut_off",
    "our_limit",
    "our_budget",
]
"""What went wrong, in one word. The last two are not the provider's: a limit or a budget of ours kept the call back."""


class Failure(msgspec.Struct, frozen=True):
    """What went wrong at a provider, classified by body first and status second.

    `status` is the HTTP status, 0 if there was none. `retry_after_s` is the provider's own hint.
    """

    kind: FailureKind
    message: str
    status: int = 0
    code: str | None = None
    retry_after_s: float | None = None
    extra: dict[str, Any] = {}


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The provider began to answer. `dialect` is the provider's; `created` is Unix seconds, 0 where it does not say."""

    id: str
    model: str
    created: int = 0
    dialect: str = ""


class TextDelta(msgspec.Struct, frozen=True, tag="text_delta"):
    """More text of choice `index`, or more that is known of it (`extra`)."""

    text: str
    index: int = 0
    begins: bool = False
    extra: dict[str, Any] = {}


class ReasoningDelta(msgspec.Struct, frozen=True, tag="reasoning_delta"):
    """More reasoning text, or the signature that seals it. A later signature of the same part is appended to it.

    `redacted` and `bound_to` are those of request.Reasoning; said once for a part, they hold for it.
    """

    text: str = ""
    signature: str | None = None
    index: int = 0
    begins: bool = False
    redacted: bool = False
    bound_to: str | None = None
    extra: dict[str, Any] = {}


class RefusalDelta(msgspec.Struct, frozen=True, tag="refusal_delta"):
    """More of the model's own words of refusal."""

    text: str
    index: int = 0
    begins: bool = False


class ToolCallStarted(msgspec.Struct, frozen=True, tag="tool_call_started"):
    """A tool call begins. `call` is one more than the choice's latest."""

    call: int
    id: str
    name: str
    index: int = 0
    signature: str | None = None
    bound_to: str | None = None
    extra: dict[str, Any] = {}


class ToolCallDelta(msgspec.Struct, frozen=True, tag="tool_call_delta"):
    """More of a tool call's JSON arguments. A call without any is folded to `{}`."""

    call: int
    arguments: str
    index: int = 0


class PartAdded(msgspec.Struct, frozen=True, tag="part_added"):
    """A part that came whole: an image or a sound, or what the canonical form has no name for."""

    part: Media | ToolResult | Unknown
    index: int = 0


class VectorAdded(msgspec.Struct, frozen=True, tag="vector_added"):
    """The embedding of input `index`, counted from 0."""

    vector: Vector
    index: int = 0


class Noted(msgspec.Struct, frozen=True, tag="noted"):
    """More of the `extra` of choice `index`, or of the answer as a whole where `index` is None."""

    extra: dict[str, Any]
    index: int | None = None


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """Choice `index` ended for a reason. Usage and notes may still follow."""

    reason: FinishReason
    index: int = 0


class UsageReported(msgspec.Struct, frozen=True, tag="usage"):
    """All that the provider has counted so far; a later report replaces an earlier one."""

    usage: Usage


class Pinged(msgspec.Struct, frozen=True, tag="pinged"):
    """The provider shows that it is alive; nothing was said."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The answer cannot be completed: the provider reported an error, broke off, or is not to be understood."""

    failure: Failure


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The answer is complete; nothing follows."""


StreamEvent = (
    Started
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallStarted
    | ToolCallDelta
    | PartAdded
    | VectorAdded
    | Noted
    | Finished
    | UsageReported
    | Pinged
    | Failed
    | Ended
)
