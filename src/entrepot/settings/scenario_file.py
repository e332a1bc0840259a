"""The shape of a scenario's file, as it is written by people; `scenarios.py` resolves it.

Rules of this file: as in `file.py`. What entrepot.toml can say is said here in the same words.
"""

from __future__ import annotations

import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from entrepot.policy.rules import Facts, Unless, When
from entrepot.settings.file import DeploymentTable, ExchangeRatesTable, PriceTable
from entrepot.settings.words import Confidence, Dollars, Name, Share


class BarTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule more: deployments of which any of these facts holds may not be asked."""

    deny: Annotated[Facts, Meta(description="As in [[policy]].")]
    name: Annotated[Name | None, Meta(description="What the rule is called in reports.")] = None
    when: Annotated[When, Meta(description="For whom, as in [[policy]]. Default: for everybody.")] = When()
    unless: Annotated[Unless | None, Meta(description="Whom it spares, as in [[policy]].")] = None
    since: Annotated[datetime.date | None, Meta(description="The first day on which it holds, in UTC.")] = None
    until: Annotated[datetime.date | None, Meta(description="The first day on which it holds no more.")] = None


class RetireTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that is there no more, wherever it was hosted."""

    model: Annotated[Name, Meta(description="Its name.")]
    since: Annotated[datetime.date | None, Meta(description="The first day without it.")] = None


class RepriceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another price for deployments."""

    deployments: Annotated[
        Name, Meta(description="An id, a model, a provider, a maker, or a pattern such as deepseek*.")
    ]
    change: Annotated[Name | None, Meta(description="By how much, such as -50%, +20% or x2.")] = None
    price: Annotated[PriceTable | None, Meta(description="Or the new price, as in [[deployments]].")] = None
    since: Annotated[datetime.date | None, Meta(description="The first day on which it is charged.")] = None
    until: Annotated[datetime.date | None, Meta(description="The first day on which it is charged no more.")] = None


class NewcomerTable(DeploymentTable, frozen=True, forbid_unknown_fields=True):
    """A model at a provider that is not there yet, as in [[deployments]]."""

    routes: Annotated[tuple[Name, ...], Meta(description="The routes that it is a candidate of. Default: all.")] = ()
    scores: Annotated[
        dict[str, float] | None, Meta(description='Published scores, as fractions, such as { "gpqa-diamond" = 0.88 }.')
    ] = None


class GoalTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a route's goal is otherwise; what is not said stays as it is."""

    route: Annotated[Name, Meta(description="Its name.")]
    max_loss: Annotated[Share | None, Meta(description="As in [[routes]].")] = None
    confidence: Annotated[Confidence | None, Meta(description="As in [[routes]].")] = None
    worth_usd: Annotated[Dollars | None, Meta(description="As in [[routes]].")] = None
    max_cost_usd: Annotated[Dollars | None, Meta(description="As in [[routes]].")] = None


class OutageTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider that answers nobody for a while."""

    provider: Annotated[Name, Meta(description="Who.")]
    at: Annotated[
        Name, Meta(description="peak: when most was asked of it; or a moment in UTC, such as 2026-11-21T09:00.")
    ] = "peak"
    minutes: Annotated[int, Meta(gt=0, le=7 * 24 * 60, description="For how long.")] = 60


class ScenarioFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Other facts than today's; all of them together."""

    title: Annotated[Name | None, Meta(description="One line. Default: the file's name.")] = None
    bar: tuple[BarTable, ...] = ()
    retire: tuple[RetireTable, ...] = ()
    price: tuple[RepriceTable, ...] = ()
    exchange_rates: ExchangeRatesTable | None = None
    newcomer: tuple[NewcomerTable, ...] = ()
    goal: tuple[GoalTable, ...] = ()
    outage: tuple[OutageTable, ...] = ()
