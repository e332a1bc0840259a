"""`entrepot models`: what the catalog knows, one line for each model at each provider and price."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

import click
import msgspec
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from entrepot.catalog.load import load_catalog
from entrepot.catalog.lookup import Catalog
from entrepot.catalog.places import COUNTRIES, meant_region
from entrepot.catalog.price import Price, dearer
from entrepot.catalog.schema import Maker, Model, Offer, Provider, Region

UNKNOWN = "unknown"
NAMED = 3
"""So many regions, places or languages are named in a cell; of more, the first and how many others."""


class Row(NamedTuple):
    """A model, and where it is offered; neither provider nor offer where nobody in the catalog does."""

    model: Model
    maker: Maker
    provider: Provider | None = None
    offer: Offer | None = None

    @property
    def regions(self) -> tuple[Region, ...]:
        """The provider's addresses at which this offer holds."""
        if self.provider is None or self.offer is None:
            return ()
        names = self.offer.regions
        return tuple(region for region in self.provider.regions if not names or region.name in names)


@click.command()
@click.option("--provider", "provider_id", metavar="ID", help="Only what this provider offers.")
@click.option("--maker", "maker_id", metavar="ID", help="Only models of this maker.")
@click.option("--country", metavar="CODE", help="Only models whose maker is in this country (ISO 3166, such as FR).")
@click.option("--open-weights", is_flag=True, help="Only models whose weights can be downloaded.")
@click.option(
    "--search", "text", metavar="TEXT", help="Only where a model's, maker's or provider's name has TEXT in it."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the source and date of every fact.")
def models(
    provider_id: str | None,
    maker_id: str | None,
    country: str | None,
    open_weights: bool,
    text: str | None,
    as_json: bool,
) -> None:
    """List models, who offers them where, and at what price.

    Prices are list prices per million tokens, in the currency they are billed in. "unknown" is neither free nor no.
    """
    catalog = load_catalog()
    if country is not None:
        country = _check_country(country)
    provider = None if provider_id is None else catalog.provider(provider_id)
    maker = None if maker_id is None else catalog.maker(maker_id.casefold())
    rows = [
        row
        for row in list_rows(catalog)
        if (provider is None or row.provider is provider)
        and (maker is None or row.maker is maker)
        and (country is None or row.maker.country == country)
        and (not open_weights or row.model.open_weights)
        and (text is None or _mentions(row, text))
    ]
    if as_json:
        click.echo(json.dumps([_facts(row) for row in rows], ensure_ascii=False, indent=2))
    elif rows:
        _print_table(rows, catalog)
    else:
        click.echo("no model in the catalog is all of that; entrepot models, without options, lists every one")


def _check_country(word: str) -> str:
    code = word.upper()
    if code not in COUNTRIES:
        meant = meant_region(word)
        hint = f"; did you mean {meant}?" if meant in COUNTRIES else ", such as CN or FR"
        raise click.BadParameter(f"'{word}' is not an ISO 3166-1 alpha-2 code{hint}", param_hint="--country")
    return code


def list_rows(catalog: Catalog) -> Iterator[Row]:
    """By maker and model, and each model's offers from the least expensive input on, unknown prices last."""
    offered: dict[str, list[Row]] = {model.id: [] for model in catalog.models}
    for provider in catalog.providers:
        for offer in provider.offers:
            model = catalog.model(offer.model)
            maker = catalog.maker(model.maker)
            offered[model.id] += (Row(model, maker, provider, priced) for priced in _by_price(provider, offer))
    for model in sorted(catalog.models, key=lambda model: (model.maker, model.id)):
        at = offered[model.id] or [Row(model, catalog.maker(model.maker))]
        yield from sorted(at, key=lambda row: _dearness(row, catalog))


def _by_price(provider: Provider, offer: Offer) -> Iterator[Offer]:
    """The offer, once for each price that its regions have."""
    price = offer.price
    regions = [region for region in provider.regions if not offer.regions or region.name in offer.regions]
    uplifts = dict.fromkeys(region.uplift for region in regions)
    if price is None or not offer.uplift or set(uplifts) == {1}:
        yield offer
        return
    for uplift in uplifts:
        there = tuple(region.name for region in regions if region.uplift == uplift)
        yield msgspec.structs.replace(offer, regions=there, price=dearer(price, uplift))


def _dearness(row: Row, catalog: Catalog) -> tuple[bool, Decimal, str]:
    price = None if row.offer is None else row.offer.price
    if price is None:
        return True, Decimal(0), "" if row.provider is None else row.provider.id
    rate = catalog.exchange_rates.usd_per_cny if price.currency == "CNY" else Decimal(1)
    return False, price.input_per_mtok * rate, "" if row.provider is None else row.provider.id


def _mentions(row: Row, text: str) -> bool:
    names = [row.model.id, *row.model.names, row.maker.id, row.maker.name]
    if row.provider is not None:
        names += [row.provider.id, row.provider.name]
    if row.offer is not None:
        names.append(row.offer.upstream_name)
    return any(text.casefold() in name.casefold() for name in names)


def _facts(row: Row) -> dict[str, Any]:
    """A row as JSON: numbers of money as strings, since they are exact."""
    provider: Any = None
    if row.provider is not None and row.offer is not None:
        whole = msgspec.to_builtins(row.provider)
        provider = {key: value for key, value in whole.items() if key not in ("offers", "regions")}
        provider["regions"] = msgspec.to_builtins(row.regions)
        provider["offer"] = msgspec.to_builtins(row.offer)
    return {"model": msgspec.to_builtins(row.model), "maker": msgspec.to_builtins(row.maker), "provider": provider}


def _print_table(rows: list[Row], catalog: Catalog) -> None:
    table = Table(box=SIMPLE, pad_edge=False)
    for heading in ("model", "maker", "country", "provider", "processed in"):
        table.add_column(heading, overflow="fold")
    for heading in ("context", "input", "output"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("weights", "licence", "languages"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        # As Text: a name in square brackets is not markup.
        table.add_row(*(Text(cell) for cell in _cells(row)))
    console = Console()
    needed = console.measure(table, options=console.options.update_width(10_000)).maximum
    if not sys.stdout.isatty():
        console.width = max(console.width, needed)  # into a pipe, a row is a line
    if needed <= console.width:
        console.print(table)
    else:
        print_by_model(rows, console)
    rates = catalog.exchange_rates
    told = (
        f"models: {len({row.model.id for row in rows})}, lines: {len(rows)}. Prices per million tokens; "
        f"1 CNY = {rates.usd_per_cny} USD ({rates.as_of}). + is more beyond a length or at some hours."
    )
    console.print(told, highlight=False, soft_wrap=True)


def print_by_model(rows: list[Row], console: Console) -> None:
    """For a terminal without room for the table: a line for each model, and its offers below."""
    for model, offers in groupby(rows, key=lambda row: row.model):
        grid = Table.grid(padding=(0, 2))
        for number, row in enumerate(offers):
            _, maker, country, where, places, context, paid, charged, weights, licence, languages = _cells(row)
            if number == 0:
                console.print(
                    Text(model.id, style="bold")
                    + Text(f"  {maker} ({country}), context {context}, weights {weights}, licence {licence}")
                    + Text("" if languages == UNKNOWN else f", languages {languages}")
                )
            price = paid if row.offer is None or row.offer.price is None else f"{paid} / {charged}"
            grid.add_row("", Text(where), Text(price, no_wrap=True), Text(places))
        console.print(grid)


def _cells(row: Row) -> tuple[str, ...]:
    model, price = row.model, None if row.offer is None else row.offer.price
    return (
        model.id,
        row.maker.id,
        row.maker.country,
        _where(row),
        _named([region.processed_in for region in row.regions]),
        UNKNOWN if model.context_tokens is None else f"{model.context_tokens:,}",
        _money(price, "input_per_mtok"),
        _money(price, "output_per_mtok"),
        {True: "open", False: "closed", None: UNKNOWN}[model.open_weights],
        UNKNOWN if model.licence is None else model.licence,
        _languages(model),
    )


def _named(words: Iterable[str]) -> str:
    """The words, once each: all of a few, else the first of them and how many more."""
    different = list(dict.fromkeys(words))
    if len(different) <= NAMED + 1:
        return ", ".join(different)
    return f"{', '.join(different[:NAMED])} and {len(different) - NAMED} more"


def _languages(model: Model) -> str:
    if model.languages:
        return _named(model.languages)
    return UNKNOWN if model.language_count is None else str(model.language_count)


def _where(row: Row) -> str:
    if row.provider is None or row.offer is None:
        return "self-hosted" if row.model.open_weights else "nobody in the catalog"
    if len(row.provider.regions) == 1:
        return row.provider.id
    return f"{row.provider.id} ({_named(region.name for region in row.regions)})"


def _money(price: Price | None, kind: str) -> str:
    if price is None:
        return UNKNOWN
    amount: Decimal = getattr(price, kind)
    return f"{amount:f} {price.currency}{'+' if price.tiers or price.windows else ''}"
