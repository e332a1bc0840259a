"""How often the intervals of reports hold the truth: simulated companies whose truth is known, through a real ledger.

    OPENBLAS_NUM_THREADS=1 python benchmarks/bench_intervals.py [--runs 300]

Each run is one company: `EXCHANGES` sessions over `DAYS` days, easy ones and hard ones, which a router gives to a cheap model
or to the dear one, and a lot to the dear one; lengths are log-normal, the predictions of costs a tenth too low, feedback comes
for half. Two judges, right in about four of five (one says of long answers that they are right, and the dear model's are
long), judge two thirds, and people see `LABELS` of these by lot. Its entries are written to a ledger, and the reports read it.
Of fixed-horizon intervals it is counted how many hold the truth (95 % are stated, 92 to 98 % asked for); of always-valid ones,
looked at `LOOKS` times as the days go by, how many runs were ever wrong (5 %, and 8 % for the luck of 300). Nothing is
asserted here; a test that runs fewer of them does.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from entrepot.canonical.response import Usage
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import AttemptRecord, Baseline, Entry, Expected, Served
from entrepot.ledger.sqlite import open_sqlite
from entrepot.ledger.store import LedgerReader, Period
from entrepot.reports.experiment import measure_experiments
from entrepot.reports.judges import measure_judges
from entrepot.reports.quality import measure_quality
from entrepot.reports.savings import measure_savings
from entrepot.reports.spend import measure_forecast
from entrepot.reports.value import measure_value
from entrepot.routing.holdout import Lot
from entrepot.routing.utility import Decision, Weighed
from entrepot.statistics.intervals import Interval, proportion_interval

EXCHANGES, DAYS, AHEAD, LOOKS = 1600, 56, 14, 10
FIRST_NS, DAY_NS, NANO = 1_788_220_800_000_000_000, 86_400_000_000_000, 1_000_000_000  # from 2026-09-01
SHARE, TOLD = 0.15, 0.5
JUDGED, LABELS = 2 / 3, 120
LONG_DEAR, LONG_CHEAP = 0.7, 0.3
"""How often either model's answer is a long one."""
BANDS = np.array([0.5, 0.3, 0.2])
"""How many are easy, of medium difficulty and hard; and by band: what is given to the dear model, and who is right how often."""
TO_DEAR = np.array([0.05, 0.2, 0.6])
RIGHT_DEAR, RIGHT_CHEAP = np.array([0.97, 0.86, 0.62]), np.array([0.95, 0.76, 0.4])
REFERENCE = (0.9, 0.65, 0.3)
USD_DEAR, USD_CHEAP = 0.012, 0.003
_DEAR_OF = SHARE + (1 - SHARE) * TO_DEAR
TRUE_SAVING = float(1 - (BANDS * (TO_DEAR + (1 - TO_DEAR) * USD_CHEAP / USD_DEAR)).sum())
TRUE_LOSS = float((BANDS * (1 - TO_DEAR) * (RIGHT_CHEAP - RIGHT_DEAR)).sum())
TRUE_QUALITY = float((BANDS * (_DEAR_OF * RIGHT_DEAR + (1 - _DEAR_OF) * RIGHT_CHEAP)).sum())
FIXED, ALWAYS, TOLD_ONLY = "fixed horizon", "always valid", "for comparison"

Floats = NDArray[np.float64]


class Company(NamedTuple):
    """Of each exchange: day, band, lot, who answered, what either would have cost (dollars), and whether it was right."""

    day: NDArray[np.int64]
    band: NDArray[np.int64]
    drawn: NDArray[np.bool_]
    chosen_dear: NDArray[np.bool_]
    is_dear: NDArray[np.bool_]
    predicted: Floats
    dear: Floats
    cheap: Floats
    right: NDArray[np.bool_]
    told: NDArray[np.bool_]
    long: NDArray[np.bool_]
    judges: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    foreseen: Floats

    @property
    def cost(self) -> Floats:
        """What was paid."""
        return np.where(self.is_dear, self.dear, self.cheap)


class Held(NamedTuple):
    """Whether one interval held the truth (or a sequence of them always did)."""

    name: str
    kind: str
    held: bool


def draw(chance: np.random.Generator, days: int = DAYS) -> Company:
    """A company's exchanges, in order of time."""
    count = EXCHANGES * days // DAYS
    band = chance.choice(3, count, p=BANDS)
    drawn = chance.random(count) < SHARE
    chosen_dear = chance.random(count) < TO_DEAR[band]
    is_dear = drawn | chosen_dear
    size = chance.lognormal(-0.125, 0.5, count)
    spread = [chance.lognormal(-0.125, 0.5, count) for _ in range(2)]
    right = chance.random(count) < np.where(is_dear, RIGHT_DEAR[band], RIGHT_CHEAP[band])
    long = chance.random(count) < np.where(is_dear, LONG_DEAR, LONG_CHEAP)
    slips = np.array([np.where(long & ~right, 0.6, np.where(~long & right, 0.25, 0.1)), np.full(count, 0.2)])
    judges = right ^ (chance.random((2, count)) < slips)
    judged = chance.random(count) < JUDGED
    asked = np.zeros(count, dtype=bool)
    asked[chance.permutation(np.flatnonzero(judged))[:LABELS]] = True
    return Company(
        np.sort(chance.integers(0, days, count)),
        band,
        drawn,
        chosen_dear,
        is_dear,
        0.9 * USD_DEAR * size,
        USD_DEAR * size * spread[0],
        USD_CHEAP * size * spread[1],
        right,
        chance.random(count) < TOLD,
        long,
        judges,
        judged,
        asked,
        np.clip(np.array([RIGHT_DEAR[band], RIGHT_CHEAP[band]]) + chance.normal(0, 0.08, (2, count)), 0, 1),
    )


def _served(name: str, country: str) -> Served:
    return Served(f"host/{name}", name, name, country, "host", country, country, False, None, None)


DEAR, CHEAP = _served("dear", "US"), _served("cheap", "CN")


def entries_of(company: Company) -> Iterator[Entry]:
    """The entries that a gateway would have written."""
    for number in range(len(company.day)):
        served = DEAR if company.is_dear[number] else CHEAP
        cost = round(float(company.cost[number]) * NANO)
        predicted = round(float(company.predicted[number]) * NANO)
        cheap = round(predicted * USD_CHEAP / USD_DEAR)
        drawn, measured = bool(company.drawn[number]), bool(company.is_dear[number])
        lot = Lot(
            DEAR.deployment, SHARE, drawn, number + 1, predicted, predicted if company.chosen_dear[number] else cheap
        )
        baseline = Baseline(
            DEAR.deployment,
            DEAR.model,
            cost if measured else predicted,
            0 if measured else predicted // 2,
            measured,
            predicted if measured else None,
            drawn and not company.chosen_dear[number],
        )
        reference = REFERENCE[company.band[number]]
        yield Entry(
            id=f"019b0000-0000-7000-8000-{number:012x}",
            started_ns=FIRST_NS + int(company.day[number]) * DAY_NS + number * 1_000_000,
            state="completed",
            status=200,
            dialect="openai-chat",
            asked_model="auto",
            stream=False,
            duration_ms=1000.0,
            added_ms=0.5,
            route="auto",
            served=served,
            usage=Usage(100, output_tokens=500 if company.long[number] else 150),
            cost_nano_usd=cost,
            baseline=baseline,
            attempts=(
                AttemptRecord(
                    0, served.deployment, served.model, "host", 200, 900.0, cost_nano_usd=cost, answered=True
                ),
            ),
            expected=Expected(reference, reference, reference),
            lot=lot,
            decision=_decision(company, number),
        )


def _decision(company: Company, number: int) -> Decision:
    """As the router decided: what it expected of either model, and who was displaced by the lot."""
    chosen, other = (DEAR, CHEAP) if company.chosen_dear[number] else (CHEAP, DEAR)
    displaced = chosen.deployment if company.drawn[number] and chosen is CHEAP else None
    order = (other, chosen) if displaced else (chosen, other)
    p = dict(zip((DEAR.deployment, CHEAP.deployment), company.foreseen[:, number].tolist(), strict=True))
    weighed = tuple(Weighed(one.deployment, one.model, p_correct=p[one.deployment]) for one in (DEAR, CHEAP))
    return Decision(tuple(one.deployment for one in order), weighed, "simulated", displaced=displaced)


def judgements_of(company: Company) -> Iterator[Outcome]:
    """What both judges said, and the people who were asked by lot."""
    chance = LABELS / int(company.judged.sum())
    for number in np.flatnonzero(company.judged).tolist():
        exchange = f"019b0000-0000-7000-8000-{number:012x}"
        for judge, name in enumerate(("fond of length", "plain")):
            score = float(company.judges[judge, number])
            yield Outcome(f"judge-{judge}-{number}", exchange, FIRST_NS, "judge", name, score, weight=0.25)
        if company.asked[number]:
            score = float(company.right[number])
            yield Outcome(f"person-{number}", exchange, FIRST_NS, "person", "alice", score, chance=chance)


def feedback_of(company: Company) -> Iterator[Outcome]:
    """What users said of some of the answers."""
    for number in np.flatnonzero(company.told).tolist():
        exchange = f"019b0000-0000-7000-8000-{number:012x}"
        score = float(company.right[number])
        yield Outcome(f"019c0000-0000-7000-8000-{number:012x}", exchange, FIRST_NS, "user", "company", score)


def run(seed: int) -> list[Held]:
    """One company, and which of its reports' intervals held the truth."""
    chance = np.random.default_rng(seed)
    company, later = draw(chance), draw(chance, AHEAD)
    with tempfile.TemporaryDirectory() as folder, open_sqlite(folder) as store:
        store.insert(list(entries_of(company)))
        store.insert_documents([], [*feedback_of(company), *judgements_of(company)])
        return [
            *_savings(store, company),
            *_experiment(store),
            *_quality(store, company),
            *_judges(store, company),
            *_value(store, company),
            _forecast(store, company, later),
        ]


def _within(name: str, found: Interval | Sequence[Any], truth: float) -> Held:
    _, low, high = found
    return Held(name, FIXED, bool(low <= truth <= high))


def _savings(reader: LedgerReader, company: Company) -> Iterator[Held]:
    savings = measure_savings(reader)
    if savings.saving is None or savings.fraction is None:
        raise ValueError("no saving is stated")
    spent, would = float(company.cost.sum()), float(company.dear.sum())
    found = savings.saving
    ends = [end / NANO for end in (found.nano_usd, found.low_nano_usd, found.high_nano_usd)]
    yield _within("saving", ends, would - spent)
    yield _within("saving, part of the baseline's cost", savings.fraction, 1 - spent / would)
    (experiment,) = measure_experiments(reader)
    if experiment.estimated is not None:
        others = ~company.drawn
        truth = 1 - float(company.cost[others].sum() / company.dear[others].sum())
        yield _within("saving estimated, beside the lot's", experiment.estimated, truth)


def _experiment(reader: LedgerReader) -> Iterator[Held]:
    found: dict[str, list[bool]] = defaultdict(list)
    for look in range(1, LOOKS + 1):
        until_ns = FIRST_NS + look * DAYS // LOOKS * DAY_NS
        for one in measure_experiments(reader, Period(until_ns=until_ns)):
            truths = (
                ("saving by lot, adjusted", one.fraction, TRUE_SAVING),
                ("saving by lot, plain", one.plain_fraction, TRUE_SAVING),
                ("quality by lot, adjusted", one.quality, TRUE_LOSS),
                ("quality by lot, plain", one.plain_quality, TRUE_LOSS),
            )
            for name, interval, truth in truths:
                if interval is not None:
                    found[name].append(interval.low <= truth <= interval.high)
    for name, held in found.items():
        yield Held(name, ALWAYS, all(held))


def _judges(reader: LedgerReader, company: Company) -> Iterator[Held]:
    found = measure_judges(reader)
    for one in found.corrected:
        if one.model is None and one.corrected is not None:
            yield _within("judges corrected, the route", one.corrected, TRUE_QUALITY)
            plain = proportion_interval(round(one.say * one.judged), one.judged)
            yield Held("judges believed, the route", TOLD_ONLY, plain.low <= TRUE_QUALITY <= plain.high)
        elif one.corrected is not None:
            right = RIGHT_DEAR if one.model == "dear" else RIGHT_CHEAP
            of = company.judged & (company.is_dear == (one.model == "dear"))
            mix = np.bincount(company.band[of], minlength=3) / of.sum()
            yield _within(f"judges corrected, the {one.model} model", one.corrected, float(mix @ right))


def _quality(reader: LedgerReader, company: Company) -> Iterator[Held]:
    quality = measure_quality(reader)
    routed = company.told & ~company.is_dear
    weights = np.bincount(company.band[routed], minlength=3) / routed.sum()
    users = [one for one in quality.kept["route"] if one.source == "user"]
    for one in users:
        if one.difference is not None:
            yield _within(
                "kept quality, routed less baseline", one.difference, float(weights @ (RIGHT_CHEAP - RIGHT_DEAR))
            )
            yield _within("quality of what was routed", one.routed.interval(), float(weights @ RIGHT_CHEAP))
    for one in quality.kept["difficulty"]:
        if one.source != "user":
            continue
        band = ("easy", "medium", "hard").index(one.value or "hard")
        if one.difference is not None:
            truth = float(RIGHT_CHEAP[band] - RIGHT_DEAR[band])
            yield _within(f"kept quality, {one.value}", one.difference, truth)


def _value(reader: LedgerReader, company: Company) -> Iterator[Held]:
    bands = np.bincount(company.band, minlength=3) / len(company.band)
    for worth in measure_value(reader, "model").worths:
        right = RIGHT_DEAR if worth.name == "dear" else RIGHT_CHEAP
        own = company.told & (company.is_dear == (worth.name == "dear"))
        mix = np.bincount(company.band[own], minlength=3) / own.sum()
        if worth.quality is not None and worth.level is not None:
            yield _within(f"quality of the {worth.name} model", worth.quality, float(mix @ right))
            yield _within(f"quality at equal difficulty, {worth.name}", worth.level, float(bands @ right))


def _forecast(reader: LedgerReader, company: Company, later: Company) -> Held:
    now_ns = FIRST_NS + DAYS * DAY_NS
    found = measure_forecast(reader, Period(FIRST_NS, now_ns + AHEAD * DAY_NS), now_ns)
    if found is None or found.total is None:
        raise ValueError("no forecast is made")
    return _within("forecast", [end / NANO for end in found.total], float(company.cost.sum() + later.cost.sum()))


def count(runs: int, first_seed: int = 1) -> dict[tuple[str, str], list[bool]]:
    """For every interval, by its kind and name, in which of so many runs it held."""
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for seed in range(first_seed, first_seed + runs):
        for one in run(seed):
            found[one.kind, one.name].append(one.held)
    return found


def main() -> None:
    """Run them, and print what share held."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--json", action="store_true", help="print for each kind and name how many runs held")
    options = parser.parse_args()
    runs: int = options.runs
    began = time.process_time()
    found = count(runs)
    if options.json:
        held_of = {f"{kind}: {name}": [sum(held), len(held)] for (kind, name), held in found.items()}
        print(json.dumps(held_of))
        return
    print(f"{runs} runs of {EXCHANGES:,} sessions, {time.process_time() - began:.0f} s of processor time")
    for (kind, name), held in sorted(found.items()):
        share = sum(held) / len(held)
        told = f"held in {share:6.1%}" if kind != ALWAYS else f"ever wrong in {1 - share:6.1%}"
        print(f"{kind:14} {name:42} {told} of {len(held)}")


if __name__ == "__main__":
    main()
