"""What of a request, beside who asks, decides which rules apply to it."""

from __future__ import annotations

import msgspec

from entrepot.catalog.places import UNKNOWN

UNREADABLE = "unreadable"
"""The data class of what nobody looked into: images, sound, files, and inputs given as token ids."""


class Circumstances(msgspec.Struct, frozen=True, cache_hash=True):
    """The name that was asked for, and what is known of the request. Every further word can only bring further rules.

    `client_regions` are all places where the client may be: the one that the operator vouches for, or `unknown`, and any that
    the client adds. `languages` are all that its text may be in (ISO 639-1). `tools` are the names of its functions.
    """

    route: str | None = None
    client_regions: frozenset[str] = frozenset({UNKNOWN})
    data_classes: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()


ANYWHERE = Circumstances()
