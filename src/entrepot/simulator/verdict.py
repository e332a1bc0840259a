"""Figures from what came back over the wire: quality with its interval, and what one side has over the other.

Rules of this file: an answer that did not come is wrong, not left out. Both sides are asked the same prompts, so their
difference is a paired one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from entrepot.simulator.workload import Got
from entrepot.statistics.intervals import Interval, paired_difference_interval, proportion_interval

_Asked = TypeVar("_Asked")


class Quality(msgspec.Struct, frozen=True):
    """How one side did. `right` has one value for each prompt, in their order; `failed` counts answers that did not come."""

    right: tuple[bool, ...]
    failed: int
    interval: Interval


def quality_of(
    asked: Sequence[_Asked], got: Sequence[Got], judge: Callable[[_Asked, str], bool], confidence: float = 0.95
) -> Quality:
    """Judge every answer from its text."""
    right = tuple(each.ok and judge(prompt, each.text) for prompt, each in zip(asked, got, strict=True))
    failed = sum(not each.ok for each in got)
    return Quality(right, failed, proportion_interval(sum(right), len(right), confidence))


def kept(first: Quality, second: Quality, confidence: float = 0.95) -> Interval:
    """The quality of `first` less that of `second` on the same prompts, a fraction, with its interval."""
    pairs = list(zip(first.right, second.right, strict=True))
    return paired_difference_interval(
        pairs.count((True, True)),
        pairs.count((True, False)),
        pairs.count((False, True)),
        pairs.count((False, False)),
        confidence,
    )
