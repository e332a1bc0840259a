"""[[deployments]] checked one by one and together, then joined with the catalog.

Rules of this file: a name that nobody knows is taken for a slip of the pen, unless the table says itself what it needs to:
a `base_url` for a provider of one's own, a `base_url` or `maker` for a model newer than the catalog.
"""

from __future__ import annotations

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment, Provider
from entrepot.errors import CatalogError
from entrepot.settings.address import check_base_url, is_own_machine
from entrepot.settings.blanks import check_blanks
from entrepot.settings.file import DeploymentTable, PriceTable
from entrepot.settings.join import OWN_ADDRESSES, find_provider, find_region, join
from entrepot.settings.lines import Path
from entrepot.settings.networks import check_way
from entrepot.settings.place_words import check_region
from entrepot.settings.problems import Problems, quote
from entrepot.settings.secret import check_reference
from entrepot.settings.speech import check_speech
from entrepot.settings.surroundings import Surroundings


def resolve_deployments(
    tables: tuple[DeploymentTable, ...],
    around: Surroundings,
    rates: ExchangeRates,
    problems: Problems,
    warnings: list[str],
    name: str = "deployments",
) -> tuple[Deployment, ...]:
    """The deployments that `tables`, called `name`, mean, in their order; one with problems is left out after noting them."""
    found: dict[str, Deployment] = {}
    for index, table in enumerate(tables):
        path: Path = (name, index)
        before = len(problems)
        _check(table, path, around, problems)
        price = price_of(table.price, around.changed_on, rates, (*path, "price"), problems)
        if len(problems) > before:
            continue
        try:
            deployment = join(table, price, around, warnings)
        except CatalogError as error:
            problems.add(path, error.message)
            continue
        for below, wrong in check_speech(table, deployment):
            problems.add((*path, *below), wrong)
        if _bares_its_key(deployment):
            what = "http:// would send the key in the clear; write https://, or on_premises = true if the way is yours"
            problems.add((*path, "base_url"), what)
        if deployment.id in found:
            what = f"'{deployment.id}' names two deployments; give one of them an id of its own: id = …"
            problems.add((*path, "id") if table.id else path, what)
        found.setdefault(deployment.id, deployment)
    return tuple(found.values())


def _bares_its_key(deployment: Deployment) -> bool:
    plain = deployment.secret is not None and deployment.base_url.startswith("http://")
    return plain and not deployment.on_premises and not is_own_machine(deployment.base_url)


def _check(table: DeploymentTable, path: Path, around: Surroundings, problems: Problems) -> None:
    catalog = around.catalog
    provider = find_provider(catalog, table.provider)
    if table.key is not None and (wrong := check_reference(table.key)):
        problems.add((*path, "key"), wrong)
    if table.base_url is not None:
        if wrong := check_base_url(table.base_url):
            problems.add((*path, "base_url"), wrong)
    elif provider is None:
        _miss_address(table, path, catalog, problems)
        return
    if provider is not None:
        _check_model(table, provider, path, catalog, problems)
    _check_region(table, provider, path, problems)
    check_way(table, path, around.directory, problems)
    for below, wrong in check_blanks(table, provider, _catalogued(table, provider, catalog), around.environ):
        problems.add((*path, *below), wrong)


def _catalogued(table: DeploymentTable, provider: Provider | None, catalog: Catalog) -> str | None:
    """The catalog's address, where that is the one to be used."""
    if provider is None or table.base_url is not None:
        return None
    region = find_region(table, provider) or catalog.region(provider.id, table.model)
    return region.base_url


def _miss_address(table: DeploymentTable, path: Path, catalog: Catalog, problems: Problems) -> None:
    if table.provider in OWN_ADDRESSES:
        problems.add(path, f"'base_url' is missing: the catalog knows no address of {table.provider}")
        return
    known = [provider.id for provider in catalog.providers]
    what = f"the catalog knows no provider {quote(table.provider)}{did_you_mean(table.provider, known)}"
    problems.add((*path, "provider"), f"{what} (one of your own needs a base_url)")


def _check_model(table: DeploymentTable, provider: Provider, path: Path, catalog: Catalog, problems: Problems) -> None:
    if table.base_url or table.maker or provider.on_premises or catalog.offers(provider.id, table.model):
        return
    if table.upstream_name and catalog.find_model(table.model):
        return
    offered = [offer.model for offer in provider.offers]
    what = f"the catalog knows no model {quote(table.model)} at {provider.id}{did_you_mean(table.model, offered)}"
    problems.add((*path, "model"), f"{what} (for a model newer than the catalog, name its maker)")


def _check_region(table: DeploymentTable, provider: Provider | None, path: Path, problems: Problems) -> None:
    if table.region is None:
        return
    names = [region.name for region in provider.regions] if provider else []
    if table.region in names:
        return
    if names and table.base_url is None:
        what = f"{table.provider} has no region {quote(table.region)}{did_you_mean(table.region, names)}"
        problems.add((*path, "region"), what)
    elif wrong := check_region(table.region):
        problems.add((*path, "region"), wrong)


def price_of(
    table: PriceTable | None, changed_on: str, rates: ExchangeRates, path: Path, problems: Problems
) -> Price | None:
    """The price that a table says, checked; None where there is no table."""
    if table is None:
        return None
    agreed = {name: getattr(table, name) for name in Price.__struct_fields__ if name != "as_of"}
    price = Price(**agreed, as_of=table.as_of.isoformat() if table.as_of else changed_on)
    try:
        Tariff(price, rates)
    except CatalogError as error:
        problems.add(path, error.message)
    return price
