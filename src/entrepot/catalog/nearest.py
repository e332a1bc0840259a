"""The nearest right word to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or what there is where nothing is near and the list is short, or nothing."""
    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{by_folded[near[0]]}'?"
    if 0 < len(by_folded) <= 20:
        return "; known: " + ", ".join(sorted(by_folded.values()))
    return ""
