"""A provider's signature carried through a client that speaks another dialect, and taken back on the next turn.

Rules of this file: a client returns signatures as it got them, in the field its own dialect has for them. One that another
dialect's provider made is marked with that dialect, so that it is never sent to a provider that cannot read it. A mark without
a signature says whose the reasoning text is.
"""

from __future__ import annotations

_MARK = "entrepot:"


def seal(signature: str | None, bound_to: str | None, own: str) -> str:
    """The signature as a client of the dialect `own` may keep it."""
    return signature or "" if bound_to == own and signature else f"{_MARK}{bound_to or ''}:{signature or ''}"


def unseal(kept: str, own: str) -> tuple[str | None, str | None]:
    """(signature, bound_to) from what a client of the dialect `own` kept."""
    if not kept.startswith(_MARK):
        return kept or None, own
    bound_to, _, signature = kept.removeprefix(_MARK).partition(":")
    return signature or None, bound_to or None
