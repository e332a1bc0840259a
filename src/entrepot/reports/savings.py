"""What routing saved against the baseline that the operator named, with the interval that the estimate deserves.

Of each completed exchange the cost is known; what the baseline would have cost is not, unless the baseline answered it.
For the others `Entry.baseline` holds an estimate, whose only uncertain part is how long the baseline's answer would have
been. Its error has two parts, and they are kept apart because only the first shrinks as exchanges add up:

- *independent*: the spread of single answers around their prediction. Variances add: sqrt(sum of squares). The router
  states it; once the baseline has answered enough exchanges itself, the spread seen there is taken instead, because for a
  model that the router never saw its own word covers the doubt about the whole model and not only about one answer. The
  spread of a few dozen skewed costs understates, so it is widened: by Student's t for its degrees of freedom, and by
  `SKEW_ALLOWANCE`. Simulated with log-normal lengths (20 to 120 drawn of 200 to 1,200, sd of the log 0.5 to 0.7), such
  intervals cover 94 to 98 % where 95 is stated, and without the allowance 89 to 94 %; at a sd of 1.0, 90 to 95 %.
- *systematic*: the predictions may all be too long or too short together, by a factor. The exchanges that the baseline
  answered itself tell: the ratio of what they cost to what was predicted for them (a ratio estimate, Cochran 1977)
  corrects the rest. How far that can be trusted depends on who picked them:
  - *by lot* (`MIN_DRAWN` of them or more, from a route's holdout): they are a random sample of the exchanges that were
    routed elsewhere, and the ratio's own standard error is all that is allowed for (exchanges of one session are drawn
    together and counted as if drawn one by one, which understates it where sessions are long);
  - *by the router* (`MIN_PAIRS` or more): it sends the hard ones there, so the factor of the rest may differ. Allowed for
    is anything from no bias to twice the bias seen, at least `LEAST_TRANSFER` either way, as a rectangular distribution
    (standard deviation: half-width / sqrt(3); GUM, JCGM 100:2008, 4.3.7);
  - with fewer of either nothing is corrected, and `ASSUMED_BIAS` either way is allowed for.

The interval is normal: estimate ± z · sqrt(independent² + systematic²). Where the rectangular part dominates it is wider
than need be (1.13 half-widths). With several baselines their systematic parts are added as if they erred together. The
baseline can never have cost less than the part of it that was measured.

Assumed besides, and printed: the baseline would have answered every completed request once, at its price of that moment,
without failed attempts, reading the tokens that were read, as many of them from its cache. Counted against routing: the
cost of attempts whose answer nobody got, and of exchanges that did not complete, for which the baseline is credited with
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from entrepot.ledger.store import ALWAYS, Comparison, LedgerReader, Period, Unfinished
from entrepot.reports.charts import Bar, Bars, Chart
from entrepot.reports.render import Column, Label, Quantity, Row, Table
from entrepot.reports.wording import ENGLISH, Words
from entrepot.statistics.intervals import normal_quantile, ratio_spread
from entrepot.statistics.student import student_quantile

MIN_PAIRS = 30
MIN_DRAWN = 20
ASSUMED_BIAS = 0.25
LEAST_TRANSFER = 0.05
SKEW_ALLOWANCE = 1.25
_NANO = 1_000_000_000


class BaselineEstimate(msgspec.Struct, frozen=True):
    """What one baseline would have cost for `exchanges` of them, `measured` of which it answered itself.

    `factor` is the correction applied to the predictions (1 where there were too few `pairs`), `factor_allowance` its
    standard deviation; `by_lot` says that a holdout's lot picked the pairs, not the router. The errors are standard
    deviations in dollars.
    """

    deployment: str
    model: str
    exchanges: int
    measured: int
    nano_usd: int
    measured_nano_usd: int
    independent_usd: float
    systematic_usd: float
    pairs: int
    by_lot: bool
    factor: float
    factor_allowance: float

    @property
    def corrected(self) -> bool:
        """Whether there were enough pairs to correct the predictions."""
        return self.by_lot or self.pairs >= MIN_PAIRS


class Range(msgspec.Struct, frozen=True):
    """Nano-dollars, with the ends of the interval."""

    nano_usd: int
    low_nano_usd: int
    high_nano_usd: int


class Parts(msgspec.Struct, frozen=True):
    """What a saving is made of, in nano-dollars: they add up to it.

    `length`: the baseline's answers would have been longer (or shorter) than those given, at its own price. `price`: the same
    tokens, none of them cached, cost less. `cache`: what caches took off at the model that answered, less what they would
    have taken off at the baseline's price. `in_vain`: answers that were billed and not used, less than zero. `unfinished`:
    the same for exchanges that did not complete. `rest`: exchanges of which the parts are not known.
    """

    price: int
    length: int
    cache: int
    in_vain: int
    unfinished: int
    rest: int


class Savings(msgspec.Struct, frozen=True):
    """The figures of a period. Without a named baseline `baseline`, `saving` and `fraction` are None.

    `cost_nano_usd` is that of the compared exchanges and of the unfinished ones. `fraction` is (estimate, low, high) of
    the saving as a part of the baseline's cost, None where that is zero.
    """

    exchanges: int
    cost_nano_usd: int
    thrown_away_nano_usd: int
    unfinished: int
    unfinished_nano_usd: int
    unknown_cost: int
    without_baseline: int
    confidence: float
    estimates: tuple[BaselineEstimate, ...] = ()
    baseline: Range | None = None
    saving: Range | None = None
    fraction: tuple[float, float, float] | None = None
    parts: Parts | None = None


def measure_savings(reader: LedgerReader, period: Period = ALWAYS, confidence: float = 0.95) -> Savings:
    """The savings of a period. Raises LedgerError if the ledger cannot answer."""
    return combine(reader.comparisons(period), reader.unfinished(period), confidence)


def combine(comparisons: Sequence[Comparison], unfinished: Unfinished, confidence: float = 0.95) -> Savings:
    """Comparisons, one per baseline, and what was spent in vain, as one statement."""
    named = [part for part in comparisons if part.baseline_model is not None]
    cost = sum(part.cost_nano_usd for part in named) + unfinished.cost_nano_usd
    savings = Savings(
        exchanges=sum(part.exchanges for part in named),
        cost_nano_usd=cost,
        thrown_away_nano_usd=sum(part.thrown_away_nano_usd for part in named),
        unfinished=unfinished.exchanges,
        unfinished_nano_usd=unfinished.cost_nano_usd,
        unknown_cost=sum(part.unknown_cost for part in named) + unfinished.unknown_cost,
        without_baseline=sum(part.exchanges + part.unknown_cost for part in comparisons if part.baseline_model is None),
        confidence=confidence,
    )
    estimates = tuple(estimate_baseline(part) for part in named if part.exchanges)
    if not estimates:
        return savings
    baseline = _range_of(estimates, confidence)
    return msgspec.structs.replace(
        savings,
        estimates=estimates,
        baseline=baseline,
        saving=Range(
            baseline.nano_usd - cost,
            baseline.low_nano_usd - cost,
            baseline.high_nano_usd - cost,
        ),
        fraction=_fraction(cost, baseline),
        parts=_parts(named, estimates, savings, baseline.nano_usd - cost),
    )


def _parts(named: Sequence[Comparison], estimates: Sequence[BaselineEstimate], savings: Savings, saving: int) -> Parts:
    """The saving taken apart. What corrects the baseline's predictions is a matter of length alone."""
    splits = [part.split for part in named if part.exchanges]
    length = sum(
        round(split.baseline_nano_usd * estimate.factor) - split.as_long_nano_usd
        for split, estimate in zip(splits, estimates, strict=True)
    )
    price = sum(split.as_long_uncached_nano_usd - split.uncached_nano_usd for split in splits)
    at_baseline = sum(split.as_long_uncached_nano_usd - split.as_long_nano_usd for split in splits)
    cache = sum(split.uncached_nano_usd - split.answer_nano_usd for split in splits) - at_baseline
    in_vain, unfinished = -savings.thrown_away_nano_usd, -savings.unfinished_nano_usd
    rest = saving - price - length - cache - in_vain - unfinished
    return Parts(price, length, cache, in_vain, unfinished, rest)


def estimate_baseline(part: Comparison) -> BaselineEstimate:
    """What the baseline would have cost, and both parts of the error (see the module)."""
    by_lot = part.drawn.size >= MIN_DRAWN
    sums = part.drawn if by_lot else part.pairs
    estimated = part.exchanges - part.measured
    factor, allowance, independent = 1.0, ASSUMED_BIAS / math.sqrt(3), math.sqrt(part.error_usd2)
    if by_lot or sums.size >= MIN_PAIRS:
        spread = error = 0.0
        if sums.x > 0:  # a baseline that is free is predicted without error
            factor = sums.y / sums.x
            spread = (
                ratio_spread(sums) * SKEW_ALLOWANCE * student_quantile(0.975, sums.size - 1) / normal_quantile(0.95)
            )
            error = spread * math.sqrt(sums.size) / sums.x  # as ratio_error, with the widened spread
        transfer = 0.0 if by_lot else max(abs(factor - 1), LEAST_TRANSFER) / math.sqrt(3)
        allowance = math.hypot(error, transfer)
        independent = spread * math.sqrt(estimated)
    return BaselineEstimate(
        deployment=part.baseline_deployment or "",
        model=part.baseline_model or "",
        exchanges=part.exchanges,
        measured=part.measured,
        nano_usd=part.measured_nano_usd + round(part.estimated_nano_usd * factor),
        measured_nano_usd=part.measured_nano_usd,
        independent_usd=independent,
        systematic_usd=part.estimated_nano_usd / _NANO * allowance,
        pairs=sums.size,
        by_lot=by_lot,
        factor=factor,
        factor_allowance=allowance,
    )


def _range_of(estimates: Sequence[BaselineEstimate], confidence: float) -> Range:
    independent = math.sqrt(sum(part.independent_usd**2 for part in estimates))
    systematic = sum(part.systematic_usd for part in estimates)
    half = round(normal_quantile(confidence) * math.hypot(independent, systematic) * _NANO)
    nano_usd = sum(part.nano_usd for part in estimates)
    known = sum(part.measured_nano_usd for part in estimates)
    return Range(nano_usd, max(known, nano_usd - half), nano_usd + half)


def _fraction(cost: int, baseline: Range) -> tuple[float, float, float] | None:
    """The saving as a part of the baseline's cost: monotone in that cost, so the ends of one are the ends of the other."""
    if baseline.nano_usd <= 0:
        return None
    low = 1 - cost / baseline.low_nano_usd if baseline.low_nano_usd > 0 else -math.inf
    return 1 - cost / baseline.nano_usd, low, 1 - cost / baseline.high_nano_usd


def tabulate_savings(savings: Savings, words: Words = ENGLISH) -> Table:
    """The figures as a table, with every assumption and exclusion as a note."""
    columns = (
        Column("figure", words("figure"), "text"),
        Column("value", words("value"), "count"),
        Column("interval", words("interval", percent=f"{savings.confidence:.0%}"), "interval"),
    )
    rows = [
        _row("exchanges_compared", Quantity(savings.exchanges, "count"), words),
        _row("cost", Quantity(savings.cost_nano_usd, "nano_usd"), words),
    ]
    if savings.baseline is not None and savings.saving is not None:
        models = ", ".join(dict.fromkeys(part.model for part in savings.estimates))
        rows.append(_row("baseline_cost", _quantity(savings.baseline), words, models=models))
        rows.append(_row("saving", _quantity(savings.saving), words))
    if savings.fraction is not None:
        rows.append(_row("saving_fraction", Quantity(savings.fraction[0], "fraction", *savings.fraction[1:]), words))
    charts: tuple[Chart, ...] = ()
    if savings.parts is not None:
        parts = {name: getattr(savings.parts, name) for name in Parts.__struct_fields__}
        shown = {name: value for name, value in parts.items() if value or name in ("price", "length", "cache")}
        rows += [_row(f"part_{name}", Quantity(value, "nano_usd"), words) for name, value in shown.items()]
        bars = tuple(Bar(words(f"part_{name}"), value) for name, value in shown.items())
        charts = (Bars(words("made_of"), "nano_usd", bars),)
    return Table("savings", words("savings"), columns, tuple(rows), tuple(_notes(savings, words)), charts)


def _row(figure: str, quantity: Quantity, words: Words, **values: str) -> Row:
    return (Label(figure, words(figure, **values)), quantity, quantity.interval())


def _quantity(amount: Range) -> Quantity:
    return Quantity(amount.nano_usd, "nano_usd", amount.low_nano_usd, amount.high_nano_usd)


def _notes(savings: Savings, words: Words) -> list[str]:
    if savings.baseline is None:
        notes = [words("no_baseline")]
    else:
        notes = [_how_estimated(part, words) for part in savings.estimates if part.measured < part.exchanges]
        notes.append(words("assumed"))
        notes.append(words("parts_how"))
    if savings.thrown_away_nano_usd:
        notes.append(words("thrown_away", usd=words.usd(savings.thrown_away_nano_usd)))
    if savings.unfinished:
        notes.append(words("unfinished", count=savings.unfinished, usd=words.usd(savings.unfinished_nano_usd)))
    if savings.unknown_cost:
        notes.append(words("unknown_excluded", count=savings.unknown_cost))
    if savings.without_baseline and savings.baseline is not None:
        notes.append(words("without_baseline", count=savings.without_baseline))
    return notes


def _how_estimated(part: BaselineEstimate, words: Words) -> str:
    """How the cost of one baseline was arrived at, and what is allowed for its bias."""
    values: dict[str, str | int] = {
        "model": part.model,
        "measured": part.measured,
        "estimated": part.exchanges - part.measured,
        "pairs": part.pairs,
        "factor": f"{part.factor:.3f}",
        "allowance": f"{max(abs(part.factor - 1), LEAST_TRANSFER):.0%}",
        "assumed": f"{ASSUMED_BIAS:.0%}",
        "least": MIN_PAIRS,
    }
    key = "estimated_by_lot" if part.by_lot else "estimated_corrected" if part.corrected else "estimated_assumed"
    return words(key, **values)
