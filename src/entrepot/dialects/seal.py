"""A provider's signature carried through a client that speaks another dialect, and taken back on the next turn.

Rules of this file: a client returns signatures as it got them, in the field its own dialect has for them. One that another
dialect's provider made is marked with that dialect, so that it is never sent to a provider that cannot read it. A mark without
a signature says whose the reasoning text is.
"""

from __future__ import annotations

_MARK = "entrepot:"
_CALL_MARK = "entrepot-call:"


def seal(signature: str | None, bound_to: str | None, own: str) -> str:
    """The signature as a client of the dialect `own` may keep it."""
    return signature or "" if bound_to == own and signature else f"{_MARK}{bound_to or ''}:{signature or ''}"


def unseal(kept: str, own: str) -> tuple[str | None, str | None]:
    """(signature, bound_to) from what a client of the dialect `own` kept."""
    if not kept.startswith(_MARK):
        return kept or None, own
    bound_to, _, signature = kept.removeprefix(_MARK).partition(":")
    return signature or None, bound_to or None


def seal_call(signature: str, bound_to: str | None) -> str:
    """A call's signature as opaque reasoning, which is never a provider's own."""
    return f"{_CALL_MARK}{bound_to or ''}:{signature}"


def unseal_call(kept: str) -> tuple[str, str | None] | None:
    """(signature, bound_to) of the call that follows; None where `kept` is something else."""
    if not kept.startswith(_CALL_MARK):
        return None
    bound_to, _, signature = kept.removeprefix(_CALL_MARK).partition(":")
    return signature, bound_to or None


def is_ours(kept: str) -> bool:
    """Whether this is a mark of ours, which no provider understands."""
    return kept.startswith((_MARK, _CALL_MARK))
