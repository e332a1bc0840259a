"""A whole answer for a client: kept as events until it is complete, then rendered in one piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from entrepot.canonical.fold import Folder
from entrepot.canonical.response import Response
from entrepot.canonical.stream import StreamEvent
from entrepot.errors import EntrepotError

_encode = msgspec.json.Encoder().encode


class WholeAnswer:
    """An AnswerRenderer of whole answers, given how the dialect says an answer and an error."""

    def __init__(
        self,
        render: Callable[[Response], dict[str, Any]],
        error_body: Callable[[EntrepotError], dict[str, Any]],
        content_type: bytes = b"application/json",
    ) -> None:
        self.content_type = content_type
        self._render = render
        self._error_body = error_body
        self._folder = Folder()

    def render(self, events: Sequence[StreamEvent]) -> bytes:
        """Nothing until the answer has ended, then all of it."""
        for event in events:
            self._folder.take(event)
        return _encode(self._render(self._folder.response())) if self._folder.ended else b""

    def break_off(self, error: EntrepotError) -> bytes:
        """A whole answer is never broken off, because nothing of it has left: the error alone."""
        return _encode(self._error_body(error))
