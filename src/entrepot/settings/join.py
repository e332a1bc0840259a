"""One [[deployments]] table and the catalog make one deployment.

Rules of this file: what the catalog knows is filled in, what the file says wins, what neither says stays unknown. Where data
is processed is never inferred from who made the model or who bills: an address that is not the catalog's is of unknown
region, unless it can only be the operator's own machine (`address.py`) or the file says where it is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.catalog.deployment import build_deployment, leaves_the_machine
from entrepot.catalog.lookup import Catalog
from entrepot.catalog.places import LOCAL, UNKNOWN
from entrepot.catalog.price import Price
from entrepot.catalog.schema import Deployment, Provider, Region
from entrepot.dialects.address import without_call
from entrepot.settings.address import is_own_machine
from entrepot.settings.blanks import fill_blanks
from entrepot.settings.file import DeploymentTable
from entrepot.settings.networks import way_of
from entrepot.settings.secret import anchor_reference
from entrepot.settings.speech import USUAL_AUTH
from entrepot.settings.surroundings import Surroundings
from entrepot.upstream.clouds import CLOUD_AUTHS

OWN_ADDRESSES = frozenset({"openai-compatible", "anthropic-compatible", "gemini-compatible"})
"""Providers of the catalog that stand for whoever is at the address given, be it one's own machine."""

OPENAI_CHAT = "openai-chat"

_STATED = (
    "context_tokens",
    "max_output_tokens",
    "maker",
    "maker_country",
    "provider_country",
    "open_weights",
    "licence",
    "reasoning",
    "retention_days",
    "trains_on_data",
)


def join(table: DeploymentTable, price: Price | None, around: Surroundings, warnings: list[str]) -> Deployment:
    """The deployment that `table` means. Raises CatalogError where the catalog contradicts it."""
    catalog = around.catalog
    table = _without_call(table, warnings)
    provider = find_provider(catalog, table.provider)
    secret = _secret(table, provider, around)
    if provider is None:
        base = _at_own_provider(table, price, secret, catalog)
    else:
        base = build_deployment(
            catalog,
            provider.id,
            table.model,
            named_region.name if (named_region := find_region(table, provider)) else None,
            id=table.id,
            secret=secret,
            base_url=table.base_url,
            upstream_name=table.upstream_name or _said_to_be_there(table, provider, catalog),
            price=price,
            accelerator=table.accelerator,
            blanks=fill_blanks(table, provider, around.environ),
        )
    base = _spoken(table, base)
    stated = {name: getattr(table, name) for name in _STATED if getattr(table, name) is not None}
    if table.capabilities is not None:
        stated["capabilities"] = frozenset(table.capabilities)
    on_premises = _on_premises(table, base, provider, warnings)
    region = _processed_in(table, base, provider, on_premises)
    stated.setdefault("provider_country", _law(base, on_premises))
    if on_premises:  # nobody else is sent anything: what the operator keeps is the operator's to know
        stated.setdefault("retention_days", 0)
        stated.setdefault("trains_on_data", False)
    way = way_of(table, around.directory)
    return msgspec.structs.replace(base, on_premises=on_premises, region=region, way=way, **stated)


def _spoken(table: DeploymentTable, base: Deployment) -> Deployment:
    """`base` with the dialect, quirks and credentials that the file says."""
    stated: dict[str, Any] = {}
    if table.dialect is not None and table.dialect != base.dialect:
        stated.update(dialect=table.dialect, quirks=frozenset())
    if table.quirks is not None:
        stated["quirks"] = frozenset(table.quirks)
    if table.auth is not None:
        stated["auth"] = table.auth
    if table.auth_scope is not None:
        stated["auth_scope"] = table.auth_scope
    return msgspec.structs.replace(base, **stated)


def _without_call(table: DeploymentTable, warnings: list[str]) -> DeploymentTable:
    if table.base_url is None or (shorter := without_call(table.base_url)) == table.base_url:
        return table
    if shorter != table.base_url.rstrip("/"):
        name = table.id or f"{table.provider}/{table.model}"
        warnings.append(f"{name}: its base_url ends in the call itself, which is added anyway; read as {shorter}")
    return msgspec.structs.replace(table, base_url=shorter)


def find_provider(catalog: Catalog, name: str) -> Provider | None:
    """The provider of the catalog that goes by `name`."""
    return next((provider for provider in catalog.providers if provider.id == name), None)


def find_region(table: DeploymentTable, provider: Provider) -> Region | None:
    """The provider's region that `table` names, or whose address it gives."""
    for region in provider.regions:
        if region.name == table.region:
            return region
    if table.region is None and table.base_url is not None:
        given = table.base_url.rstrip("/")
        return next((region for region in provider.regions if region.base_url.rstrip("/") == given), None)
    return None


def _said_to_be_there(table: DeploymentTable, provider: Provider, catalog: Catalog) -> str | None:
    """The model's own name, where the file vouches for a model that the catalog does not know at this provider."""
    vouched = table.base_url is not None or table.maker is not None
    return table.model if vouched and not catalog.offers(provider.id, table.model) else None


def _at_own_provider(table: DeploymentTable, price: Price | None, secret: str | None, catalog: Catalog) -> Deployment:
    """At a provider that the catalog does not know, with the facts of the model if it knows that."""
    model = catalog.find_model(table.model)
    name = model.id if model else table.model
    dialect = table.dialect or OPENAI_CHAT
    return Deployment(
        id=table.id or f"{table.provider}/{name}",
        model=name,
        maker=model.maker if model else UNKNOWN,
        maker_country=catalog.maker(model.maker).country if model else UNKNOWN,
        provider=table.provider,
        provider_country=UNKNOWN,
        region=UNKNOWN,
        base_url=(table.base_url or "").rstrip("/"),
        dialect=dialect,
        upstream_name=table.upstream_name or table.model,
        auth="none" if secret is None else USUAL_AUTH.get(dialect, "bearer"),
        secret=secret,
        price=price,
        open_weights=model.open_weights if model else None,
        licence=model.licence if model else None,
        accelerator=table.accelerator,
        context_tokens=model.context_tokens if model else None,
        max_output_tokens=model.max_output_tokens if model else None,
        capabilities=frozenset(model.capabilities) if model and model.capabilities is not None else None,
        reasoning=bool(model and model.reasoning),
    )


def _secret(table: DeploymentTable, provider: Provider | None, around: Surroundings) -> str | None:
    """The reference to the provider's key: the one given, else the provider's usual variable, the first that is set."""
    if table.key is not None:
        return anchor_reference(table.key, around.directory)
    if provider is None or not provider.key_env or table.auth in CLOUD_AUTHS:
        return None
    present = next((name for name in provider.key_env if around.environ.get(name, "").strip()), None)
    if present is None and (provider.auth == "none" or provider.cloud is not None):
        return None
    return f"env:{present or provider.key_env[0]}"


def _on_premises(table: DeploymentTable, base: Deployment, provider: Provider | None, warnings: list[str]) -> bool:
    if table.on_premises is not None:
        return table.on_premises
    if provider is not None and not provider.on_premises and provider.id not in OWN_ADDRESSES:
        return False
    if leaves_the_machine(base.upstream_name):
        warnings.append(f"{base.id}: its server hands '{base.upstream_name}' on to a cloud, so it is not on premises")
        return False
    if is_own_machine(base.base_url):
        return True
    if table.region is None:
        warnings.append(
            f"{base.id}: not known to be on your premises, by its address; say on_premises = true if it is, "
            "or in which region it runs"
        )
    return False


def _processed_in(table: DeploymentTable, base: Deployment, provider: Provider | None, on_premises: bool) -> str:
    named = find_region(table, provider) if provider else None
    if table.region is not None:
        return named.processed_in if named else table.region
    if on_premises:
        return LOCAL
    if provider is None or provider.on_premises:
        return UNKNOWN
    if table.base_url is None:
        return base.region
    return named.processed_in if named else UNKNOWN


def _law(base: Deployment, on_premises: bool) -> str:
    """The provider's country: one's own machines have none but one's own."""
    if on_premises:
        return LOCAL
    return UNKNOWN if base.provider_country == LOCAL else base.provider_country
