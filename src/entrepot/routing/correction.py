"""What live outcomes changed about a fitted router: for each model a slope, a shift and a weight of the prompt's ease.

Of a fit's logit l and a prompt's ease e, the corrected logit is `slope * l + shift + ease * e`. That is all that can be learned
where no prompt is kept, for an entry holds l (as P(correct)) and e; and it is exact: a router corrected estimates as a fit with
other calibration would. Numbers are rounded, so that the same outcomes give the same name on every machine.

Rules of this file: pure values. What a correction is fitted on is in `correction_fit.py`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
DECIMALS = 4


class Adjustment(msgspec.Struct, frozen=True):
    """How one model's logits are corrected; by default not at all."""

    slope: float = 1.0
    shift: float = 0.0
    ease: float = 0.0

    def apply(self, logit: float, ease: float) -> float:
        """The corrected logit of one that the fit gives."""
        return self.slope * logit + self.shift + self.ease * ease

    def undo(self, logit: float, ease: float) -> float:
        """The fit's own logit of one that was corrected."""
        return (logit - self.shift - self.ease * ease) / self.slope

    def rounded(self) -> Adjustment:
        """The same with as many decimals as a correction has. A slope stays above zero, so that it can be undone."""
        return Adjustment(
            max(round(self.slope, DECIMALS), 10**-DECIMALS), round(self.shift, DECIMALS), round(self.ease, DECIMALS)
        )


class Correction(msgspec.Struct, frozen=True):
    """The adjustments of all models by name, and `common` for those of which nobody said anything."""

    common: Adjustment = Adjustment()
    models: dict[str, Adjustment] = {}

    def of(self, model: str) -> Adjustment:
        """How this model's logits are corrected."""
        return self.models.get(model, self.common)

    def columns(self, models: Sequence[str]) -> tuple[Doubles, Doubles, Doubles]:
        """Slopes, shifts and weights of ease, in the order of `models`; shape (models,)."""
        all_ = [self.of(model) for model in models]
        return tuple(np.array([getattr(one, name) for one in all_]) for name in ("slope", "shift", "ease"))  # type: ignore[return-value]  # three names give three columns

    @property
    def digest(self) -> str:
        """Tells it from every other: 12 hexadecimal digits."""
        told = msgspec.json.encode(msgspec.structs.replace(self, models=dict(sorted(self.models.items()))))
        return hashlib.sha256(told).hexdigest()[:12]

    def moves(self, other: Correction) -> float:
        """The furthest that any model's P(correct) of an average prompt differs between the two; at most that of the shifts."""
        names = {*self.models, *other.models}
        pairs = [(self.common, other.common), *((self.of(name), other.of(name)) for name in names)]
        return max(abs(_at_middle(one) - _at_middle(two)) for one, two in pairs)


NOTHING = Correction()


class Learned(msgspec.Struct, frozen=True):
    """The router in force where it is not simply the file that the settings name.

    `version` is its name in decisions. `base` is the digest of the file that it corrects, `over` that of the file that the
    settings named when it was put in force: where they name another by now, they are the later word, and this is none.
    """

    version: str
    base: str
    over: str
    correction: Correction = NOTHING


def version_of(base_version: str, correction: Correction) -> str:
    """The name of a corrected router: that of its file, and what tells the correction."""
    return base_version if correction == NOTHING else f"{base_version}+{correction.digest}"


def base_of(version: str) -> str:
    """The name of the file's own version within one."""
    return version.partition("+")[0]


def _at_middle(one: Adjustment) -> float:
    """P(correct) where the fit expects one in two, two in three, …: the middle of what is usual."""
    return 1 / (1 + math.exp(-one.apply(0.7, 0.0)))
