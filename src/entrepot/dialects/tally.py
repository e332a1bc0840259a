"""What an answer comes to while it passes: the provider's count of its tokens, ours of what was delivered, the model it claims.

Rules of this file: a count that no model could reach is none, because what it cost would not fit the ledger's numbers. A model
that says the same piece over and over has lost its way and would be billed until its limit: the answer has failed then.
"""

from __future__ import annotations

from msgspec.structs import replace

from entrepot.canonical.capabilities import estimate_tokens_of
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Failure
from entrepot.dialects.base import Summary

MAX_TOKENS = 1_000_000_000
"""A thousand times the longest context."""
MAX_OPENING_BYTES = 1024 * 1024
"""An answer that has said nothing in so many bytes of opening will not: they are kept until its first content."""
EMPTY = Failure("protocol", f"the provider's answer says nothing in {MAX_OPENING_BYTES} bytes")
MAX_REPEATS = 2_000
"""The same piece this many times in a row is a loop; a client may well ask for a word a thousand times."""
LOOPED = Failure("server_error", "the model repeats itself without end", code="repetition")
_SHORTEST_PIECE = 3  # white space, digits and rules of tables repeat rightly
_MAX_NAME = 200


class Tally:
    """The tally of one answer."""

    __slots__ = ("_bytes", "_characters", "_model", "_piece", "_repeats", "finished", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._model: str | None = None
        self._characters = 0
        self._bytes = 0
        self._piece = ""
        self._repeats = 0

    @property
    def loops(self) -> bool:
        """Whether the model repeats itself without end."""
        return self._repeats >= MAX_REPEATS

    def say(self, text: str) -> None:
        """A piece of the answer was delivered."""
        self._characters += len(text)
        self._bytes += len(text.encode("utf-8", "surrogatepass"))
        if text != self._piece:
            self._piece = text
            self._repeats = 0
        elif len(text) >= _SHORTEST_PIECE and not text.isspace():
            self._repeats += 1

    def count(self, usage: Usage) -> None:
        """The provider's count so far. Nothing at all is no count."""
        if usage.all_input + usage.all_output > 0 and max(usage.all_input, usage.all_output) <= MAX_TOKENS:
            self.usage = usage

    def claim(self, model: str) -> None:
        """What the provider calls the model."""
        self._model = model[:_MAX_NAME] or self._model

    def summary(self, input_tokens: int) -> Summary:
        """The provider's own count; where it gave none, ours of what was sent and said, marked as estimated.

        A count from the middle of a stream is marked too: what the provider bills is not known before its answer has ended.
        """
        said = estimate_tokens_of(self._characters, self._bytes)
        usage = self.usage
        if usage is None:
            usage = Usage(input_tokens=input_tokens, output_tokens=said, estimated=True)
        # A stream may report what it read with its first event and break off before it reports what it wrote.
        if not usage.all_input:
            usage = replace(usage, input_tokens=input_tokens, estimated=True)
        if not self.finished:
            usage = replace(usage, estimated=True)
        if said and (not usage.all_output or (not self.finished and usage.all_output < said)):
            usage = replace(usage, output_tokens=said, reasoning_tokens=0, estimated=True)
        return Summary(usage=usage, finished=self.finished, claimed_model=self._model)
