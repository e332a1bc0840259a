"""Quantiles from counts in logarithmic buckets, which add up across hours, processes and machines.

The sketch of Masson, Rim and Lee (2019), DDSketch, PVLDB 12: a value lies in bucket k if base^(k-1) < value <= base^k, and
any value read back is within `RELATIVE_ERROR` of the true one. Values of at most 1 fall into bucket 0, so values are
given in a unit that makes 1 negligible (microseconds for times).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

RELATIVE_ERROR = 0.01
_BASE = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_BASE = math.log(_BASE)


def bucket_of(value: float) -> int:
    """The bucket of a finite value."""
    return 0 if value <= 1 else math.ceil(math.log(value) / _LOG_BASE)


def value_of(bucket: int) -> float:
    """The value that stands for a bucket."""
    return 1.0 if bucket <= 0 else 2 * _BASE**bucket / (_BASE + 1)


def quantile(counts: Mapping[int, int], fraction: float) -> float:
    """The value at `fraction` of the counted ones, e.g. 0.99; nan if nothing was counted."""
    total = sum(counts.values())
    if not total:
        return math.nan
    rank = max(1, math.ceil(fraction * total))
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= rank:
            break
    return value_of(bucket)
