"""List prices of models that no file of ours offers: a table compiled from genai-prices, beneath our own facts.

Rules of this file: a name is looked up exactly, without regard to case, and under its provider alone. The prices are those of a
provider's first address: what another region costs more is not in the table, so unknown. `tools/compile_prices.py` writes it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.catalog.price import Price
from entrepot.errors import CatalogError


class ListedPrices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By provider and the name there, a price without its source and day, which are those of the table."""

    source: str
    as_of: str
    prices: dict[str, dict[str, dict[str, Any]]]

    def find(self, provider_id: str, upstream_name: str) -> Price | None:
        """The price of that name there; None is unknown. Raises CatalogError if the table is not what it should be."""
        listed = self.prices.get(provider_id, {}).get(upstream_name.casefold())
        if listed is None:
            return None
        try:
            return msgspec.convert({**listed, "source": self.source, "as_of": self.as_of}, Price)
        except msgspec.ValidationError as error:
            raise CatalogError(f"listprices.json: '{upstream_name}' at {provider_id}: {error}") from error


NONE_LISTED = ListedPrices("", "", {})
