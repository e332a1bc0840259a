"""An answer on its way from a provider of one dialect to a client of another.

Rules of this file: parser and renderer do not know each other; everything between them is canonical events. Until the
answer's first content nothing leaves: an opening without content commits us to nothing, and another candidate can still
answer. `content` is said of bytes that leave, so a whole answer that fails half way has committed us to nothing either.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from entrepot.canonical.capabilities import estimate_tokens_of
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import (
    Ended,
    Failed,
    Failure,
    Finished,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
    VectorAdded,
)
from entrepot.dialects.base import AnswerParser, AnswerRenderer, Relayed, Summary
from entrepot.errors import EntrepotError, ProviderError

MAX_TOKENS = 1_000_000_000
"""A count beyond this is none: a thousand times the longest context. What it cost would not fit the ledger's numbers."""
_MAX_NAME = 200


class Translation:
    """A Relay of any parser and any renderer."""

    def __init__(self, parser: AnswerParser, renderer: AnswerRenderer) -> None:
        self.content_type = renderer.content_type
        self._parser = parser
        self._renderer = renderer
        self._held = b""
        self._begun = False
        self._over = False
        self._usage: Usage | None = None
        self._model: str | None = None
        self._characters = 0
        self._bytes = 0
        self._finished = False

    def feed(self, data: bytes) -> Relayed:
        """Parse what came and render what it says."""
        return Relayed() if self._over else self._relay(self._parser.feed(data))

    def close(self) -> Relayed:
        """The provider's body is complete."""
        return Relayed() if self._over else self._relay(self._parser.close())

    def break_off(self, error: EntrepotError) -> bytes:
        """The client dialect's own words."""
        return self._renderer.break_off(error)

    def summary(self, input_tokens: int) -> Summary:
        """The provider's own count; where it gave none, ours of what was sent and said, marked as estimated."""
        said = estimate_tokens_of(self._characters, self._bytes)
        usage = self._usage
        if usage is None:
            usage = Usage(input_tokens=input_tokens, output_tokens=said, estimated=True)
        # A stream may report what it read with its first event and break off before it reports what it wrote.
        if not usage.all_input:
            usage = replace(usage, input_tokens=input_tokens, estimated=True)
        if said and (not usage.all_output or (not self._finished and usage.all_output < said)):
            usage = replace(usage, output_tokens=said, reasoning_tokens=0, estimated=True)
        return Summary(usage=usage, finished=self._finished, claimed_model=self._model)

    def _relay(self, events: Sequence[StreamEvent]) -> Relayed:
        relayed = Relayed()
        for event in events:
            self._note(event, relayed)
        self._over = relayed.ended or relayed.failure is not None
        try:
            rendered = self._held + self._renderer.render(events) if events else self._held
        except ProviderError as error:  # only what has left nothing yet is found out so late: whole answers
            return Relayed(failure=Failure("protocol", error.message))
        if self._begun or relayed.ended:
            self._held = b""
            relayed.data = rendered
            relayed.content = bool(rendered)
        else:
            self._held = rendered
        return relayed

    def _note(self, event: StreamEvent, relayed: Relayed) -> None:
        match event:
            case TextDelta() | ReasoningDelta() | RefusalDelta():
                self._count(event.text)
                self._begun = self._begun or bool(event.text)
            case ToolCallDelta():
                self._count(event.arguments)
            case ToolCallStarted():
                self._count(event.name)
                self._begun = True
            case PartAdded() | VectorAdded():
                self._begun = True
            case Started():
                self._model = event.model[:_MAX_NAME] or self._model
            case Finished():
                self._finished = self._begun = True
            case UsageReported():
                if event.usage.all_input <= MAX_TOKENS and event.usage.all_output <= MAX_TOKENS:
                    self._usage = event.usage
            case Failed():
                relayed.failure = event.failure
            case Ended():
                relayed.ended = self._finished = True
            case _:
                pass

    def _count(self, text: str) -> None:
        self._characters += len(text)
        self._bytes += len(text.encode("utf-8", "surrogatepass"))
