"""A model at a provider, joined into the one value that routing, policy, pricing and the call need."""

from __future__ import annotations

import re
from collections.abc import Mapping

from entrepot.canonical.capabilities import Capability
from entrepot.catalog.lookup import Catalog
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.places import GLOBAL, LOCAL, UNKNOWN
from entrepot.catalog.price import Price
from entrepot.catalog.schema import Deployment, Handling, Model, Offer, Provider, Region
from entrepot.errors import CatalogError

_BLANK = re.compile(r"\{(\w+)\}")
_FILLED_BY_THE_CALL = "model"


def blanks_in(address: str) -> list[str]:
    """The names of what a customer fills in, in their order: `{model}` is not among them, which each call fills in."""
    return [name for name in dict.fromkeys(_BLANK.findall(address)) if name != _FILLED_BY_THE_CALL]


def leaves_the_machine(upstream_name: str) -> bool:
    """Whether a local server hands this model on to a cloud, as Ollama does by the end of its name.

    Source: Ollama, docs/api/authentication.mdx, 2026-08-21.
    """
    return upstream_name.endswith(("-cloud", ":cloud"))


def build_deployment(
    catalog: Catalog,
    provider_id: str,
    model_id: str,
    region: str | None = None,
    *,
    id: str | None = None,
    secret: str | None = None,
    base_url: str | None = None,
    upstream_name: str | None = None,
    price: Price | None = None,
    accelerator: str | None = None,
    blanks: Mapping[str, str] | None = None,
) -> Deployment:
    """The deployment of `model_id` at `provider_id`, in `region` (by default the provider's first that offers it).

    What is given wins over what the catalog says. `blanks` is what its address leaves to the customer. Without a `secret`, a
    provider in a cloud is opened by that cloud's own credentials. A model that the catalog does not know, or that the provider
    is not known to offer, needs its `upstream_name` said, so that a mistyped name cannot pass for a new model; on the
    operator's own machines any name will do. Facts that nobody states stay unknown, and so does where an address processes
    that is not the catalog's. Raises CatalogError.
    """
    provider = catalog.provider(provider_id)
    model = catalog.find_model(model_id)
    chosen = catalog.region(provider_id, model_id, region)
    offer = catalog.offer(provider_id, model_id, chosen.name)
    if offer is None and upstream_name is None and not provider.on_premises:
        raise _not_offered(catalog, provider, model, model_id, chosen.name)
    facts = model or Model(id=model_id, maker=UNKNOWN, source="", as_of="")
    name = upstream_name or (model_id if offer is None else offer.upstream_name)
    on_premises = provider.on_premises and not leaves_the_machine(name)
    dialect = (offer.dialect if offer else None) or chosen.dialect or provider.dialect
    handling = _handling(provider, offer, elsewhere=base_url is not None)
    return Deployment(
        id=id or f"{provider.id}/{facts.id}",
        model=facts.id,
        maker=facts.maker,
        maker_country=UNKNOWN if model is None else catalog.maker(facts.maker).country,
        provider=provider.id,
        provider_country=LOCAL if on_premises else provider.country or UNKNOWN,
        region=_processed_in(provider, chosen, base_url) if on_premises or not provider.on_premises else GLOBAL,
        base_url=_address(provider, chosen.base_url, base_url, blanks or {}),
        dialect=dialect,
        upstream_name=name,
        auth=_auth(provider, chosen, secret),
        auth_scope=chosen.cloud_scope if secret is None else None,
        secret=secret,
        price=price or _price(catalog, provider, offer, chosen, name, elsewhere=base_url is not None),
        open_weights=facts.open_weights,
        licence=facts.licence,
        on_premises=on_premises,
        accelerator=accelerator or provider.accelerator,
        context_tokens=facts.context_tokens,
        max_output_tokens=facts.max_output_tokens,
        capabilities=_capabilities(facts, offer),
        quirks=_quirks(provider, chosen, offer, dialect),
        reasoning=bool(facts.reasoning),
        retention_days=handling.retention_days,
        trains_on_data=handling.trains_on_data,
        prefix_cache=None if base_url is not None else provider.prefix_cache,
    )


def _price(
    catalog: Catalog, provider: Provider, offer: Offer | None, chosen: Region, name: str, *, elsewhere: bool
) -> Price | None:
    """Our own fact, else that of the table beneath, which is not taken for an address that is not the catalog's."""
    ours = None if offer is None else catalog.price_of(provider.id, offer.model, chosen.name)
    return ours if ours is not None or elsewhere else catalog.listed_price(provider.id, name, chosen.name)


def _handling(provider: Provider, offer: Offer | None, *, elsewhere: bool) -> Handling:
    """What the provider's terms say; nothing is known of an address that is not the catalog's."""
    said = None if elsewhere else (offer and offer.handling) or provider.handling
    return said or Handling(source="", as_of="")


def _capabilities(model: Model, offer: Offer | None) -> frozenset[Capability] | None:
    known = model.capabilities if offer is None or offer.capabilities is None else offer.capabilities
    return None if known is None else frozenset(known)


def _auth(provider: Provider, region: Region, secret: str | None) -> str:
    form = region.auth or provider.auth
    if secret is None:
        return provider.cloud or form
    return "bearer" if form == "none" else form


def _quirks(provider: Provider, region: Region, offer: Offer | None, dialect: str) -> frozenset[str]:
    """What is said of the dialect that is spoken: a quirk said of another means nothing here."""
    said = {(region.dialect or provider.dialect): region.quirks}
    quirks = [*said.get(dialect, ()), *(provider.quirks if provider.dialect == dialect else ())]
    if offer is not None and (offer.dialect or provider.dialect) == dialect:
        quirks += offer.quirks
    return frozenset(quirks)


def _address(provider: Provider, catalogued: str, given: str | None, blanks: Mapping[str, str]) -> str:
    if given is not None:
        return given.rstrip("/")
    missing = [name for name in blanks_in(catalogued) if name not in blanks]
    if not missing:
        return _BLANK.sub(lambda found: blanks.get(found[1], found[0]), catalogued)
    if not provider.blanks:
        raise CatalogError(f"provider '{provider.id}' has an address for each customer, {catalogued}: give base_url")
    whats = "; ".join(f"{blank.name} is {blank.what}" for blank in provider.blanks if blank.name in missing)
    example = ", ".join(f'{name} = "…"' for name in missing)
    raise CatalogError(
        f"provider '{provider.id}' has an address for each customer, {catalogued}: give address = {{ {example} }}; {whats}"
    )


def _processed_in(provider: Provider, chosen: Region, base_url: str | None) -> str:
    if base_url is None or provider.on_premises:
        return chosen.processed_in
    address = base_url.rstrip("/")
    return next((known.processed_in for known in provider.regions if known.base_url == address), UNKNOWN)


def _not_offered(catalog: Catalog, provider: Provider, model: Model | None, asked: str, region: str) -> CatalogError:
    offered = [offer.model for offer in provider.offers]
    if model is None:
        everywhere = [*offered, *(known.id for known in catalog.models)]
        return CatalogError(
            f"no model '{asked}' in the catalog{did_you_mean(asked, everywhere)} "
            f"(to use one that the catalog does not know at '{provider.id}', give its upstream_name)"
        )
    elsewhere = [
        f"in region '{name}'" for offer in provider.offers if offer.model == model.id for name in offer.regions
    ]
    hint = f"; it does {', '.join(elsewhere)}" if elsewhere else did_you_mean(asked, offered)
    return CatalogError(
        f"provider '{provider.id}' is not known to offer '{asked}' in region '{region}'{hint} "
        f"(if it does, give its upstream_name)"
    )
