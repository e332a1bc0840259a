"""What a dialect promises, to clients and to providers.

Rules of this file: a dialect is pure. `parse_*` turns bytes into canonical values, `render_*` turns them into bytes. A
client dialect and a provider dialect meet in a `Relay` (`registry.open_relay`): where both are the same and the dialect
knows how, the bytes pass through and are only tapped; otherwise the provider's answer is parsed into canonical events, and
those are rendered for the client (`translation.py`).

What must not be lost: content of a request that a provider's dialect cannot say raises InvalidRequest, whose `param` is the
canonical place (`messages[2].parts[0]`) and whose text says what and why; a setting it cannot say is left out only where the
dialect's docstring lists it. Content of an answer that a client's dialect cannot say is left out only where its docstring
lists it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from entrepot.canonical.capabilities import Capability
from entrepot.canonical.request import Request
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Failure, StreamEvent
from entrepot.errors import EntrepotError

HeaderPairs = tuple[tuple[bytes, bytes], ...]
NO_HEADERS: Mapping[bytes, bytes] = MappingProxyType({})


class Target(msgspec.Struct, frozen=True):
    """What a dialect needs to know of the deployment it writes to.

    `quirks` are the provider's declared departures from its dialect, by the names in `ProviderDialect.quirks`.
    """

    base_url: str
    upstream_name: str
    quirks: frozenset[str] = frozenset()
    capabilities: frozenset[Capability] | None = None
    max_output_tokens: int | None = None
    context_tokens: int | None = None


class WireRequest(msgspec.Struct, frozen=True):
    """An HTTP request to a provider, complete but for credentials, which `upstream` adds when it sends it.

    `url` is absolute. `headers` have lower-case names and hold neither `host`, `content-length` nor any secret.
    """

    url: str
    body: bytes
    headers: HeaderPairs = ((b"content-type", b"application/json"),)
    method: str = "POST"


class Envelope(msgspec.Struct, frozen=True):
    """What of an HTTP request, beside its body, says something in some dialect. `headers` have lower-case names."""

    path: str = ""
    query: str = ""
    headers: Mapping[bytes, bytes] = {}


class Asked(msgspec.Struct, frozen=True):
    """A client's request: the canonical form beside the wire's own fields, untouched, for a provider of the same dialect.

    `headers` are those of the client's that belong to the dialect (a version, a beta feature), never a credential. `echo` is what
    the answer is to say of itself, by the client dialect's names, whatever a provider says: the id under which it is kept.
    """

    request: Request
    dialect: str
    fields: dict[str, msgspec.Raw]
    headers: HeaderPairs = ()
    echo: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True):
    """A rendered answer or error for a client."""

    status: int
    headers: HeaderPairs
    body: bytes


class Relayed(msgspec.Struct):
    """What one piece of a provider's answer became.

    `data` goes to the client. `content` says that part of the answer itself was in it (a token, not a ping), `ended` that
    the dialect's end marker was, `failure` that the provider reported an error.
    """

    data: bytes = b""
    content: bool = False
    ended: bool = False
    failure: Failure | None = None


class Summary(msgspec.Struct, frozen=True):
    """What is known of an answer once it is over, however it ended.

    `usage` is the provider's report, or our own count of what was delivered, then marked `estimated`. `finished` is False
    for a stream that was cut off.
    """

    usage: Usage
    finished: bool
    claimed_model: str | None = None


class Relay(Protocol):
    """Carries one answer from a provider's bytes to a client's bytes, and keeps count."""

    content_type: bytes

    def feed(self, data: bytes) -> Relayed:
        """Take more of the provider's body."""
        ...

    def close(self) -> Relayed:
        """The provider's body is complete: what is left to say to the client."""
        ...

    def break_off(self, error: EntrepotError) -> bytes:
        """The answer cannot be completed: the client dialect's own words for that, and its end."""
        ...

    def summary(self, input_tokens: int) -> Summary:
        """What it came to. `input_tokens` is our estimate, used where the provider did not count."""
        ...


class AnswerParser(Protocol):
    """A provider's answer, whole or streamed, as canonical events. One for each attempt."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that `data` completes. Any split of the same bytes gives the same events."""
        ...

    def close(self) -> list[StreamEvent]:
        """The body is over: what is left, so that the last event of all is `Ended` or `Failed`. After either, nothing."""
        ...


class AnswerRenderer(Protocol):
    """Canonical events as a client's bytes, whole or streamed. One for each attempt.

    A renderer of whole answers gives nothing until `Ended`. `Failed` renders to nothing: what the client is then told is not
    the renderer's to decide (`break_off`).
    """

    content_type: bytes

    def render(self, events: Sequence[StreamEvent]) -> bytes:
        """The bytes that these events add."""
        ...

    def break_off(self, error: EntrepotError) -> bytes:
        """The answer cannot be completed: the dialect's own words for that, and its end."""
        ...


class ClientDialect(Protocol):
    """A dialect as clients speak it to us."""

    name: str

    def parse_request(self, body: bytes, envelope: Envelope = ..., /) -> Asked:
        """Raises InvalidRequest, which names the offending part."""
        ...

    def open_renderer(self, asked: Asked, created_s: int, /) -> AnswerRenderer:
        """A fresh renderer for one attempt. `created_s` (Unix seconds) is said where the provider does not say its own."""
        ...

    def open_relay(self, asked: Asked, target: Target, headers: Mapping[bytes, bytes] = ..., /) -> Relay | None:
        """A fresh pass-through of what this target of the same dialect answers; None where the answer must be translated."""
        ...

    def keep_alive(self, asked: Asked, /) -> bytes:
        """What tells a client that waits for a stream that we are alive, before it and between any two of its frames.

        Empty where nothing can be said before a whole answer.
        """
        ...

    def render_error(self, error: EntrepotError) -> Answer:
        """An error in this dialect's own shape; shows only `error.public`."""
        ...


class ProviderDialect(Protocol):
    """A dialect as we speak it to providers.

    `quirks` names every departure from the dialect that a provider may declare, and says what it changes. A quirk is a provider's
    property, true of all that it answers; what can safely be seen in an answer itself needs none.
    """

    name: str
    quirks: Mapping[str, str]

    def render_request(self, asked: Asked, target: Target, max_output_tokens: int | None) -> WireRequest:
        """The request for this target; `max_output_tokens` is the limit to send where the client named none.

        From `asked.fields` where `asked.dialect` is this one, otherwise from `asked.request`. Raises InvalidRequest where the
        dialect cannot say what is asked.
        """
        ...

    def open_parser(self, asked: Asked, target: Target, headers: Mapping[bytes, bytes] = ..., /) -> AnswerParser:
        """A fresh parser of what this target answers to `asked`. `headers` are its answer's, in lower case, as far as known."""
        ...

    def parse_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes, now_s: float | None) -> Failure:
        """Classify an error answer, by its body first and its status second. `now_s` is Unix time, for Retry-After dates."""
        ...
