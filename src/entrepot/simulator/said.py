"""What a stand-in says: a reply as no wire yet words it, and the frames that a wire makes of it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from entrepot.simulator.books import Tokens
from entrepot.simulator.tokens import count_tokens, split_tokens


class Call(msgspec.Struct, frozen=True):
    """A tool call; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


class Said(msgspec.Struct, frozen=True):
    """One choice: text or calls. `reasoning` is what the model thought where it is shown, empty where it is not.

    `finish_reason` is `stop`, `length`, `tool_calls` or `refusal`; the text of a refusal is in `text`. `stopped_by` is the stop
    text that ended it. `thought` is what it thought, shown or not. `mean_logprob` is how sure it is of its text's tokens.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish_reason: str = "stop"
    reasoning: str = ""
    stopped_by: str | None = None
    thought: str = ""
    mean_logprob: float | None = None


class Reply(msgspec.Struct, frozen=True):
    """A whole answer. `created` is in Unix seconds; `model` the name that the provider claims.

    `says_usage` and `says_end` are False for faults: usage, or the end marker of a stream, is then left out.
    """

    id: str
    model: str
    created: int
    choices: tuple[Said, ...]
    tokens: Tokens
    says_usage: bool = True
    says_end: bool = True


class Frame(msgspec.Struct, frozen=True):
    """Bytes of an answer and the number of answer tokens in them."""

    data: bytes
    tokens: int = 0


def spoken_tokens(reply: Reply) -> int:
    """The tokens of a reply's answers by the simulator's own count: what its frames add up to."""
    return sum(
        count_tokens(said.text) + sum(count_tokens(call.name) + count_tokens(call.arguments) for call in said.calls)
        for said in reply.choices
    )


def pieces(text: str, tokens_each: int) -> Iterator[tuple[str, int]]:
    """A text in pieces of so many tokens, each with its number of them."""
    tokens, size = split_tokens(text), max(1, tokens_each)
    for start in range(0, len(tokens), size):
        piece = tokens[start : start + size]
        yield "".join(piece), len(piece)


def sse(data: bytes, event: str | None = None) -> bytes:
    """One server-sent event."""
    return (b"" if event is None else b"event: " + event.encode() + b"\n") + b"data: " + data + b"\n\n"
