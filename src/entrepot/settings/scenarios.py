"""A scenario's file resolved: what is otherwise than in the settings, and from when to when.

Rules of this file: every word is held to what there is, as in entrepot.toml: a mistake is a SettingsError with file, line and
the nearest right word. A scenario changes settings and nothing else, so whatever is made of settings is made of these.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.price import Price, repriced
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment
from entrepot.errors import CatalogError, SettingsError
from entrepot.exchange.plan import Route
from entrepot.policy.lists import expand
from entrepot.policy.rules import Facts, Rule
from entrepot.routing.base import ModelFacts
from entrepot.settings.conform import conform
from entrepot.settings.deployments import price_of, resolve_deployments
from entrepot.settings.load import changed_on, parse_document, read_document
from entrepot.settings.problems import Problems, quote
from entrepot.settings.rules import Known, check_rules
from entrepot.settings.scenario_file import GoalTable, NewcomerTable, OutageTable, RepriceTable, ScenarioFile
from entrepot.settings.schema import Settings
from entrepot.settings.surroundings import Surroundings

PEAK = "peak"
_MINUTE_NS = 60 * 1_000_000_000
_CHANGES = re.compile(r"([+-])(\d{1,6}(?:\.\d{1,4})?) ?%|x ?(\d{1,6}(?:\.\d{1,4})?)")


class Span(msgspec.Struct, frozen=True):
    """From `since_ns` (included) to `until_ns` (not included), nanoseconds since 1970; None is open."""

    since_ns: int | None = None
    until_ns: int | None = None


class Bar(msgspec.Struct, frozen=True):
    """A rule that holds for a while."""

    rule: Rule
    span: Span = Span()


class Outage(msgspec.Struct, frozen=True):
    """A provider that answers nobody for `length_ns`. `since_ns` None: when most is asked of it."""

    provider: str
    length_ns: int
    since_ns: int | None = None

    @property
    def rule(self) -> Rule:
        """What keeps everybody away from it meanwhile."""
        return Rule(f"outage of {self.provider}", deny=Facts(provider=(self.provider,)))


class Repricing(msgspec.Struct, frozen=True):
    """Other prices of these deployments (ids), for a while: a `factor`, or a `price`."""

    deployments: tuple[str, ...]
    factor: Decimal | None
    price: Price | None
    span: Span = Span()

    def of(self, deployment: Deployment) -> Deployment:
        """The deployment at its other price; one whose price is unknown becomes known by a price alone."""
        if deployment.id not in self.deployments:
            return deployment
        price = self.price
        if price is None and deployment.price is not None and self.factor is not None:
            price = repriced(deployment.price, self.factor)
        return msgspec.structs.replace(deployment, price=price)


class Scenario(msgspec.Struct, frozen=True):
    """What is otherwise than in the settings. `routes` are those whose goals or candidates are; `facts` of new models."""

    title: str
    bars: tuple[Bar, ...] = ()
    outages: tuple[Outage, ...] = ()
    repricings: tuple[Repricing, ...] = ()
    rates: ExchangeRates | None = None
    newcomers: tuple[Deployment, ...] = ()
    routes: tuple[Route, ...] = ()
    facts: dict[str, ModelFacts] = {}

    def settings(self, settings: Settings, repricings: Sequence[Repricing]) -> Settings:
        """The settings as they are in the scenario while these prices hold; rules are left to whoever applies them."""
        deployments = [*settings.deployments, *self.newcomers]
        for repricing in repricings:
            deployments = [repricing.of(one) for one in deployments]
        other = {route.name: route for route in self.routes}
        return msgspec.structs.replace(
            settings,
            deployments=tuple(deployments),
            routes=tuple(other.get(route.name, route) for route in settings.routes),
            exchange_rates=self.rates or settings.exchange_rates,
        )


def load_scenario(path: Path, settings: Settings, catalog: Catalog, environ: Mapping[str, str]) -> Scenario:
    """The scenario that a file says. Raises SettingsError with everything that is wrong with it."""
    parsed, lines = parse_document(read_document(path), path.name)
    problems = Problems(path.name, lines)
    file = conform(parsed, ScenarioFile, (), problems)
    problems.raise_any()
    if file is None:  # conform notes a problem whenever it returns None
        raise SettingsError(f"{path.name}: cannot be read as a scenario")
    around = Surroundings(catalog, environ, path.absolute().parent, str(path), changed_on(path))
    resolved = _Resolving(settings, around, problems).resolve(file, path.stem)
    problems.raise_any()
    return resolved


class _Resolving:
    """One file against the settings."""

    def __init__(self, settings: Settings, around: Surroundings, problems: Problems) -> None:
        self._settings = settings
        self._around = around
        self._problems = problems

    def resolve(self, file: ScenarioFile, name: str) -> Scenario:
        """All of it; problems are noted."""
        newcomers = self._newcomers(file.newcomer)
        there = (*self._settings.deployments, *newcomers)
        rates = self._settings.exchange_rates
        if file.exchange_rates is not None:
            own = file.exchange_rates
            if own.usd_per_cny <= 0:
                self._problems.add(("exchange_rates", "usd_per_cny"), "must be more than 0")
            else:
                rates = ExchangeRates(own.usd_per_cny, own.as_of.isoformat(), own.source)
        return Scenario(
            title=file.title or name,
            bars=(*self._bars(file, there), *self._retirements(file, there)),
            outages=tuple(self._outage(table, index) for index, table in enumerate(file.outage)),
            repricings=tuple(self._repricing(one, index, there, rates) for index, one in enumerate(file.price)),
            rates=rates if file.exchange_rates is not None else None,
            newcomers=newcomers,
            routes=self._routes(file, newcomers),
            facts={one.model: self._facts(table) for one, table in zip(newcomers, file.newcomer, strict=False)},
        )

    def _bars(self, file: ScenarioFile, there: Sequence[Deployment]) -> list[Bar]:
        settings = self._settings
        rules = [
            Rule(table.name or f"bar {number}", table.when, None, table.deny, None, table.unless)
            for number, table in enumerate(file.bar, 1)
        ]
        known = Known(
            keys=[key.name for key in settings.keys],
            teams=[*(team.name for team in settings.teams), *(key.team for key in settings.keys if key.team)],
            routes=[route.name for route in settings.routes],
            data_classes=sorted(
                {*settings.sensing.classes, *(word for rule in rules for word in rule.when.data_classes)}
            ),
            lists=settings.lists,
        )
        check_rules(rules, known, there, self._around.catalog, self._problems, "bar")
        taken = {rule.name for rule in settings.rules}
        for index, rule in enumerate(rules):
            if rule.name in taken:
                self._problems.add(
                    ("bar", index, "name"), f"the settings have a rule '{rule.name}': give it another name"
                )
        spans = [self._span(table.since, table.until, ("bar", index)) for index, table in enumerate(file.bar)]
        if len(self._problems):
            return []
        return [Bar(expand(rule, settings.lists), span) for rule, span in zip(rules, spans, strict=True)]

    def _retirements(self, file: ScenarioFile, there: Sequence[Deployment]) -> list[Bar]:
        models = {one.model for one in there}
        for index, table in enumerate(file.retire):
            if table.model not in models:
                what = f"no deployment is of the model {quote(table.model)}{did_you_mean(table.model, models)}"
                self._problems.add(("retire", index, "model"), what)
        return [
            Bar(Rule(f"retired: {one.model}", deny=Facts(model=(one.model,))), self._span(one.since, None, ()))
            for one in file.retire
        ]

    def _outage(self, table: OutageTable, index: int) -> Outage:
        providers = {one.provider for one in self._settings.deployments}
        if table.provider not in providers:
            what = f"no deployment is at {quote(table.provider)}{did_you_mean(table.provider, providers)}"
            self._problems.add(("outage", index, "provider"), what)
        since = None
        if table.at != PEAK:
            try:
                moment = datetime.datetime.fromisoformat(table.at)
                since = (
                    round((moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp())
                    * 1_000_000_000
                )
            except ValueError:
                what = f"{quote(table.at)} is no moment: write peak, or one such as 2026-11-21T09:00"
                self._problems.add(("outage", index, "at"), what)
        return Outage(table.provider, table.minutes * _MINUTE_NS, since)

    def _repricing(
        self, table: RepriceTable, index: int, there: Sequence[Deployment], rates: ExchangeRates
    ) -> Repricing:
        path = ("price", index)
        meant = [one for one in there if _is_meant(one, table.deployments)]
        if not meant:
            known = did_you_mean(table.deployments, _names(there))
            what = f"{quote(table.deployments)} is no deployment, model, provider or maker here{known}"
            self._problems.add((*path, "deployments"), what)
        if (table.change is None) == (table.price is None):
            self._problems.add(path, "give one of change (such as -50%) and price")
        factor = None if table.change is None else factor_of(table.change)
        if table.change is not None and factor is None:
            what = f"{quote(table.change)} is no change: write -50%, +20% or x2"
            self._problems.add((*path, "change"), what)
        if factor is not None and meant and all(one.price is None for one in meant):
            self._problems.add((*path, "change"), "nobody knows the price that it would change: give the price")
        price = price_of(table.price, self._around.changed_on, rates, (*path, "price"), self._problems)
        repricing = Repricing(tuple(one.id for one in meant), factor, price, self._span(table.since, table.until, path))
        for one in meant:
            self._check_price(repricing.of(one).price, rates, path)
        return repricing

    def _check_price(self, price: Price | None, rates: ExchangeRates, path: tuple[str | int, ...]) -> None:
        try:
            if price is not None:
                Tariff(price, rates)
        except CatalogError as error:
            self._problems.add(path, error.message)

    def _newcomers(self, tables: Sequence[NewcomerTable]) -> tuple[Deployment, ...]:
        rates = self._settings.exchange_rates
        found = resolve_deployments(tuple(tables), self._around, rates, self._problems, [], "newcomer")
        taken = {one.id for one in self._settings.deployments}
        routes = [route.name for route in self._settings.routes]
        for index, table in enumerate(tables):
            for place, name in enumerate(table.routes):
                if name not in routes:
                    what = f"there is no route {quote(name)}{did_you_mean(name, routes)}"
                    self._problems.add(("newcomer", index, "routes", place), what)
            for benchmark, score in (table.scores or {}).items():
                if not 0 <= score <= 1:
                    self._problems.add(("newcomer", index, "scores", benchmark), "a score is a fraction: from 0 to 1")
        for index, one in enumerate(found):
            if one.id in taken:
                self._problems.add(("newcomer", index), f"'{one.id}' is a deployment already; give this one another id")
        return found

    def _facts(self, table: NewcomerTable) -> ModelFacts:
        known = self._around.catalog.find_model(table.model)
        scores = {} if known is None else {score.benchmark: score.score for score in known.scores}
        reasoning = bool(table.reasoning if known is None or table.reasoning is not None else known.reasoning)
        return ModelFacts({**scores, **(table.scores or {})}, reasoning, () if known is None else known.names)

    def _routes(self, file: ScenarioFile, newcomers: Sequence[Deployment]) -> tuple[Route, ...]:
        routes = {route.name: route for route in self._settings.routes}
        for one, table in zip(newcomers, file.newcomer, strict=False):
            for name in table.routes or tuple(routes):
                if name in routes:
                    route = routes[name]
                    routes[name] = msgspec.structs.replace(route, candidates=(*route.candidates, one.id))
        said: dict[str, int] = {}
        for index, goal in enumerate(file.goal):
            first = said.setdefault(goal.route, index)
            if first != index:
                self._problems.add(
                    ("goal", index, "route"), f"the goal of '{goal.route}' is already that of goal[{first}]"
                )
            elif goal.route not in routes:
                what = f"there is no route {quote(goal.route)}{did_you_mean(goal.route, routes)}"
                self._problems.add(("goal", index, "route"), what)
            else:
                routes[goal.route] = self._with_goal(routes[goal.route], goal, index)
        return tuple(routes.values())

    def _with_goal(self, route: Route, table: GoalTable, index: int) -> Route:
        given = {name: value for name in _BY_GOAL if (value := getattr(table, name)) is not None}
        if not given:
            self._problems.add(("goal", index), "says nothing of the goal; give one of " + ", ".join(_BY_GOAL))
        for name in given:
            if route.goal.kind not in _BY_GOAL[name]:
                what = f"has no meaning with {route.goal.kind}, the goal of '{route.name}'"
                self._problems.add(("goal", index, name), what)
        return msgspec.structs.replace(route, goal=msgspec.structs.replace(route.goal, **given))

    def _span(self, since: datetime.date | None, until: datetime.date | None, path: tuple[str | int, ...]) -> Span:
        if since is not None and until is not None and since >= until:
            self._problems.add((*path, "until"), "is not after 'since'")
        return Span(_moment_ns(since), _moment_ns(until))


_BY_GOAL = {
    "max_loss": ("cheapest_within",),
    "confidence": ("cheapest_within",),
    "worth_usd": ("weighted",),
    "max_cost_usd": ("weighted", "best_under"),
}


def factor_of(change: str) -> Decimal | None:
    """What a price is multiplied by: -50% is 0.5, x2 is 2; None where it says no such thing."""
    found = _CHANGES.fullmatch(change.strip())
    if found is None:
        return None
    if found[3] is not None:
        return Decimal(found[3])
    part = Decimal(found[2]) / 100
    return None if found[1] == "-" and part > 1 else 1 - part if found[1] == "-" else 1 + part


def _is_meant(one: Deployment, pattern: str) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for name in _names([one]))


def _names(there: Sequence[Deployment]) -> list[str]:
    return [name for one in there for name in (one.id, one.model, one.provider, one.maker)]


def _moment_ns(day: datetime.date | None) -> int | None:
    if day is None:
        return None
    return round(datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp()) * 1_000_000_000
