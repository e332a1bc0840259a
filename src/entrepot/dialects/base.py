"""What a dialect promises, to clients and to providers.

Rules of this file: a dialect is pure. `parse_*` turns bytes into canonical values, `render_*` turns them into bytes. A
client dialect and a provider dialect meet in a `Relay`: where both are the same the bytes pass through and are only
tapped; otherwise the provider's stream is parsed, and rendered again for the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from entrepot.canonical.capabilities import Capability
from entrepot.canonical.request import Request
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Failure
from entrepot.errors import EntrepotError

HeaderPairs = tuple[tuple[bytes, bytes], ...]


class Target(msgspec.Struct, frozen=True):
    """What a dialect needs to know of the deployment it writes to.

    `quirks` are the provider's declared departures from its dialect, by the names that the dialect's module lists.
    """

    base_url: str
    upstream_name: str
    quirks: frozenset[str] = frozenset()
    capabilities: frozenset[Capability] | None = None
    max_output_tokens: int | None = None


class WireRequest(msgspec.Struct, frozen=True):
    """An HTTP request to a provider, complete but for credentials, which `upstream` adds when it sends it.

    `url` is absolute. `headers` have lower-case names and hold neither `host`, `content-length` nor any secret.
    """

    url: str
    body: bytes
    headers: HeaderPairs = ((b"content-type", b"application/json"),)
    method: str = "POST"


class Asked(msgspec.Struct, frozen=True):
    """A client's request: the canonical form beside the wire's own fields, untouched, for a provider of the same dialect."""

    request: Request
    dialect: str
    fields: dict[str, msgspec.Raw]


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


class ClientDialect(Protocol):
    """A dialect as clients speak it to us."""

    name: str

    def parse_request(self, body: bytes) -> Asked:
        """Raises InvalidRequest, which names the offending part."""
        ...

    def open_relay(self, asked: Asked) -> Relay:
        """A fresh relay for one attempt at `asked`."""
        ...

    def render_error(self, error: EntrepotError) -> Answer:
        """An error in this dialect's own shape; shows only `error.public`."""
        ...


class ProviderDialect(Protocol):
    """A dialect as we speak it to providers."""

    name: str

    def render_request(self, asked: Asked, target: Target, max_output_tokens: int | None) -> WireRequest:
        """The request for this target; `max_output_tokens` is the limit to send where the client named none."""
        ...

    def parse_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes, now_s: float | None) -> Failure:
        """Classify an error answer, by its body first and its status second. `now_s` is Unix time, for Retry-After dates."""
        ...
