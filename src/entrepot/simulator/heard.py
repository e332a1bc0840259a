"""What a stand-in has heard: a request as every wire tells it, and the error by which a wire refuses one.

Rules of this file: no wire's own names. What a wire can say and a stand-in need not know is not here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class WireError(Exception):
    """An error answer. `headers` go with it, e.g. `retry-after`.

    `type`, `code` and `param` are OpenAI's words; a wire that has others makes them of `status` where `code` does not say more.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.headers = headers or {}


class OfferedTool(msgspec.Struct, frozen=True):
    """A function the model may call; `parameters` is a JSON Schema."""

    name: str
    parameters: dict[str, Any]


class CacheMark(msgspec.Struct, frozen=True):
    """The first `characters` of what the model reads may be cached for so long."""

    characters: int
    ttl: Literal["5m", "1h"] = "5m"


class Heard(msgspec.Struct, frozen=True):
    """What a stand-in needs to know of a request.

    `prompt` is the text of the last user message, with a line for each image or file in it; `read` everything the model reads,
    for counting; `system` the instructions in it. `tool_results` are the texts of the tool results that end the conversation,
    if it ends with any. `tool_choice` is a mode or a tool's name. `reasoning_effort` None leaves it to the model, and
    `max_reasoning_tokens` limits it. `replayed` are the reasoning texts of earlier turns that came back with a signature.
    `marks` is None where the provider caches by itself.
    """

    model: str
    prompt: str
    read: str
    tool_results: tuple[str, ...] = ()
    tools: tuple[OfferedTool, ...] = ()
    tool_choice: str = "auto"
    format: Literal["text", "json_object", "json_schema"] = "text"
    schema: dict[str, Any] | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    reasoning_effort: str | None = None
    max_reasoning_tokens: int | None = None
    shows_reasoning: bool = True
    system: str = ""
    parallel_calls: bool = True
    temperature: float | None = None
    replayed: tuple[str, ...] = ()
    marks: tuple[CacheMark, ...] | None = None
    operation: Literal["generate", "count_tokens"] = "generate"
    options: dict[str, Any] = {}
    """Choices that only its own wire understands, handed through to its renderer."""
