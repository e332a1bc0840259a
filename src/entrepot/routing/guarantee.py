"""A floor that is a statement: at most so much loss of quality against a reference, with a stated confidence, or a refusal.

Learn then test (Angelopoulos et al. 2021): settings are ordered beforehand, on data that is not used here, from the one
most likely to hold to the least expensive; each is tested in turn, at full level, until the first that cannot be shown to
hold (fixed sequence, Maurer et al. 1995). Loss is reference minus routed, prompt by prompt; wins count. Where outcomes are
right or wrong the test is exact: losses and wins are a trinomial, and the p-value is the largest over a confidence set of
how often the two differ at all (Berger and Boos 1994). Graded outcomes are tested by betting (Waudby-Smith and Ramdas 2024).

The promise holds for prompts drawn like the calibration's. It says nothing about others; `Alarm` watches for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_NUISANCE_LEVEL = 0.002  # of the error allowed, spent on how often the two differ
_NUISANCE_VALUES = 8
_BETS = np.geomspace(0.01, 0.9, 24)
_NEAREST = 1e-9


class Promise(msgspec.Struct, frozen=True):
    """What was promised on which data: with `confidence`, the mean loss against `reference` is at most `max_loss`.

    `setting` is the knob's number, None for a refusal: then everything goes to the reference. `p_value` is that of the
    setting, or of the one that failed. `data` names the calibration outcomes, `date` says of when they are. `needed` is about
    how many prompts like these it would have taken where it is refused, None where they speak against it. `withdrawn` says
    how it was broken, where it was made and no longer holds.
    """

    reference: str
    max_loss: float
    confidence: float
    setting: int | None
    prompts: int
    p_value: float
    data: str = ""
    date: str = ""
    needed: int | None = None
    withdrawn: str = ""

    def __str__(self) -> str:
        prompts = f"{self.prompts:,} prompt{'' if self.prompts == 1 else 's'}"
        on = f"on {prompts}{f' of {self.data}' if self.data else ''}{f', {self.date}' if self.date else ''}"
        points = f"{100 * self.max_loss:g} point{'' if self.max_loss == 0.01 else 's'}"
        if self.withdrawn:
            return (
                f"the promise of at most {points} below {self.reference} {on} is withdrawn: {self.withdrawn}; "
                f"everything goes to {self.reference}"
            )
        if self.setting is None:
            return (
                f"no promise of at most {points} below {self.reference} can be made with {self.confidence:.0%} confidence "
                f"{on}{self._lacking()}; everything goes to {self.reference}"
            )
        return f"at most {points} below {self.reference} on average, with {self.confidence:.0%} confidence, {on}"

    def _lacking(self) -> str:
        if not self.prompts:
            return ", because there are no outcomes of the reference and others on the same prompts: entrepot collect gets them"
        if self.needed is None:
            return ", which speak against it"
        return f": too few to tell, about {self.needed:,} like them might do"


def make_promise(
    losses: Doubles,
    order: Sequence[int],
    *,
    reference: str,
    max_loss: float,
    confidence: float,
    data: str = "",
    date: str = "",
) -> Promise:
    """Test settings in `order` on `losses`, shape (prompts, settings), values in [-1, 1]; promise the last that holds.

    `order` must come from other prompts than these (see `order_settings`). It may leave settings out.
    """
    kept: int | None = None
    p_value = 1.0
    for setting in order:
        tested = p_value_of(losses[:, setting], max_loss)
        if tested > 1 - confidence:
            p_value = tested if kept is None else p_value
            break
        kept, p_value = setting, tested
    return Promise(reference, max_loss, confidence, kept, len(losses), p_value, data, date)


def order_settings(mean: Doubles, deviation: Doubles, cost: Doubles, max_loss: float, prompts: int) -> list[int]:
    """An order of testing from what is known before calibration: the safest first, then those that cost less, dearest first.

    `mean` and `deviation` of the loss and `cost` by setting; `prompts` is how many the calibration will have.
    """
    error = np.sqrt((deviation**2 + 1 / prompts) / prompts)  # one more loss than was seen is always possible
    margin = np.where(deviation > 0, (max_loss - mean) / error, -np.inf)  # without any difference it is the reference
    start = int(margin.argmax())
    cheaper = [int(i) for i in np.argsort(-cost, kind="stable") if cost[i] < cost[start]]
    return [start, *cheaper]


def p_value_of(losses: Doubles, max_loss: float) -> float:
    """Of the hypothesis that the mean loss is above `max_loss`."""
    if not len(losses):
        return 1.0
    rounded = np.round(losses)
    if np.abs(losses - rounded).max() < _NEAREST:
        return _trinomial_p(len(losses), int((rounded > 0).sum()), int((rounded < 0).sum()), max_loss)
    return _betting_p(losses, max_loss)


def fewest_prompts(max_loss: float, confidence: float) -> int:
    """How many prompts a promise of `max_loss` takes at the least: where not one of them is lost, and none won."""
    low, high = 1, 1
    while p_value_of(np.zeros(high), max_loss) > 1 - confidence:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if p_value_of(np.zeros(middle), max_loss) <= 1 - confidence:
            high = middle
        else:
            low = middle + 1
    return high


@lru_cache(maxsize=65536)
def _trinomial_p(count: int, lost: int, won: int, max_loss: float) -> float:
    """P(losses - wins as low as seen), at the boundary, for the least favourable rate of differing."""
    low, high = _exact_interval(lost + won, count, _NUISANCE_LEVEL)
    differ = np.linspace(max(low, max_loss), max(high, max_loss), _NUISANCE_VALUES)
    losing, winning = (differ + max_loss) / 2, (differ - max_loss) / 2
    size = 1 << (2 * count + 1).bit_length()
    turn = np.exp(-2j * np.pi * np.fft.fftfreq(size))
    transform = losing[:, None] * turn + winning[:, None] / turn + (1 - differ)[:, None]
    mass = np.fft.ifft(transform**count, axis=1).real
    # differences from -count to count, negative ones wrap around
    tail = mass[:, -count:].sum(axis=1) if lost >= won else mass[:, size - count : size - (won - lost) + 1].sum(axis=1)
    if lost >= won:
        tail = tail + mass[:, : lost - won + 1].sum(axis=1)
    return float(min(1.0, max(0.0, tail.max()) + _NUISANCE_LEVEL))


def _exact_interval(successes: int, count: int, level: float) -> tuple[float, float]:
    """A rate's interval by Clopper and Pearson (1934), by bisection."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    ways = logs[count] - logs - logs[::-1]
    hits = np.arange(count + 1)

    def tail(rate: float, among: slice) -> float:
        mass = ways[among] + hits[among] * np.log(rate) + (count - hits[among]) * np.log1p(-rate)
        return float(np.exp(mass).sum())

    def bisect(among: slice, rising: bool) -> float:
        low, high = 1e-12, 1 - 1e-12
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if (tail(middle, among) > level / 2) == rising else (middle, high)
        return (low + high) / 2

    return (
        0.0 if successes == 0 else bisect(slice(successes, None), rising=True),
        1.0 if successes == count else bisect(slice(None, successes + 1), rising=False),
    )


def _betting_p(losses: Doubles, max_loss: float) -> float:
    """One over the mean capital of a few gamblers who each bet a fixed part against the hypothesis."""
    gains = (max_loss - np.clip(losses, -1, 1)) / (1 + max_loss)
    capital = np.exp(np.minimum(np.log1p(_BETS[:, None] * gains).sum(axis=1), 500.0)).mean()
    return float(min(1.0, 1 / max(capital, 1.0)))


class Alarm:
    """Watches fresh losses, one at a time or many, for a broken promise; it may be looked at whenever one likes.

    A gambler's capital against "the mean loss is at most `max_loss`" (Ville's inequality): if the promise holds, it ever
    reaches 1 / `error` with probability at most `error`. `window` forgets: only the last so many losses count, and the
    bound is then for each window by itself.
    """

    def __init__(self, max_loss: float, error: float = 0.01, window: int | None = None) -> None:
        self.max_loss = max_loss
        self.error = error
        self.window = window
        self._losses: list[float] = []
        self._logs = np.zeros(len(_BETS))
        self._raised = False

    @property
    def raised(self) -> bool:
        """Whether the promise was found broken."""
        return self._raised

    def observe(self, losses: Sequence[float]) -> bool:
        """Take fresh losses, values in [-1, 1]; whether the alarm is raised."""
        for loss in losses:
            self._logs += self._log_gains(loss)
            if self.window is not None:
                self._losses.append(loss)
                if len(self._losses) > self.window:
                    self._logs -= self._log_gains(self._losses.pop(0))
            self._raised = self._raised or float(np.exp(np.minimum(self._logs, 500.0)).mean()) >= 1 / self.error
        return self._raised

    def _log_gains(self, loss: float) -> Doubles:
        return np.asarray(np.log1p(_BETS * (loss - self.max_loss) / (1 + self.max_loss)))
