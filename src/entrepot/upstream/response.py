"""An answer as it is read: bytes in, events out. No I/O.

Rules of this file. Any split of the bytes gives the same events. httptools checks the syntax, `framing.py` what it lets
pass. A connection may be used again only if the message ended by its own framing, the peer keeps it open, and not one
byte came after the end: such a byte would be taken for the answer to the next request.

    begin(attempt) ──► heads (1xx skipped) ──► body ──► done
                           └──── malformed, too large ────┘

Events are made outside of the parser's callbacks, so a body that arrives in one read is one `UpstreamChunk`, however many
chunks it had on the wire, and a sink that cancels the call cannot re-enter the parser.
"""

from __future__ import annotations

import zlib

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from entrepot.exchange.events import Event, UpstreamChunk, UpstreamEnded, UpstreamFailed, UpstreamHead
from entrepot.upstream.coding import Inflater, build_inflater
from entrepot.upstream.framing import Framing, Malformed, decide_framing
from entrepot.upstream.limits import Limits

_END_OF_HEAD = b"\r\n\r\n"
_BODY_NAMES = frozenset((b"transfer-encoding", b"content-length", b"content-encoding"))
_CODED_BODY_NAMES = frozenset((b"content-length", b"content-encoding"))
_PARSER_ERRORS = (HttpParserError, HttpParserUpgrade)


class ResponseReader:
    """Reads the answers of one connection, one after the other.

    `begin` names the attempt whose answer comes next. `untouched` says that no byte of it has come, `status` is that of
    its head, `done` says that its last event was returned, `reusable` that the connection is clean for the next request.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser = HttpResponseParser(self)
        self.begin(0)

    def begin(self, attempt: int) -> None:
        """Expect the answer to `attempt`."""
        self._attempt = attempt
        self.status = 0
        self.untouched = True
        self.done = False
        self.reusable = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._head_started = False
        self._head_complete = False
        self._complete = False
        self._keep_alive = False
        self._extra = False
        self._in_body = False
        self._framing = Framing.EMPTY
        self._inflater: Inflater | None = None
        self._tail = b""
        self._body_bytes = 0
        self._decoded_bytes = 0
        self._silent_bytes = 0

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes as they arrived; return what became known. The last event is `UpstreamEnded` or `UpstreamFailed`."""
        self.untouched = False
        events: list[Event] = []
        try:
            self._read(data, events)
        except Malformed as error:
            self._fail(events, str(error))
        except _PARSER_ERRORS as error:
            # what one of our callbacks raised is the context of the parser's own error
            self._fail(events, str(error.__context__ or error))
        return events

    def eof(self, *, clean: bool) -> Event:
        """The peer closed, `clean` unless the connection broke: the event with which the answer ends."""
        self.done = True
        if self._framing is Framing.UNTIL_CLOSE and clean and (self._inflater is None or self._inflater.finished):
            return UpstreamEnded(self._attempt)
        moment = "before it answered" if self.untouched else "before the answer was complete"
        verb = "was closed" if clean else "broke"
        return UpstreamFailed(self._attempt, "cut_off", f"the connection {verb} {moment}")

    def cut_off(self, reason: str) -> Event:
        """We closed: the event with which the answer ends."""
        self.done = True
        return UpstreamFailed(self._attempt, "cut_off", reason)

    def close(self) -> None:
        """Let go of the parser, which refers back to this reader. Nothing can be fed afterwards."""
        del self._parser

    def on_message_begin(self) -> None:
        """Called by the parser: the first byte of an answer."""
        if self._complete:
            raise Malformed("bytes after the end of the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser: a header, or after the head a trailer, which nothing here reads."""
        self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self._head_complete = True

    def on_message_complete(self) -> None:
        """Called by the parser: the last byte by the answer's own framing."""
        if self._parser.get_status_code() < 200:
            return  # a final head follows
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()

    def _read(self, data: bytes, events: list[Event]) -> None:
        if not self._in_body:
            rest = self._read_heads(data)
            if rest is None:
                return
            data = rest
            events.append(UpstreamHead(self._attempt, self.status, tuple(self._headers)))
        if data:
            self._read_body(data, events)
        if self._complete:
            self._end(events)

    def _read_heads(self, data: bytes) -> bytes | None:
        """Feed heads up to and with the final one; return what follows it, None if it is still to come.

        The parser gets exactly the bytes of a head, up to its empty line, so that what follows can be counted.
        """
        while data:
            if not self._head_started:
                if data[:1] != b"H":
                    raise Malformed("the answer does not begin with HTTP/")
                self._head_started = True
            end = self._find_end_of_head(data)
            piece, data = data[:end], data[end:]
            self._head_bytes += len(piece)
            if self._head_bytes > self._limits.max_head_bytes:
                raise Malformed(f"a head of more than {self._limits.max_head_bytes} bytes")
            if b"\0" in piece:
                raise Malformed("NUL in the head")
            self._parser.feed_data(piece)
            if not self._head_complete:
                self._tail = (self._tail + piece)[-3:]
            elif self._finish_head():
                return data
        return None

    def _find_end_of_head(self, data: bytes) -> int:
        """The index behind the empty line that ends the head, or the length of `data` if it is not in there."""
        kept = len(self._tail)
        if kept:
            found = (self._tail + data[:3]).find(_END_OF_HEAD)
            if found >= 0:
                return found + 4 - kept
        found = data.find(_END_OF_HEAD)
        return found + 4 if found >= 0 else len(data)

    def _finish_head(self) -> bool:
        """Decide the framing; False for an informational head, which another one follows."""
        self._tail = b""
        self.status = self._parser.get_status_code()
        if len(self._headers) > self._limits.max_headers:
            raise Malformed(f"more than {self._limits.max_headers} headers")
        about_body = [pair for pair in self._headers if pair[0] in _BODY_NAMES]
        framing = decide_framing(self._parser.get_http_version(), self.status, about_body, self._limits)
        if self.status < 200:
            self._headers = []
            self._head_started = self._head_complete = False
            return False
        self._in_body = True
        self._framing = framing
        for name, value in about_body:
            if name == b"content-encoding":
                self._open_inflater(value)
        return True

    def _open_inflater(self, value: bytes) -> None:
        if self._inflater is not None:
            raise Malformed("more than one content coding")
        try:
            self._inflater = build_inflater(value.lower())
        except ValueError as error:
            raise Malformed(str(error)) from error
        if self._inflater is not None:
            # these two describe the coded body, which nobody above this file sees
            self._headers = [pair for pair in self._headers if pair[0] not in _CODED_BODY_NAMES]

    def _read_body(self, data: bytes, events: list[Event]) -> None:
        if self._complete:
            self._extra = True
            return
        fault: Exception | None = None
        try:
            self._parser.feed_data(data)
        except _PARSER_ERRORS as error:
            self._extra = True
            fault = None if self._complete else error
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._watch_framing(data, body)
        if body:
            self._emit(body, events)
        if fault is not None:
            raise fault

    def _watch_framing(self, data: bytes, body: bytes) -> None:
        if self._framing is Framing.SIZED:
            self._extra = self._extra or len(body) != len(data)
        elif self._framing is Framing.CHUNKED:
            # A chunked message ends in exactly two line ends after a byte that is neither CR nor LF. The parser reports
            # whatever else follows, but skips further line ends; a fifth such byte shows them.
            self._tail = data[-5:] if len(data) >= 5 else (self._tail + data)[-5:]
            if self._complete and not self._tail.strip(b"\r\n"):
                self._extra = True
            self._silent_bytes = 0 if body else self._silent_bytes + len(data)
            if self._silent_bytes > self._limits.max_head_bytes:
                raise Malformed("endless chunk extensions or trailers")

    def _emit(self, body: bytes, events: list[Event]) -> None:
        limit = self._limits.max_body_bytes
        self._body_bytes += len(body)
        if self._body_bytes > limit:
            raise Malformed(f"a body of more than {limit} bytes")
        if self._inflater is None:
            events.append(UpstreamChunk(self._attempt, body))
            return
        try:
            for piece in self._inflater.feed(body):
                self._decoded_bytes += len(piece)
                if self._decoded_bytes > limit:
                    raise Malformed(f"a body of more than {limit} bytes, decoded")
                events.append(UpstreamChunk(self._attempt, piece))
        except zlib.error as error:
            raise Malformed(f"a body that is not {self._inflater.coding}: {error}") from error

    def _end(self, events: list[Event]) -> None:
        if self._inflater is not None and not self._inflater.finished:
            raise Malformed(f"a {self._inflater.coding} body that ends early")
        self.done = True
        self.reusable = self._keep_alive and not self._extra
        events.append(UpstreamEnded(self._attempt))

    def _fail(self, events: list[Event], reason: str) -> None:
        self.done = True
        self._pieces.clear()
        events.append(UpstreamFailed(self._attempt, "protocol", f"malformed answer: {reason}"))
