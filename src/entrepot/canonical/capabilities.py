"""What a request needs of a model, so that a candidate which cannot do it is never chosen."""

from __future__ import annotations

from typing import Literal

import msgspec

from entrepot.canonical.request import Media, Message, Reasoning, Request, Text, ToolCall, ToolResult, Unknown

Capability = Literal[
    "tools", "images", "audio", "files", "json", "json_schema", "logprobs", "multiple_choices", "embeddings"
]
"""What a model is able to do. One that makes `embeddings` does nothing but: it is never asked for an answer."""
TOKENS_OF_A_MESSAGE = 4
"""What a provider's template puts around one."""


def required_capabilities(request: Request) -> frozenset[Capability]:
    """The capabilities without which `request` cannot be answered."""
    needed: set[Capability] = set()
    if request.operation == "embed":
        needed.add("embeddings")
    if request.tools:
        needed.add("tools")
    if request.output_format.kind == "json":
        needed.add("json")
    elif request.output_format.kind == "json_schema":
        needed.add("json_schema")
    if request.n > 1:
        needed.add("multiple_choices")
    if request.extra.get("logprobs"):
        needed.add("logprobs")
    for part in request.parts():
        if isinstance(part, Media):
            needed.add(_MEDIA[part.kind])
        elif isinstance(part, ToolResult):
            needed.update(_MEDIA[inner.kind] for inner in part.parts if isinstance(inner, Media))
    return frozenset(needed)


class Gist(msgspec.Struct, frozen=True, gc=False):
    """What a request comes to: about how many tokens, what it needs of a model, and whether texts are all that it is.

    `only_text`: besides settings that every dialect has a name for there is nothing in it, no tool and no mark either.
    """

    input_tokens: int
    needs: frozenset[Capability]
    only_text: bool = False


_NOTHING: frozenset[Capability] = frozenset()


def gist_of(request: Request) -> Gist:
    """As `estimate_input_tokens` and `required_capabilities` say, in one look where there are texts only."""
    total = _tokens_of_texts(request)
    if total is None:
        return Gist(estimate_input_tokens(request), required_capabilities(request))
    return Gist(total, _NOTHING, only_text=True)


def _tokens_of_texts(request: Request) -> int | None:
    """Of a request that is only text; None where it is more."""
    if request.extra or request.tools or request.n != 1 or request.operation != "generate":
        return None
    if request.output_format.kind != "text":
        return None
    total = 0
    for message in request.messages:
        if message.extra:
            return None
        total += TOKENS_OF_A_MESSAGE
        for part in message.parts:
            if type(part) is not Text or part.extra:
                return None
            total += estimate_tokens(part.text)
    return total


_MEDIA: dict[str, Capability] = {"image": "images", "audio": "audio", "video": "files", "file": "files"}


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is, without any model's own tokenizer; see `estimate_tokens_of`."""
    return estimate_tokens_of(len(text), len(text.encode("utf-8", "surrogatepass")))


def estimate_tokens_of(characters: int, utf8_bytes: int) -> int:
    """About how many tokens a text of this size is.

    Latin text runs at about four characters a token and CJK text at about one and a half characters a token with the
    tokenizers of 2024-2026; the two are told apart by the length of their UTF-8 form. Used where a provider has not
    counted: before a call, and for what was delivered of a stream that broke off.
    """
    if characters <= 0:
        return 0
    wide = min(characters, max(0, (utf8_bytes - characters) // 2))
    return max(1, round((characters - wide) / 4 + wide / 1.5))


def estimate_input_tokens(request: Request) -> int:
    """About how many tokens `request` will be read as; images count as a typical 800."""
    total = sum(map(_tokens_of, request.messages))
    for tool in request.tools:
        total += 12 + estimate_tokens(tool.description or "") + len(msgspec.json.encode(tool.parameters)) // 4
    return total


def longest_input_tokens(request: Request) -> int:
    """About how many tokens are read at once: all of a conversation, but each text to embed by itself."""
    if request.operation == "embed":
        return max(map(_tokens_of, request.messages), default=0)
    return estimate_input_tokens(request)


def _tokens_of(message: Message) -> int:
    total = TOKENS_OF_A_MESSAGE
    for part in message.parts:
        if isinstance(part, Text | Reasoning):
            total += estimate_tokens(part.text)
        elif isinstance(part, ToolCall):
            total += 8 + estimate_tokens(part.arguments)
        elif isinstance(part, ToolResult):
            total += 8 + sum(estimate_tokens(inner.text) for inner in part.parts if isinstance(inner, Text))
        elif isinstance(part, Media):
            total += 800
        elif isinstance(part, Unknown):
            total += len(part.raw.get("token_ids", ()))
    return total
