"""How much two texts share, from a few numbers of each: MinHash, and finding those that share much without comparing all.

A text is the set of its runs of SHINGLE characters, without regard to case and white space. The share of runs that two texts have
in common (Jaccard) is the probability that a random order of all runs has the same first one in both; a signature notes that
first one for each of ORDERS orders, so the part of the signature that agrees estimates it with a standard deviation of at most
1 / (2 sqrt(ORDERS)), 0.044. Broder, On the resemblance and containment of documents, 1997. Signatures are filed in BANDS bands of
their numbers; texts that agree in one are compared: those that share s are with a probability of 1 - (1 - s^4)^32, above 0.9999
where s is 0.8.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

import numpy as np

SHINGLE = 5
ORDERS = 128
BANDS = 32
_ROWS = ORDERS // BANDS
_BLOCK = 4096
Signature = np.ndarray[tuple[int], np.dtype[np.uint32]]
Codes = np.ndarray[tuple[int], np.dtype[np.uint64]]
K = TypeVar("K", bound=Hashable)

# Orders are those of a * x + b modulo 2^64, by the upper half (Dietzfelbinger et al. 1997), over runs that are mixed before.
_random = np.random.Generator(np.random.PCG64(20_261_122))
_FACTORS = _random.integers(0, 1 << 63, ORDERS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_TERMS = _random.integers(0, 1 << 63, ORDERS, dtype=np.uint64)


def signature_of(text: str) -> Signature:
    """ORDERS numbers that stand for the text."""
    runs = _runs(" ".join(text.casefold().split()))
    least = np.full(ORDERS, np.iinfo(np.uint32).max, np.uint32)
    with np.errstate(over="ignore"):
        for start in range(0, len(runs), _BLOCK):
            block = runs[start : start + _BLOCK]
            ordered = (block[None, :] * _FACTORS[:, None] + _TERMS[:, None]) >> np.uint64(32)
            least = np.minimum(least, ordered.min(axis=1).astype(np.uint32))
    return least


def resemblance(one: Signature, other: Signature) -> float:
    """About which share of their runs the two texts have in common."""
    return float((one == other).mean())


class Resembling(Generic[K]):
    """Texts by their signatures, and which of them a further one resembles by at least `threshold`."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._filed: list[dict[bytes, list[K]]] = [{} for _ in range(BANDS)]
        self._signatures: dict[K, Signature] = {}

    def find(self, signature: Signature) -> K | None:
        """One that is resembled, the most alike; None if there is none."""
        near = {key for filed, band in zip(self._filed, _bands(signature), strict=True) for key in filed.get(band, ())}
        told = max(((resemblance(signature, self._signatures[key]), key) for key in near), key=_first, default=None)
        return None if told is None or told[0] < self._threshold else told[1]

    def add(self, key: K, signature: Signature) -> None:
        """File one under a name of its own."""
        self._signatures[key] = signature
        for filed, band in zip(self._filed, _bands(signature), strict=True):
            filed.setdefault(band, []).append(key)


def _first(pair: tuple[float, object]) -> float:
    return pair[0]


def _bands(signature: Signature) -> list[bytes]:
    return [signature[at : at + _ROWS].tobytes() for at in range(0, ORDERS, _ROWS)]


def _runs(text: str) -> Codes:
    """A number for each run of characters; of a text that is shorter than a run, one for all of it."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    with np.errstate(over="ignore"):
        length = min(SHINGLE, len(codes))
        count = len(codes) - length + 1 if length else 0
        runs = np.zeros(count, np.uint64)
        for offset in range(length):
            runs = runs * np.uint64(0x100000001B3) + codes[offset : offset + count]
        # Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014: the mixing of SplitMix64.
        runs = (runs ^ (runs >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        runs = (runs ^ (runs >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.unique(runs ^ (runs >> np.uint64(31)))
