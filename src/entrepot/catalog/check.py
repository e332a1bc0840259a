"""What must be true of a catalog beyond the shape of its parts: references, codes, dates, prices.

Every problem is found before one error is raised, so that a file is put right in one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from entrepot.catalog.deployment import blanks_in
from entrepot.catalog.lookup import Catalog, fold_name
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.places import COUNTRIES, LOCAL, REGIONS, meant_region
from entrepot.catalog.price import Price, dearer
from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Model, Offer, Provider
from entrepot.errors import CatalogError

_SHOWN = 10


def check_catalog(catalog: Catalog, maker_files: Mapping[str, str], provider_files: Mapping[str, str]) -> None:
    """Raises CatalogError that names every problem's file and place; the mappings give the file of each id."""
    problems = [
        *_named_twice(catalog, maker_files),
        *(f"{maker_files[model.maker]}: {problem}" for model in catalog.models for problem in _of_model(model)),
        *(
            f"{maker_files[maker.id]}: country '{maker.country}' is not an ISO 3166-1 alpha-2 code{_code(maker.country)}"
            for maker in catalog.makers
            if maker.country not in COUNTRIES
        ),
        *(
            f"{provider_files[provider.id]}: {problem}"
            for provider in catalog.providers
            for problem in _of_provider(catalog, provider)
        ),
        *_keys_twice(catalog.providers, provider_files),
    ]
    if catalog.exchange_rates.usd_per_cny <= 0 or not _is_date(catalog.exchange_rates.as_of):
        problems.append("exchange.toml: needs a positive usd_per_cny and the day of it as_of = 'YYYY-MM-DD'")
    if problems:
        more = f"\n… and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise CatalogError("\n".join(problems[:_SHOWN]) + more)


def _named_twice(catalog: Catalog, maker_files: Mapping[str, str]) -> Iterator[str]:
    seen: dict[str, Model] = {}
    for model in catalog.models:
        for name in (model.id, *model.names):
            other = seen.setdefault(fold_name(name), model)
            if other is not model or (name in model.names and fold_name(name) == fold_name(model.id)):
                yield f"{maker_files[model.maker]}: model '{model.id}': the name '{name}' is that of '{other.id}' already"


def _of_model(model: Model) -> Iterator[str]:
    where = f"model '{model.id}'"
    yield from _page(where, model.source, model.as_of)
    if model.retires_on is not None and not _is_date(model.retires_on):
        yield f"{where}: retires_on = '{model.retires_on}' is not a date YYYY-MM-DD"
    if model.languages and model.language_count is not None:
        yield f"{where}: language_count is for a model whose languages are not named"
    for score in model.scores:
        yield from _page(f"{where}: {score.benchmark}", score.source, score.as_of)
        if not 0 <= score.score <= 1:
            yield f"{where}: {score.benchmark} = {score.score} is not a fraction of 1"


def _of_provider(catalog: Catalog, provider: Provider) -> Iterator[str]:
    yield from _page("the provider", provider.source, provider.as_of)
    if provider.country is not None and provider.country not in COUNTRIES:
        yield f"country '{provider.country}' is not an ISO 3166-1 alpha-2 code{_code(provider.country)}"
    if provider.prefix_cache is not None:
        yield from _page("its prefix_cache", provider.prefix_cache.source, provider.prefix_cache.as_of)
    for handling in (provider.handling, *(offer.handling for offer in provider.offers)):
        if handling is not None:
            yield from _page("its handling", handling.source, handling.as_of)
            if handling.retention_days is not None and handling.retention_days < 0:
                yield f"retention_days = {handling.retention_days} is no number of days"
    if not provider.regions:
        yield "no [[regions]]: a provider needs at least one address"
    names = [region.name for region in provider.regions]
    yield from (
        f"region '{name}' is defined twice" for name in sorted({name for name in names if names.count(name) > 1})
    )
    for region in provider.regions:
        where = f"region '{region.name}'"
        yield from _page(where, region.source, region.as_of)
        if region.name != region.name.casefold():
            yield f"{where}: region names are in lower case"
        if region.processed_in not in REGIONS:
            what = f"processed_in = '{region.processed_in}' is no country code nor EU, GLOBAL, LOCAL"
            yield f"{where}: {what}{_code(region.processed_in)}"
        if provider.on_premises and region.processed_in != LOCAL:
            yield f"{where}: processed_in is LOCAL where the provider is on_premises"
        if not region.base_url.startswith(("https://", "http://")) or region.base_url.endswith("/"):
            yield f"{where}: base_url = '{region.base_url}' is not an http(s) address without a slash at its end"
    yield from _of_blanks(provider)
    if provider.cloud is not None and any(region.cloud_scope is None for region in provider.regions):
        yield f"cloud = '{provider.cloud}' needs a cloud_scope, for the provider or for each region"
    taken: set[tuple[str, str]] = set()
    for offer in provider.offers:
        yield from _of_offer(catalog, offer, names)
        if offer.price is not None and offer.uplift:
            for uplift in sorted({region.uplift for region in provider.regions} - {Decimal(1)}):
                yield from _of_price(catalog, f"offer of '{offer.model}', x {uplift}", dearer(offer.price, uplift))
        for name in offer.regions or names:
            if (offer.model, name) in taken:
                yield f"offer of '{offer.model}': offered in region '{name}' twice"
            taken.add((offer.model, name))


def _of_blanks(provider: Provider) -> Iterator[str]:
    """A provider says of all its blanks what belongs there, or of none: then whoever uses it gives the whole address."""
    if not provider.blanks:
        return
    declared = {blank.name for blank in provider.blanks}
    used = set().union(*(blanks_in(region.base_url) for region in provider.regions))
    for name in sorted(used - declared):
        yield f"base_url has a blank {{{name}}} of which no [[blanks]] says what belongs there"
    for name in sorted(declared - used):
        yield f"blank '{name}': no base_url has it{did_you_mean(name, used)}"


def _of_offer(catalog: Catalog, offer: Offer, regions: list[str]) -> Iterator[str]:
    where = f"offer of '{offer.model}'"
    model = catalog.find_model(offer.model)
    if model is None:
        yield f"{where}: there is no such model{did_you_mean(offer.model, (known.id for known in catalog.models))}"
    elif model.id != offer.model:
        yield f"{where}: write the model's id, '{model.id}'"
    for name in offer.regions:
        if name not in regions:
            yield f"{where}: there is no region '{name}'{did_you_mean(name, regions)}"
    if offer.price is not None:
        yield from _of_price(catalog, where, offer.price)


def _of_price(catalog: Catalog, where: str, price: Price) -> Iterator[str]:
    yield from _page(f"{where}: its price", price.source, price.as_of)
    try:
        Tariff(price, catalog.exchange_rates)
    except CatalogError as error:
        yield f"{where}: {error.message}"
    for tiers in (price.tiers, *(change.tiers for change in price.changes)):
        limits = [(tier.input_tokens_above, tier.output_tokens_above) for tier in tiers]
        if limits != sorted(set(limits)) or any(min(limit) < 0 or not any(limit) for limit in limits):
            yield f"{where}: tiers are in order of input_tokens_above, each once and above 0"


def _keys_twice(providers: Iterable[Provider], provider_files: Mapping[str, str]) -> Iterator[str]:
    # A key found in the environment must tell whose it is.
    owners: dict[str, str] = {}
    for provider in providers:
        for variable in provider.key_env:
            owner = owners.setdefault(variable, provider.id)
            if owner != provider.id:
                yield f"{provider_files[provider.id]}: key_env '{variable}' is that of provider '{owner}' already"


def _page(where: str, source: str, as_of: str) -> Iterator[str]:
    if not source.strip():
        yield f"{where}: source is empty: say the page that this was read on"
    if not _is_date(as_of):
        yield f"{where}: as_of = '{as_of}' is not a date YYYY-MM-DD"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _code(word: str) -> str:
    meant = meant_region(word)
    return f"; did you mean '{meant}'?" if meant else ""
