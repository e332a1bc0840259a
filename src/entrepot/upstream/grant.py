"""What a cloud lends for a while, in place of a key: the shapes that every cloud's source fills in.

Rules of this file: no library and no I/O. A grant is a secret: none has a repr that shows it.
"""

from __future__ import annotations

import time
from typing import Protocol

from entrepot.dialects.base import HeaderPairs, WireRequest


class Grant(Protocol):
    """Permission to call, for some time."""

    def expires_within(self, seconds: float) -> bool:
        """Whether it ends in less than so many seconds from now."""
        ...

    def headers(self, request: WireRequest) -> HeaderPairs:
        """The headers that carry it. A signature is over this very request."""
        ...


class Source(Protocol):
    """Where a cloud's grants come from."""

    def obtain(self) -> Grant:
        """A grant, asked for anew or as the cloud's library still holds it.

        Blocks, so it is called in a thread. Raises whatever the library raises.
        """
        ...


class HeaderGrant:
    """Headers that are the same for every request until `expires_at_s` (Unix time; None: for ever)."""

    def __init__(self, headers: HeaderPairs, expires_at_s: float | None) -> None:
        self._headers = headers
        self._expires_at_s = expires_at_s

    def expires_within(self, seconds: float) -> bool:
        """See `Grant`."""
        return self._expires_at_s is not None and self._expires_at_s - time.time() < seconds

    def headers(self, _request: WireRequest) -> HeaderPairs:
        """See `Grant`."""
        return self._headers
