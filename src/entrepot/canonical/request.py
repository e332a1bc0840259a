"""A request in canonical form: what the client asks, without the dialect it was asked in.

Rules of this file: every value is frozen; what a dialect says and this form does not name is kept in `extra` (by the
name the dialect gives it), so a translation loses nothing silently. Text that a provider bound to itself (reasoning
signatures) carries the provider dialect that made it and is replayed only there. Names in `extra` are those of the dialect
the value came from (`Asked.dialect`, `Response.dialect`), except SHARED_EXTRA, which mean the same whatever the dialect.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

SEARCH_BESIDE = "search_beside"
"""Where `Request.extra` names the searches that a provider of the client's own dialect is told of and others are not."""
SHARED_EXTRA = frozenset({"cache_control", "citations", "logprobs", "stop_sequence"})
"""Names in an `extra` that every dialect understands alike.

`cache_control` on a part, message or tool: the prompt up to here may be cached, as `{"type": "ephemeral", "ttl": "5m"}` (`ttl`
optional, also `1h`). `citations` on a text: a list of `{"url", "title", "cited_text", "start", "end"}`, each optional, `start`
and `end` in characters of that text, and `raw` as the source's own object. `logprobs` on a choice: OpenAI chat's object.
`stop_sequence` on a choice: the stop text that ended it.
"""

Operation = Literal["generate", "embed"]

Role = Literal["system", "developer", "user", "assistant", "tool"]


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Plain text."""

    text: str
    extra: dict[str, Any] = {}


class Media(msgspec.Struct, frozen=True, tag="media"):
    """An image, a sound or a file: by address or as base64 data.

    `media_type` is an IANA type or empty if the dialect does not say; exactly one of `url`, `data` and `file_id` is set.
    """

    kind: Literal["image", "audio", "video", "file"]
    media_type: str = ""
    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    name: str | None = None
    detail: str | None = None
    extra: dict[str, Any] = {}


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """The model asks for a function; `arguments` is the JSON text as the model wrote it, which may be invalid.

    No arguments at all are `{}`, never empty text. `bound_to` is the dialect whose provider alone understands `signature`.
    """

    id: str
    name: str
    arguments: str
    signature: str | None = None
    extra: dict[str, Any] = {}
    bound_to: str | None = None


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    """What a function returned."""

    call_id: str
    parts: tuple[Text | Media | Unknown, ...]
    is_error: bool = False
    extra: dict[str, Any] = {}


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning"):
    """Reasoning text or opaque reasoning state. `bound_to` is the dialect whose provider alone understands `signature`.

    `redacted`: there is no text to read, and `signature` is the opaque state.
    """

    text: str
    signature: str | None = None
    redacted: bool = False
    bound_to: str | None = None
    extra: dict[str, Any] = {}


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The model declines, in its own words."""

    text: str


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """A part that the canonical form has no name for; renders only in the dialect it came from."""

    dialect: str
    raw: dict[str, Any]

    @property
    def kind(self) -> str:
        """What its dialect calls it: its `type`, or the first of its fields."""
        return str(self.raw.get("type") or next(iter(self.raw), ""))[:60]


Part = Text | Media | ToolCall | ToolResult | Reasoning | Refusal | Unknown


class Message(msgspec.Struct, frozen=True):
    """One turn. System and developer instructions are messages too, in the order the client gave them."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    extra: dict[str, Any] = {}

    def text(self) -> str:
        """The text parts, joined by line ends."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; `parameters` is a JSON Schema.

    `hosted` is set for a tool of the provider's own (web search, code execution, an editor it was trained on): the definition
    as its dialect words it, which no other dialect can say.
    """

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    extra: dict[str, Any] = {}
    hosted: dict[str, Any] | None = None


class ToolChoice(msgspec.Struct, frozen=True):
    """`auto`, `none`, `required`, or `named` with the `name` of the one tool to call."""

    mode: Literal["auto", "none", "required", "named"]
    name: str | None = None


class OutputFormat(msgspec.Struct, frozen=True):
    """Free text, any JSON value, or JSON by a schema."""

    kind: Literal["text", "json", "json_schema"] = "text"
    schema: dict[str, Any] | None = None
    name: str | None = None
    strict: bool | None = None


class Embedding(msgspec.Struct, frozen=True):
    """What is asked of the vector of one input: its length, and what it will be used for, in Gemini's words (`RETRIEVAL_QUERY`).

    `title` is that of the document which the input is. Absent settings are None.
    """

    dimensions: int | None = None
    task: str | None = None
    title: str | None = None


class Request(msgspec.Struct, frozen=True):
    """One request. Absent settings are None: the provider's own default applies.

    `model` is what the client asked for: a route, a model or a deployment.
    `operation` says what is wanted: an answer (`generate`), or a vector for each input (`embed`). The inputs of the latter are
    user messages, one for each, and `embeddings` says of each, in the same order, how it is to be embedded. An input given as
    token ids is an `Unknown` of its dialect (`token_ids`): they mean something to one model only. No answer's setting applies.
    `extra` holds the dialect's settings that have no name here, by their wire name; it is not sent to another dialect.
    `reasoning_effort` is `none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`; `reasoning_budget_tokens` the most tokens
    to reason with.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output_format: OutputFormat = OutputFormat()
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    reasoning_effort: str | None = None
    user: str | None = None
    stream: bool = False
    include_usage: bool = False
    extra: dict[str, Any] = {}
    top_k: int | None = None
    reasoning_budget_tokens: int | None = None
    operation: Operation = "generate"
    embeddings: tuple[Embedding, ...] = ()

    def parts(self) -> Iterator[Part]:
        """Every part of every message, in order."""
        for message in self.messages:
            yield from message.parts
