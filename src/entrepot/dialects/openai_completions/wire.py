"""The wire's shapes that the chat dialect does not have; a setting that is named alike there is read there.

Source: OpenAI API reference, Completions (openai SDK 3.54.0, `types/completion_create_params.py`, `types/completion_choice.py`).
"""

from __future__ import annotations

import msgspec

DIALECT = "openai-completions"
MAX_LOGPROBS = 20
"""What chat providers give; the legacy API gave at most 5."""


class WireRequest(msgspec.Struct):
    """A request's settings as far as they are this dialect's own. `prompt` is a text, texts, token ids, or lists of these."""

    model: str
    prompt: str | list[str | int | list[int]] | None = None
    suffix: str | None = None
    echo: bool | None = None
    best_of: int | None = None
    logprobs: bool | int | None = None


class WireLogprobs(msgspec.Struct):
    """How likely each token of a text is, in lists side by side."""

    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float]] | None = None
    text_offset: list[int] | None = None


class WireChoice(msgspec.Struct):
    """One of the answers, or a piece of it."""

    text: str
    index: int
    logprobs: WireLogprobs | None = None
    finish_reason: str | None = None


class WireCompletion(msgspec.Struct):
    """A whole answer or one chunk of a stream."""

    id: str
    object: str
    created: int
    model: str
    choices: list[WireChoice]


OWN_FIELDS = frozenset(WireRequest.__struct_fields__) - {"model"}
decode_request = msgspec.json.Decoder(WireRequest).decode
decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
encode = msgspec.json.Encoder().encode
