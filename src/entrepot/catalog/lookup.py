"""The catalog as a frozen value, and the questions asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from entrepot.catalog.listed import NONE_LISTED, ListedPrices
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.price import Price, dearer
from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Licence, Maker, Model, Offer, Provider, Region
from entrepot.errors import CatalogError


def fold_name(name: str) -> str:
    """The form under which a model's names are compared: no capitals, and without Ollama's `:latest`."""
    return name.casefold().removesuffix(":latest")


def _by_name(models: Iterable[Model]) -> dict[str, Model]:
    return {fold_name(name): model for model in models for name in (model.id, *model.names)}


@dataclass(frozen=True)
class Catalog:
    """Makers, models and providers that refer only to each other; made by `load_catalog`, which checks that.

    Lookups are by id, and of models by any of their names, without regard to case.
    """

    makers: tuple[Maker, ...]
    models: tuple[Model, ...]
    providers: tuple[Provider, ...]
    exchange_rates: ExchangeRates
    listed_prices: ListedPrices = NONE_LISTED
    licences: tuple[Licence, ...] = ()
    _makers: Mapping[str, Maker] = field(init=False, repr=False, compare=False)
    _models: Mapping[str, Model] = field(init=False, repr=False, compare=False)
    _providers: Mapping[str, Provider] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index by name."""
        object.__setattr__(self, "_makers", {maker.id: maker for maker in self.makers})
        object.__setattr__(self, "_models", _by_name(self.models))
        object.__setattr__(self, "_providers", {provider.id: provider for provider in self.providers})

    def find_model(self, id_or_name: str) -> Model | None:
        """The model of that id or other name, or None."""
        return self._models.get(fold_name(id_or_name))

    def model(self, id_or_name: str) -> Model:
        """As `find_model`; raises CatalogError with the nearest name if there is none."""
        found = self.find_model(id_or_name)
        if found is None:
            raise CatalogError(f"no model '{id_or_name}' in the catalog{did_you_mean(id_or_name, self._models)}")
        return found

    def find_licence(self, name: str) -> Licence | None:
        """What is known of the licence of exactly that name, None where nothing is."""
        return next((licence for licence in self.licences if licence.id == name), None)

    def maker(self, maker_id: str) -> Maker:
        """The maker of that id; raises CatalogError."""
        found = self._makers.get(maker_id)
        if found is None:
            raise CatalogError(f"no maker '{maker_id}' in the catalog{did_you_mean(maker_id, self._makers)}")
        return found

    def provider(self, provider_id: str) -> Provider:
        """The provider of that id; raises CatalogError with the nearest id if there is none."""
        found = self._providers.get(provider_id.casefold())
        if found is None:
            raise CatalogError(
                f"no provider '{provider_id}' in the catalog{did_you_mean(provider_id, self._providers)}"
            )
        return found

    def offers(self, provider_id: str, model_id: str) -> tuple[Offer, ...]:
        """What the provider offers of that model, one offer for each set of regions it is priced for."""
        model = self.find_model(model_id)
        provider = self.provider(provider_id)
        return () if model is None else tuple(offer for offer in provider.offers if offer.model == model.id)

    def region(self, provider_id: str, model_id: str, name: str | None = None) -> Region:
        """The address of that name, or, without one, the provider's first that offers the model (else its first)."""
        provider = self.provider(provider_id)
        if name is not None:
            for region in provider.regions:
                if region.name == name.casefold():
                    return region
            known = [region.name for region in provider.regions]
            raise CatalogError(f"provider '{provider.id}' has no region '{name}'{did_you_mean(name, known)}")
        offers = self.offers(provider_id, model_id)
        for region in provider.regions:
            if any(not offer.regions or region.name in offer.regions for offer in offers):
                return region
        return provider.regions[0]

    def offer(self, provider_id: str, model_id: str, region: str | None = None) -> Offer | None:
        """The offer that holds at that region (by default the one `region` chooses), or None."""
        name = self.region(provider_id, model_id, region).name
        for offer in self.offers(provider_id, model_id):
            if not offer.regions or name in offer.regions:
                return offer
        return None

    def price_of(self, provider_id: str, model_id: str, region: str | None = None) -> Price | None:
        """The list price there, with what that region costs more; None is unknown."""
        offer = self.offer(provider_id, model_id, region)
        if offer is None or offer.price is None:
            return None
        return dearer(offer.price, self.region(provider_id, model_id, region).uplift) if offer.uplift else offer.price

    def listed_price(self, provider_id: str, upstream_name: str, region: str) -> Price | None:
        """What the table beneath our own facts says of that name, at the provider's first region; None is unknown."""
        if region != self.provider(provider_id).regions[0].name:
            return None
        return self.listed_prices.find(provider_id, upstream_name)
