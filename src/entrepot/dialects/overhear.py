"""A relay that is listened to: the client's bytes as ever, and beside them the whole answer in canonical form."""

from __future__ import annotations

from entrepot.canonical.fold import Folder
from entrepot.canonical.response import Response
from entrepot.dialects.base import AnswerParser, Relay, Relayed, Summary
from entrepot.errors import EntrepotError


class Overheard:
    """A Relay of any other. The provider's bytes are parsed a second time, so that a pass-through stays one."""

    def __init__(self, relay: Relay, parser: AnswerParser) -> None:
        self.content_type = relay.content_type
        self._relay = relay
        self._parser = parser
        self._folder = Folder()

    def feed(self, data: bytes) -> Relayed:
        """Relay what came, and hear what it says."""
        relayed = self._relay.feed(data)
        for event in self._parser.feed(data):
            self._folder.take(event)
        return relayed

    def close(self) -> Relayed:
        """The provider's body is complete."""
        relayed = self._relay.close()
        for event in self._parser.close():
            self._folder.take(event)
        return relayed

    def break_off(self, error: EntrepotError) -> bytes:
        """The client dialect's own words."""
        return self._relay.break_off(error)

    def summary(self, input_tokens: int) -> Summary:
        """The provider's own count, or ours."""
        return self._relay.summary(input_tokens)

    def heard(self) -> Response:
        """What has been said so far."""
        return self._folder.response()
