"""Today's facts and a scenario's side by side: every decision of the ledger made again in both.

Rules of this file: a difference is of the same exchanges in both, so what does not change adds nothing to its interval. Where
an answer is another than was given, its length is the router's expectation, corrected by how long that model's real answers
were against what was expected of them (a ratio estimate, Cochran 1977) as far as the ledger tells. Intervals hold what is
doubtful in common: errors of one model's quality, and of its lengths, are taken to be the same for all its answers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.policy.eligibility import Eligibility
from entrepot.reports.scenario.block import Block, blocks
from entrepot.reports.scenario.columns import UNKNOWN, Decisions
from entrepot.reports.scenario.expected import Expected, expect
from entrepot.reports.scenario.lengths import cost_error, measure_lengths
from entrepot.reports.scenario.replay import Replayed, Scene, account, choose, follow
from entrepot.reports.scenario.side import Side, add_by_name, add_side, cost_of, quality_of
from entrepot.reports.scenario.world import World, weigh_rules
from entrepot.routing.columns import NOBODY
from entrepot.statistics.intervals import Interval, normal_quantile

Array = NDArray[Any]
Doubles = NDArray[np.float64]

_NS = 1_000_000_000


class Segment(msgspec.Struct, frozen=True, eq=False):
    """A world from `since_ns` (included) to `until_ns` (not included); None is open."""

    world: World
    since_ns: int | None = None
    until_ns: int | None = None


class Stranded(msgspec.Struct, frozen=True):
    """Exchanges that nobody is left for, of one route (or name) and team. `used` are who answers them today.

    `rules` are the names of the rules that together leave nobody, `others` what else keeps deployments out.
    """

    asked: str
    team: str | None
    exchanges: int
    used: tuple[str, ...]
    rules: tuple[str, ...]
    others: tuple[str, ...] = ()


class Comparison(msgspec.Struct, frozen=True, eq=False):
    """Today's facts and the scenario's. `changed` exchanges are answered by another deployment, or nobody.

    Of `decisions`, `recorded` go today to whom they went. `left_out` entries hold none, `unnamed` ones are about names that
    nobody knows any more; `several` asked more than one model. `quality` and `cost_difference` are those of the scenario less
    today's, of exchanges that are answered in both; `cost_both` is what those cost today and in the scenario, in dollars.
    `latency` is expected seconds to the whole answer, today and in the scenario, where both are known.
    """

    today: Side
    scenario: Side
    decisions: int
    left_out: int
    unnamed: int
    changed: int
    recorded: int
    several: int
    recorded_usd: float
    first_ns: int | None
    last_ns: int | None
    quality: Interval | None
    quality_today: Interval | None
    quality_scenario: Interval | None
    cost_both: tuple[float, float]
    cost_difference: Interval
    cost_today: Interval
    cost_scenario: Interval
    latency: tuple[float, float] | None
    stranded: tuple[Stranded, ...] = ()


class Replay:
    """The ledger's decisions, and today's facts; asked for one scenario after another."""

    def __init__(self, decisions: Decisions, today: World, further: Sequence[World] = ()) -> None:
        """`further` worlds may know names and deployments that today's does not."""
        names = self._names(decisions, (today, *further))
        self.today = today
        self.decisions = decisions
        self.blocks = list(blocks(decisions, names))
        hosts = [one for world in (*further, today) for name in names for one in world.deployments(name)]
        self.models = {one.id: one.model for one in hosts}
        self.providers = {one.id: one.provider for one in hosts}
        self.lengths = measure_lengths(self.blocks, self.models)
        self._now: list[tuple[Scene, Replayed]] = []
        for block in self.blocks:
            scene = _scene(block, today, np.ones(len(block), bool))
            found = follow(block, scene.allowed.allowed, choose(block, today, today, scene.allowed, scene.expected))
            self._now.append((scene, account(block, (scene,), scene.allowed.allowed, found, self._factors(block))))

    @property
    def todays_providers(self) -> set[str]:
        """Who hosts anything today that requests of the period ask for."""
        return {one.provider for block in self.blocks for one in self.today.deployments(block.name)}

    @property
    def first_ns(self) -> int | None:
        """When the first exchange of the period began; None where there is none."""
        started = self.decisions.by_entry["started_ns"]
        return int(started.min()) if len(started) else None

    @property
    def last_ns(self) -> int | None:
        """When the last exchange of the period began; None where there is none."""
        started = self.decisions.by_entry["started_ns"]
        return int(started.max()) if len(started) else None

    def busiest_ns(self, provider: str, length_ns: int) -> int | None:
        """When that span of time began in which today's facts ask most of a provider; None where they ask nothing of it."""
        found = [np.empty(0, np.int64)]
        for block, (_, now) in zip(self.blocks, self._now, strict=True):
            there = np.array([self.providers.get(id_) == provider for id_ in block.deployments])
            asked = there[np.maximum(now.answers, 0)] & (now.answers != NOBODY)
            found.append(block.entries["started_ns"][asked])
        started = np.sort(np.concatenate(found))
        if not len(started):
            return None
        within = np.searchsorted(started, started + length_ns) - np.arange(len(started))
        return int(started[within.argmax()])

    @staticmethod
    def _names(decisions: Decisions, worlds: Sequence[World]) -> dict[str, list[str]]:
        asked = dict.fromkeys(kind.asked for kind in decisions.kinds)
        ids = {name: {one.id for world in worlds for one in world.deployments(name)} for name in asked}
        return {name: sorted(found) for name, found in ids.items() if found}

    def _factors(self, block: Block) -> Doubles:
        return np.array([self.lengths.factor(self.models.get(id_, id_)) for id_ in block.deployments])

    def compare(self, segments: Sequence[Segment], confidence: float = 0.95) -> Comparison:
        """Today's facts beside those of `segments`, which together hold the whole period."""
        adding = _Adding(self)
        for block, (scene, now) in zip(self.blocks, self._now, strict=True):
            scenes = [_scene(block, one.world, _within(block.entries["started_ns"], one), scene) for one in segments]
            scenes = [one for one in scenes if one.rows.any()]
            allowed, found = np.zeros_like(scene.allowed.allowed), np.full(len(block), NOBODY, np.intp)
            for one in scenes:
                chosen = choose(block, one.world, self.today, one.allowed, one.expected)
                found = np.where(one.rows, chosen, found)
                allowed = np.where(one.rows[:, None], one.allowed.allowed, allowed)
            then = account(block, scenes, allowed, follow(block, allowed, found), self._factors(block))
            adding.add(block, scene, now, scenes, then)
        return adding.result(confidence)


def _scene(block: Block, world: World, rows: NDArray[np.bool_], like: Scene | None = None) -> Scene:
    allowed = weigh_rules(block, world)
    if like is not None and like.world.choices is world.choices:
        return Scene(world, allowed, like.expected, rows)  # other rules change no estimate and no price
    return Scene(world, allowed, expect(block, world, allowed.allowed), rows)


def _within(started_ns: Array, segment: Segment) -> NDArray[np.bool_]:
    inside = np.ones(len(started_ns), bool)
    if segment.since_ns is not None:
        inside &= started_ns >= segment.since_ns
    if segment.until_ns is not None:
        inside &= started_ns < segment.until_ns
    return inside


class _Adding:
    """Adds up what becomes of blocks."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self.today, self.scenario = Side(), Side()
        self._shift: dict[str, float] = {}  # of errors of quality, by model
        self._both = self._p_today = self._p_scenario = 0.0
        self._changed = self._recorded = self._paced = 0
        self._latency_today = self._latency_scenario = 0.0
        self._squares: dict[str, float] = {}
        self._cost = [0.0, 0.0]
        self._estimated_usd: dict[str, float] = {}
        self._stranded: dict[tuple[str, str | None], tuple[int, Counter[str], Counter[str], Counter[str]]] = {}

    def add(self, block: Block, scene: Scene, now: Replayed, scenes: Sequence[Scene], then: Replayed) -> None:
        """Take in one block."""
        names = [self._replay.models.get(id_, id_) for id_ in block.deployments]
        models, number = np.unique(np.array([*names, ""]), return_inverse=True)
        number = number[:-1]
        providers = [self._replay.providers.get(id_, "") for id_ in block.deployments]
        p_now, error_now = _of_answers(scene.expected, now.answers)
        p_then, error_then = np.full(len(block), np.nan), np.zeros(len(block))
        for one in scenes:
            p, error = _of_answers(one.expected, then.answers)
            p_then, error_then = np.where(one.rows, p, p_then), np.where(one.rows, error, error_then)
        for side, found, p, error in ((self.today, now, p_now, error_now), (self.scenario, then, p_then, error_then)):
            add_side(side, block, found, p, error, models, number, providers)
        both = np.flatnonzero(~np.isnan(p_now) & ~np.isnan(p_then))
        self._both += len(both)
        self._p_today += float(p_now[both].sum())
        self._p_scenario += float(p_then[both].sum())
        for found, error, sign in ((then, error_then, 1.0), (now, error_now, -1.0)):
            summed = np.bincount(number[found.answers[both]], error[both], len(models)) * sign
            add_by_name(self._shift, models, summed)
        self._add_costs(now, then, models, number)
        moved = then.answers != now.answers
        self._changed += int(moved.sum())
        self._recorded += int((now.chosen == block.chosen).sum())
        self._pace(block, now, then)
        self._strand(block, now, scenes, then)

    def _add_costs(self, now: Replayed, then: Replayed, models: Array, number: Array) -> None:
        """What the exchanges cost that are answered in both, at a known price."""
        known = (now.answers != NOBODY) & (then.answers != NOBODY) & ~np.isnan(now.cost_usd) & ~np.isnan(then.cost_usd)
        rows = np.flatnonzero(known)
        moved = rows[now.answers[rows] != then.answers[rows]]
        for place, (found, sign) in enumerate(((now, -1.0), (then, 1.0))):
            self._cost[place] += float(found.cost_usd[rows].sum())
            model = number[found.answers[rows]]
            add_by_name(self._estimated_usd, models, sign * np.bincount(model, found.estimated_usd[rows], len(models)))
            squares = np.bincount(number[found.answers[moved]], found.per_token[moved] ** 2, len(models))
            add_by_name(self._squares, models, squares)

    def _pace(self, block: Block, now: Replayed, then: Replayed) -> None:
        rows = np.arange(len(block))
        today = np.where(now.answers == NOBODY, np.nan, block.latency_s[rows, np.maximum(now.answers, 0)])
        later = np.where(then.answers == NOBODY, np.nan, block.latency_s[rows, np.maximum(then.answers, 0)])
        known = ~np.isnan(today) & ~np.isnan(later)
        self._paced += int(known.sum())
        self._latency_today += float(today[known].sum())
        self._latency_scenario += float(later[known].sum())

    def _strand(self, block: Block, now: Replayed, scenes: Sequence[Scene], then: Replayed) -> None:
        lost = (then.answers == NOBODY) & (now.answers != NOBODY)
        for scene in scenes:
            rows = np.flatnonzero(lost & scene.rows)
            if not len(rows):
                continue
            kinds = block.entries["kind"][rows].astype(np.int64)
            verdicts = scene.allowed.verdict[rows]
            keys = np.column_stack([kinds, verdicts, now.answers[rows]])
            told, counts = np.unique(keys, axis=0, return_counts=True)
            for (kind, verdict, used), count in zip(told.tolist(), counts.tolist(), strict=True):
                asked = block.kinds[kind]
                place = (asked.asked, asked.team)
                total, by, rules, others = self._stranded.get(place, (0, Counter(), Counter(), Counter()))
                by[block.deployments[used]] += count
                _tell(scene.allowed.verdicts[verdict], count, rules, others)
                self._stranded[place] = (total + count, by, rules, others)

    def result(self, confidence: float) -> Comparison:
        """All of it, with intervals."""
        decisions, lengths = self._replay.decisions, self._replay.lengths
        started = decisions.by_entry["started_ns"]
        z = normal_quantile(confidence)
        quality = None
        if self._both:
            difference = (self._p_scenario - self._p_today) / self._both
            half = z * math.sqrt(sum(value**2 for value in self._shift.values())) / self._both
            quality = Interval(difference, difference - half, difference + half)
        cost = self._cost[1] - self._cost[0]
        half = z * cost_error(self._estimated_usd, self._squares, lengths)
        costs = decisions.by_entry["cost_nano_usd"]
        named = sum(len(block) for block in self._replay.blocks)
        return Comparison(
            today=self.today,
            scenario=self.scenario,
            decisions=named,
            left_out=decisions.left_out,
            unnamed=len(decisions) - named,
            changed=self._changed,
            recorded=self._recorded,
            several=int(decisions.by_entry["several"].sum()),
            recorded_usd=float(costs[costs != UNKNOWN].sum()) / _NS,
            first_ns=int(started.min()) if len(started) else None,
            last_ns=int(started.max()) if len(started) else None,
            quality=quality,
            quality_today=quality_of(self.today, z),
            quality_scenario=quality_of(self.scenario, z),
            cost_both=(self._cost[0], self._cost[1]),
            cost_difference=Interval(cost, cost - half, cost + half),
            cost_today=cost_of(self.today, lengths, z),
            cost_scenario=cost_of(self.scenario, lengths, z),
            latency=(self._latency_today / self._paced, self._latency_scenario / self._paced) if self._paced else None,
            stranded=tuple(
                Stranded(
                    asked,
                    team,
                    total,
                    tuple(name for name, _ in by.most_common()),
                    tuple(name for name, _ in rules.most_common()),
                    tuple(name for name, _ in others.most_common()),
                )
                for (asked, team), (total, by, rules, others) in sorted(
                    self._stranded.items(), key=lambda item: (-item[1][0], item[0][0], item[0][1] or "")
                )
            ),
        )


def _of_answers(expected: Expected, answers: Array) -> tuple[Doubles, Doubles]:
    """P(correct) and its error of whoever answers, NaN where nothing was estimated."""
    rows, there = np.arange(len(answers)), np.maximum(answers, 0)
    p = np.where(answers == NOBODY, np.nan, expected.p_correct[rows, there]).astype(np.float64)
    return p, np.nan_to_num(expected.p_error[rows, there].astype(np.float64))


def _tell(verdict: Eligibility, count: int, rules: Counter[str], others: Counter[str]) -> None:
    """Count the rules, and what else, that keep deployments out."""
    for rejected in verdict.rejected:
        named = {reason.rule for reason in rejected.reasons if reason.rule is not None}
        rules.update(dict.fromkeys(named, count))
        if not named:
            others.update({reason.kind: count for reason in rejected.reasons})
