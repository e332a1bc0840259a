"""An answer as it arrives: canonical stream events.

Rules of this file: an event says what became known, in the order in which the provider said it; `index` counts choices,
`call` counts tool calls inside a choice. A stream that has no `Finished` before its end was cut off, not finished.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from entrepot.canonical.response import FinishReason, Usage

FailureKind = Literal[
    "rate_limit",
    "quota",
    "context_length",
    "content_filter",
    "auth",
    "overloaded",
    "bad_request",
    "model_gone",
    "server_error",
    "connect",
    "timeout",
    "protocol",
    "cut_off",
]


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
    """The provider began to answer."""

    id: str
    model: str
    created: int = 0


class TextDelta(msgspec.Struct, frozen=True, tag="text_delta"):
    """More text of choice `index`."""

    text: str
    index: int = 0


class ReasoningDelta(msgspec.Struct, frozen=True, tag="reasoning_delta"):
    """More reasoning text, or the signature that seals it."""

    text: str = ""
    signature: str | None = None
    index: int = 0


class RefusalDelta(msgspec.Struct, frozen=True, tag="refusal_delta"):
    """More of the model's own words of refusal."""

    text: str
    index: int = 0


class ToolCallStarted(msgspec.Struct, frozen=True, tag="tool_call_started"):
    """A tool call begins."""

    call: int
    id: str
    name: str
    index: int = 0


class ToolCallDelta(msgspec.Struct, frozen=True, tag="tool_call_delta"):
    """More of a tool call's JSON arguments."""

    call: int
    arguments: str
    index: int = 0


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """Choice `index` ended for a reason."""

    reason: FinishReason
    index: int = 0


class UsageReported(msgspec.Struct, frozen=True, tag="usage"):
    """What the provider counted so far; a later report replaces an earlier one."""

    usage: Usage


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The provider reported an error inside a stream that began well."""

    failure: Failure


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The dialect's end marker was seen; nothing follows."""


StreamEvent = (
    Started
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallStarted
    | ToolCallDelta
    | Finished
    | UsageReported
    | Failed
    | Ended
)
