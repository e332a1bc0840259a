"""When two spellings are one tag."""

from __future__ import annotations

import unicodedata


def fold_tag(tag: str) -> str:
    """What is the same in two spellings of a tag: case, full and half width, composed and decomposed form, outer spaces.

    A tag narrows, so one that is not recognized for its spelling would let through what it was sent to hold back.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold()).strip()
