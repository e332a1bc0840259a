"""Judges beside people: what judges say of answers, corrected by the people who said it of some of them, and how far both agree.

The exchange is the unit: several jurors of one are averaged by weight, and so are several people. The mean over all that was
judged is corrected by the exchanges that a person spoke of as well (prediction-powered inference, `statistics/judges.py`), so a
judge that is lenient, or likes long answers, costs width and no truth. That holds where it is known with what probability each
was given to a person:

  - *by lot* (`entrepot outcomes sample`): each label carries its chance, and nothing else is assumed;
  - *volunteers* (feedback): whoever is angry speaks more often. Chances are then taken from how often people spoke of what
    judges called good, middling and bad. What is left is the assumption that of two answers of which judges say the same, people
    do not rather speak of the good one. It is said beside the figure, and labels by lot take their place as soon as there are
    `LEAST_LABELS` of them.

Agreement is that of single judges with people, on the exchanges of which both spoke: how often they say the same, how often
beyond chance (Cohen's kappa), by how much the judge is more lenient, and by how much more so of answers that are longer than the
median. Exchanges of one session count as if they had nothing to do with each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

import msgspec
import numpy as np

from entrepot.exchange.outcome import OutcomeSource
from entrepot.ledger.store import ALWAYS, Judgement, LedgerReader, Period
from entrepot.reports.outcomes import Tally, difference
from entrepot.statistics.intervals import Interval, proportion_interval
from entrepot.statistics.judges import LEAST_LABELS, agreement, corrected_mean

PEOPLE: tuple[OutcomeSource, ...] = ("user", "person")
"""Whose word counts as a person's, unless somebody says otherwise."""
How = Literal["lot", "volunteers"]


class Twice(msgspec.Struct, frozen=True):
    """An exchange that judges spoke of: what they say together and one by one, and what people said of it, None where nobody did.

    `chance` is that of having been given to a person, None where nobody drew it.
    """

    route: str | None
    model: str | None
    p_correct: float | None
    output_tokens: int | None
    judged: float
    judges: dict[str, float]
    person: float | None = None
    chance: float | None = None


class Corrected(msgspec.Struct, frozen=True):
    """The mean outcome over `judged` exchanges: as judges `say`, as the `labelled` by people make it, and by these alone.

    `corrected` and `people` are None below LEAST_LABELS labels. `model` None: of all.
    """

    route: str | None
    model: str | None
    judged: int
    say: float
    labelled: int
    how: How
    corrected: Interval | None
    people: Interval | None


class Agreement(msgspec.Struct, frozen=True):
    """One judge on one route, beside people on the same `exchanges`: how often they say `same`, Cohen's `kappa`.

    `lenient` is judge less people, `longer` the same of the longer half of answers less that of the shorter; both None below
    LEAST_LABELS exchanges (of either half).
    """

    judge: str
    route: str | None
    exchanges: int
    same: Interval
    kappa: Interval | None
    lenient: Interval | None
    longer: Interval | None


class Foretold(msgspec.Struct, frozen=True):
    """Judged exchanges of which a P(correct) in this tenth (None: any) was `expected`, and what came of them, corrected."""

    tenth: int | None
    expected: float
    found: Corrected


class Judges(msgspec.Struct, frozen=True):
    """All that is known of judges in a period; `people` are the sources that count as such."""

    corrected: tuple[Corrected, ...]
    agreements: tuple[Agreement, ...]
    foretold: tuple[Foretold, ...]
    people: tuple[OutcomeSource, ...]
    confidence: float


def measure_judges(
    reader: LedgerReader,
    period: Period = ALWAYS,
    confidence: float = 0.95,
    people: Sequence[OutcomeSource] = PEOPLE,
) -> Judges:
    """Judges beside people in a period. Raises LedgerError if the ledger cannot answer."""
    told = list(read_twice(reader.judgements(("judge", *people), period)))
    return Judges(
        tuple(_corrected(told, confidence)),
        tuple(_agreements(told, confidence)),
        tuple(_foretold(told, confidence)),
        tuple(people),
        confidence,
    )


def read_twice(judgements: Iterable[Judgement]) -> Iterable[Twice]:
    """The exchanges that judges spoke of, from judgements in order of their exchanges."""
    for _, group in groupby(judgements, key=lambda one: one.exchange):
        said = list(group)
        judges = [one for one in said if one.source == "judge"]
        if not judges:
            continue
        people = [one for one in said if one.source != "judge"]
        drawn = [one for one in people if one.chance is not None]
        first = said[0]
        yield Twice(
            first.route,
            first.model,
            first.p_correct,
            first.output_tokens,
            _mean(judges),
            {one.who: one.score for one in judges},
            _mean(drawn or people) if people else None,
            max((one.chance for one in drawn if one.chance is not None), default=None),
        )


def _mean(said: Sequence[Judgement]) -> float:
    return sum(one.score * one.weight for one in said) / sum(one.weight for one in said)


def correct(
    told: Sequence[Twice], confidence: float = 0.95, route: str | None = None, model: str | None = None
) -> Corrected:
    """The mean over exchanges that judges spoke of, at least one, corrected by people."""
    judged = np.array([one.judged for one in told])
    labelled = [one for one in told if one.chance is not None]
    how: How = "lot"
    chances = [one.chance for one in labelled]
    if len(labelled) < LEAST_LABELS:
        how = "volunteers"
        labelled = [one for one in told if one.person is not None]
        chances = [_spoken_of(told)[_word(one.judged)] for one in labelled]
    found = Corrected(route, model, len(told), float(judged.mean()), len(labelled), how, None, None)
    if len(labelled) < LEAST_LABELS:
        return found
    y = np.array([one.person for one in labelled], dtype=np.float64)
    f = np.array([one.judged for one in labelled])
    p = np.array(chances, dtype=np.float64)
    return msgspec.structs.replace(
        found,
        corrected=_within(corrected_mean(judged, f, y, p, confidence, among=True)),
        people=_within(corrected_mean([], [0.0] * len(y), y, p, confidence)),
    )


def _spoken_of(told: Sequence[Twice]) -> dict[str, float]:
    """How often people spoke of what judges called good, middling and bad; of all alike where they never spoke of some."""
    counts, spoken = (
        Counter(_word(one.judged) for one in part) for part in (told, [one for one in told if one.person is not None])
    )
    if any(not spoken[word] for word in counts):
        return dict.fromkeys(counts, 1.0)
    return {word: spoken[word] / count for word, count in counts.items()}


def _within(found: Interval) -> Interval:
    """The parts of an interval that a mean outcome may lie in."""
    return Interval(*(min(1.0, max(0.0, end)) for end in found))


def _word(score: float) -> str:
    return "good" if score > 0.5 else "bad" if score < 0.5 else "middling"


def _corrected(told: Sequence[Twice], confidence: float) -> Iterable[Corrected]:
    """Each route, and under it its models where there are several."""
    for route, here in _by_count(told, "route"):
        yield correct(here, confidence, route)
        models = _by_count(here, "model")
        if len(models) > 1:
            yield from (correct(part, confidence, route, model) for model, part in models if model is not None)


def _by_count(told: Sequence[Twice], field: Literal["route", "model"]) -> list[tuple[str | None, list[Twice]]]:
    parts: dict[str | None, list[Twice]] = {}
    for one in told:
        parts.setdefault(one.route if field == "route" else one.model, []).append(one)
    return sorted(parts.items(), key=lambda part: (-len(part[1]), part[0] or ""))


def _agreements(told: Sequence[Twice], confidence: float) -> Iterable[Agreement]:
    both = [one for one in told if one.person is not None]
    for judge in sorted({judge for one in both for judge in one.judges}):
        heard = [one for one in both if judge in one.judges]
        for route, here in _by_count(heard, "route"):
            yield agree(judge, route, here, confidence)


def agree(judge: str, route: str | None, told: Sequence[Twice], confidence: float = 0.95) -> Agreement:
    """One judge beside people, on exchanges that both spoke of."""
    pairs = [(one.judges[judge], one.person or 0.0, one.output_tokens) for one in told]
    first, second = [_word(said) for said, _, _ in pairs], [_word(person) for _, person, _ in pairs]
    same = sum(one == other for one, other in zip(first, second, strict=True))
    kappa = agreement(first, second, confidence)
    counted = sorted(tokens for _, _, tokens in pairs if tokens is not None)
    middle = counted[len(counted) // 2] if counted else 0
    known = [(said - person, tokens) for said, person, tokens in pairs if tokens is not None]
    above = any(tokens > middle for tokens in counted)  # where half are of one length, the halves are not alike
    long, short = (
        _tally(gap for gap, tokens in known if (tokens > middle if above else tokens >= middle) == is_long)
        for is_long in (True, False)
    )
    every = _tally(said - person for said, person, _ in pairs)
    return Agreement(
        judge,
        route,
        len(pairs),
        proportion_interval(same, len(pairs), confidence),
        None if math.isnan(kappa.estimate) or len(pairs) < LEAST_LABELS else kappa,
        _gap(every.interval(confidence), 1.0) if every.count >= LEAST_LABELS else None,
        _gap(difference(long, short, confidence), 0.0) if min(long.count, short.count) >= LEAST_LABELS else None,
    )


def _tally(gaps: Iterable[float]) -> Tally:
    """Differences in [-1, 1], told in [0, 1]."""
    found = Tally()
    for gap in gaps:
        half = (1 + gap) / 2
        found += Tally(1, half, half * half)
    return found


def _gap(found: Interval, taken: float) -> Interval:
    """Back from [0, 1]: `taken` is 1 for a mean, 0 for a difference of two."""
    return Interval(*(2 * end - taken for end in found))


def _foretold(told: Sequence[Twice], confidence: float) -> Iterable[Foretold]:
    known = [one for one in told if one.p_correct is not None]
    tenths: dict[int, list[Twice]] = {}
    for one in known:
        tenths.setdefault(min(int((one.p_correct or 0.0) * 10), 9) + 1, []).append(one)
    for tenth, here in sorted(tenths.items()):
        yield Foretold(tenth, _expected(here), correct(here, confidence))
    if known:
        yield Foretold(None, _expected(known), correct(known, confidence))


def _expected(told: Sequence[Twice]) -> float:
    return sum(one.p_correct or 0.0 for one in told) / len(told)
