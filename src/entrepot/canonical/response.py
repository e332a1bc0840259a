"""An answer in canonical form, and the tokens it was billed for.

Rules of this file: the kinds of tokens are disjoint. Providers count differently (OpenAI's input includes cache reads,
Anthropic's does not; OpenAI's output includes reasoning, Gemini's does not); a dialect takes them apart on the way in and
puts them together on the way out.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from entrepot.canonical.request import Part

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "pause", "error", "unknown"]
"""Why a choice ended. `pause`: the provider interrupted a long turn; sent back as it is, the model goes on."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens by kind, disjoint. `estimated` says that the provider did not report them and we counted what we saw.

    `cache_write_1h_tokens` says how many of `cache_write_tokens` are kept for an hour, which some providers bill dearer, and
    `audio_input_tokens` and `audio_output_tokens` how many of their kind are sound. `service_tier` is the service that the
    provider says it billed, by its own word; None where it says nothing.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    extra: dict[str, Any] = {}
    cache_write_1h_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    service_tier: str | None = None

    @property
    def all_input(self) -> int:
        """Everything the model read."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def all_output(self) -> int:
        """Everything the model wrote."""
        return self.output_tokens + self.reasoning_tokens


class Choice(msgspec.Struct, frozen=True):
    """One of the `n` answers."""

    index: int
    parts: tuple[Part, ...]
    finish_reason: FinishReason
    extra: dict[str, Any] = {}


class Vector(msgspec.Struct, frozen=True, tag="vector"):
    """The embedding of one input, as its provider wrote it, so that no number is read without need.

    Exactly one of the two is set: `numbers` is the JSON array, byte for byte; `base64` is of float32, little-endian.
    """

    numbers: bytes | None = None
    base64: str | None = None
    extra: dict[str, Any] = {}


class Response(msgspec.Struct, frozen=True):
    """A whole answer. `model` is the name the provider claims: a signal, never what is priced.

    `dialect` is the provider's: names in any `extra` are its words (but see request.SHARED_EXTRA). `created` is Unix seconds, 0
    where the provider does not say. `vectors` are those of an embedding request, in the order of its inputs; it has no choices.
    """

    id: str
    model: str
    created: int
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    extra: dict[str, Any] = {}
    dialect: str = ""
    vectors: tuple[Vector, ...] = ()
