"""An answer on its way from a provider of one dialect to a client of another.

Rules of this file: parser and renderer do not know each other; everything between them is canonical events. Until the
answer's first content nothing leaves: an opening without content commits us to nothing, and another candidate can still
answer. `content` is said of bytes that leave, so a whole answer that fails half way has committed us to nothing either.
"""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.canonical.stream import (
    Ended,
    Failed,
    Failure,
    Finished,
    PartAdded,
    Pinged,
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
from entrepot.dialects.tally import EMPTY, LOOPED, MAX_OPENING_BYTES, Tally
from entrepot.errors import EntrepotError, ProviderError


class Translation:
    """A Relay of any parser and any renderer."""

    def __init__(self, parser: AnswerParser, renderer: AnswerRenderer) -> None:
        self.content_type = renderer.content_type
        self._parser = parser
        self._renderer = renderer
        self._held = b""
        self._begun = False
        self._over = False
        self._tally = Tally()

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
        """The provider's own count, or ours."""
        return self._tally.summary(input_tokens)

    def _relay(self, events: Sequence[StreamEvent]) -> Relayed:
        relayed = Relayed()
        kept = []
        for event in events:
            self._note(event, relayed)
            if self._begun or not isinstance(event, Pinged):  # a ping that waits for the answer is none any more
                kept.append(event)
        if relayed.failure is None and self._tally.loops:
            relayed.failure = LOOPED
        self._over = relayed.ended or relayed.failure is not None
        try:
            rendered = self._held + self._renderer.render(kept) if kept else self._held
        except ProviderError as error:  # only what has left nothing yet is found out so late: whole answers
            return Relayed(failure=Failure("protocol", error.message))
        if self._begun or relayed.ended:
            self._held = b""
            relayed.data = rendered
            relayed.content = bool(rendered)
        else:
            self._held = rendered
            if len(rendered) > MAX_OPENING_BYTES and relayed.failure is None:
                relayed.failure = EMPTY
                self._over = True
        return relayed

    def _note(self, event: StreamEvent, relayed: Relayed) -> None:
        match event:
            case TextDelta() | ReasoningDelta() | RefusalDelta():
                self._tally.say(event.text)
                self._begun = self._begun or bool(event.text)
            case ToolCallDelta():
                self._tally.say(event.arguments)
            case ToolCallStarted():
                self._tally.say(event.name)
                self._begun = True
            case PartAdded() | VectorAdded():
                self._begun = True
            case Started():
                self._tally.claim(event.model)
            case Finished():
                self._tally.finished = self._begun = True
            case UsageReported():
                self._tally.count(event.usage)
            case Failed():
                relayed.failure = event.failure
            case Ended():
                relayed.ended = self._tally.finished = True
            case _:
                pass
