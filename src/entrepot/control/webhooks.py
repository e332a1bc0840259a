"""One message to an address of the operator's: sent off this machine, followed nowhere, tried a few times.

Rules of this file: an address inside the network is refused unless the settings allow it; what is dialled is an address that
was looked at, not the name anew; and a redirection is not followed. Any of these could lead inside. A proxy that the
environment names is asked in its place, and finds the name by itself. Nothing of the address is logged but its host: its path may
be a secret.
"""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from entrepot.control.outside import addresses_outside

log = logging.getLogger("entrepot.budgets")

_TIMEOUT_S = 10.0
PAUSES_S = (2.0, 10.0, 60.0, 300.0)
"""How long to wait before each further try."""


class _Nowhere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - as the library has it
        """Nowhere."""
        return


class _PlainTo(http.client.HTTPConnection):
    """A connection that dials one of these addresses, whatever its name has become."""

    def __init__(self, host: str, *, addresses: Sequence[str], timeout: float) -> None:
        super().__init__(host, timeout=timeout)
        self._addresses = addresses

    def connect(self) -> None:
        """Dial."""
        self.sock = _dial(self._addresses, self.port, self.timeout)


class _SecureTo(http.client.HTTPSConnection):
    """The same over TLS; the certificate is the name's."""

    def __init__(self, host: str, *, addresses: Sequence[str], timeout: float) -> None:
        super().__init__(host, timeout=timeout)
        self._addresses = addresses

    def connect(self) -> None:
        """Dial."""
        bare = _dial(self._addresses, self.port, self.timeout)
        self.sock = ssl.create_default_context().wrap_socket(bare, server_hostname=self.host)


def _dial(addresses: Sequence[str], port: int, timeout_s: float | None) -> socket.socket:
    """A connection to the first that answers. Raises OSError."""
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), timeout_s)
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), timeout_s)


class _Straight(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens connections to these addresses alone."""

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__()
        self._addresses = addresses

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """As the library calls it."""
        return self.do_open(partial(_PlainTo, addresses=self._addresses), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """As the library calls it."""
        return self.do_open(partial(_SecureTo, addresses=self._addresses), req)


class Message(msgspec.Struct):
    """What is to be sent, and when it is due (Unix seconds); `tries` counts those that failed."""

    url: str
    body: dict[str, Any]
    due_s: float = 0.0
    tries: int = 0


class Outbox:
    """Messages on their way. `allow_inside`: whether addresses of this machine and its network may be called."""

    def __init__(
        self, *, allow_inside: bool = False, outside: Callable[[str], Sequence[str]] = addresses_outside
    ) -> None:
        self._allow_inside = allow_inside
        self._outside = outside
        self._messages: list[Message] = []

    def put(self, url: str, body: Mapping[str, Any]) -> None:
        """Send it with the next `run_once`."""
        self._messages.append(Message(url, dict(body)))

    def run_once(self, now_s: float) -> None:
        """Send what is due. What fails is tried again after a while, five times in all; then it is told and dropped."""
        due = [message for message in self._messages if message.due_s <= now_s]
        for message in due:
            self._messages.remove(message)
            failure = self._send(message)
            if failure is None:
                continue
            host = urlsplit(message.url).hostname
            if message.tries < len(PAUSES_S):
                message.due_s = now_s + PAUSES_S[message.tries]
                message.tries += 1
                self._messages.append(message)
            else:
                log.error("a warning could not be sent to %s: %s", host, failure)

    def _send(self, message: Message) -> str | None:
        """Why it failed; None if it did not."""
        if not message.url.startswith(("https://", "http://")):
            return "its address does not begin with https://"
        addresses = () if self._allow_inside else self._outside(message.url)
        if not self._allow_inside and not addresses:
            return "it is an address inside the network; [counters] webhooks_inside = true allows that"
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at above
            message.url, msgspec.json.encode(message.body), {"content-type": "application/json"}, method="POST"
        )
        try:
            with _opener(message.url, addresses).open(request, timeout=_TIMEOUT_S) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as error:
            error.close()
            return f"it answered {error.code}"
        except (OSError, ValueError, http.client.HTTPException) as error:
            return type(error).__name__
        return None


def _opener(url: str, addresses: Sequence[str]) -> urllib.request.OpenerDirector:
    parts = urlsplit(url)
    goes_by_proxy = parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.netloc)
    if not addresses or goes_by_proxy:
        return urllib.request.build_opener(_Nowhere)
    return urllib.request.build_opener(_Nowhere, _Straight(addresses))
