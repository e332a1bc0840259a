"""What `entrepot scenario` replays: the ledger's decisions, today's facts, and a scenario's, put together.

Rules of this file: a scenario's settings become what the gateway's become. Worlds that differ in their rules alone share what is
slow to make: a router bound, knobs found.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from entrepot.catalog.load import load_catalog
from entrepot.dialects.registry import PROVIDER_DIALECTS
from entrepot.exchange.choices import Choices
from entrepot.ledger.store import LedgerReader, Period
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.teams import parents_of
from entrepot.reports.scenario.compare import Comparison, Replay, Segment
from entrepot.reports.scenario.kept import load_decisions
from entrepot.reports.scenario.world import World
from entrepot.reports.wording import ENGLISH, Words
from entrepot.router_in_force import load_router, model_facts
from entrepot.settings.principals import principal_of
from entrepot.settings.scenarios import Repricing, Scenario, Span
from entrepot.settings.schema import Settings


class Compared(msgspec.Struct, frozen=True, eq=False):
    """A scenario beside today, with sentences on how the file was taken."""

    scenario: Scenario
    comparison: Comparison
    notes: tuple[str, ...] = ()


class Stage:
    """One ledger and one installation. Raises LedgerError, ArtifactError or CatalogError."""

    def __init__(
        self,
        settings: Settings,
        reader: LedgerReader,
        directory: Path,
        period: Period,
        scenarios: Sequence[Scenario],
        words: Words = ENGLISH,
    ) -> None:
        self._words = words
        self._settings = settings
        self._artifact = load_router(settings)
        self._facts = model_facts(load_catalog())
        self._now_s = time.time()
        self._compiled: list[tuple[tuple[object, ...], Choices]] = []
        parents = parents_of(settings.teams)
        self._keys = {key.name: principal_of(key, parents) for key in settings.keys}
        self._parents = parents
        today = self._world(settings, Scenario("today"))
        further = [self._world(one.settings(settings, ()), one) for one in scenarios]
        self.replay = Replay(load_decisions(reader, directory, period), today, further)

    def compare(self, scenario: Scenario, confidence: float = 0.95) -> Compared:
        """The scenario beside today."""
        first, last = self.replay.first_ns, self.replay.last_ns
        notes: list[str] = []

        def placed(span: Span, what: str) -> Span:
            if span.since_ns is not None and last is not None and span.since_ns > last:
                notes.append(self._words("begins_later", what=what))
                return Span()
            if span.until_ns is not None and first is not None and span.until_ns <= first:
                notes.append(self._words("ended_before", what=what))
            return span

        bars = [(bar.rule, placed(bar.span, self._words("rule_named", rule=bar.rule.name))) for bar in scenario.bars]
        for outage in scenario.outages:
            since = outage.since_ns
            if since is None:
                since = self.replay.busiest_ns(outage.provider, outage.length_ns)
                key = "never_asked" if since is None else "busiest"
                notes.append(self._words(key, provider=outage.provider, moment=_moment(since or 0)))
            if since is not None:
                bars.append((outage.rule, Span(since, since + outage.length_ns)))
        prices = [(one, placed(one.span, self._price_of(one))) for one in scenario.repricings]
        spans = [span for _, span in bars] + [span for _, span in prices]
        edges = sorted({edge for span in spans for edge in (span.since_ns, span.until_ns) if edge is not None})
        segments = []
        for since, until in zip((None, *edges), (*edges, None), strict=True):
            rules = tuple(rule for rule, span in bars if _covers(span, since, until))
            repricings = tuple(one for one, span in prices if _covers(span, since, until))
            world = self._world(scenario.settings(self._settings, repricings), scenario)
            segments.append(Segment(world.barring(*rules) if rules else world, since, until))
        return Compared(scenario, self.replay.compare(segments, confidence), tuple(notes))

    def _price_of(self, one: Repricing) -> str:
        return self._words("price_of", deployments=self._words.listed(one.deployments))

    def _world(self, settings: Settings, scenario: Scenario) -> World:
        about = (settings.deployments, settings.routes, settings.exchange_rates, tuple(scenario.facts))
        choices = next((made for known, made in self._compiled if known == about), None)
        if choices is None:
            choices = Choices(
                deployments=settings.deployments,
                routes=settings.routes,
                rules=settings.rules,
                exchange_rates=settings.exchange_rates,
                dialects=PROVIDER_DIALECTS,
                router=self._artifact.router(),
                facts={**self._facts, **scenario.facts},
                votes=self._artifact.votes,
                at_s=self._now_s,
            )
            self._compiled.append((about, choices))
        return World(choices, Rulebook(self._settings.rules), self._keys, self._parents)


def _covers(span: Span, since: int | None, until: int | None) -> bool:
    begun = span.since_ns is None or (since is not None and span.since_ns <= since)
    lasting = span.until_ns is None or (until is not None and until <= span.until_ns)
    return begun and lasting


def _moment(at_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at_ns // 1_000_000_000))
