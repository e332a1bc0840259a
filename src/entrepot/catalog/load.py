"""The TOML that ships with us, and the operator's own beside it, read into a `Catalog`.

Rules of this file: strict. An unknown key, a wrong type, a dangling reference, a price without its page and date is a
CatalogError that names the file and the place in it. Numbers are read as decimals and never pass through a float. One
file a maker (`makers/`) with its models, one file a provider (`providers/`) with its addresses and offers, and
`exchange.toml`; `docs/reference/catalog.md` describes every field.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from entrepot.catalog.check import check_catalog
from entrepot.catalog.deployment import build_deployment
from entrepot.catalog.listed import ListedPrices
from entrepot.catalog.lookup import Catalog
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.price import Price, PriceChange, PriceService, PriceTier, PriceWindow
from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Blank, Licence, Maker, Model, Offer, Provider, Region, Score
from entrepot.errors import CatalogError

__all__ = ["Catalog", "build_deployment", "load_catalog"]

Table = dict[str, Any]
_Shape = TypeVar("_Shape")

_SHAPES = (
    Maker,
    Model,
    Score,
    Provider,
    Blank,
    Region,
    Offer,
    Price,
    PriceTier,
    PriceWindow,
    PriceService,
    PriceChange,
)
_FIELDS = sorted({name for shape in _SHAPES for name in shape.__struct_fields__} | {"prices"})


class _Read(NamedTuple):
    """One catalog file: its name for messages, and what is in it."""

    file: str
    table: Table


def load_catalog(extra_dirs: Sequence[Path] = ()) -> Catalog:
    """The shipped catalog, with the files of `extra_dirs` over it.

    An extra directory is laid out as ours is: `makers/*.toml`, `providers/*.toml`, `exchange.toml`. A maker, provider or
    exchange rate found there replaces ours of the same id. Raises CatalogError. The shipped one alone is read once a process.
    """
    return _load(extra_dirs) if extra_dirs else _shipped()


@cache
def _shipped() -> Catalog:
    return _load(())


def _load(extra_dirs: Sequence[Path]) -> Catalog:
    ours = files("entrepot.catalog")
    makers: dict[str, tuple[str, Maker, tuple[Model, ...]]] = {}
    providers: dict[str, tuple[str, Provider]] = {}
    exchange: ExchangeRates | None = None
    for root in (ours, *(_directory(path) for path in extra_dirs)):
        here: set[str] = set()
        for read in _read_all(root, "makers"):
            maker, models = _maker(read)
            _once(here, f"maker '{maker.id}'", read.file)
            makers[maker.id] = (read.file, maker, models)
        for read in _read_all(root, "providers"):
            provider = _provider(read)
            _once(here, f"provider '{provider.id}'", read.file)
            providers[provider.id] = (read.file, provider)
        rates = root / "exchange.toml"
        if rates.is_file():
            exchange = _convert(_read(rates), ExchangeRates)
    if exchange is None:
        raise CatalogError("the catalog has no exchange.toml: the installation is incomplete")
    catalog = Catalog(
        makers=tuple(maker for _, maker, _ in makers.values()),
        models=tuple(model for _, _, models in makers.values() for model in models),
        providers=tuple(provider for _, provider in providers.values()),
        exchange_rates=exchange,
        listed_prices=_listed(ours / "listprices.json"),
        licences=_convert(_read(ours / "licences.toml"), _Licences).licences,
    )
    check_catalog(
        catalog,
        {maker_id: file for maker_id, (file, _, _) in makers.items()},
        {provider_id: file for provider_id, (file, _) in providers.items()},
    )
    return catalog


def _listed(file: Traversable) -> ListedPrices:
    try:
        return msgspec.json.decode(file.read_bytes(), type=ListedPrices)
    except (OSError, msgspec.DecodeError) as error:
        raise CatalogError(f"{file}: cannot be read: {error}") from error


def _directory(path: Path) -> Path:
    if not path.is_dir():
        raise CatalogError(f"catalog directory {path} does not exist or is not a directory")
    return path


def _once(seen: set[str], what: str, file: str) -> None:
    if what in seen:
        raise CatalogError(f"{file}: {what} is defined in another file of the same directory too")
    seen.add(what)


def _read_all(root: Traversable, folder: str) -> Iterator[_Read]:
    where = root / folder
    if where.is_dir():
        for file in sorted(where.iterdir(), key=lambda entry: entry.name):
            if file.name.endswith(".toml"):
                yield _read(file)


def _read(file: Traversable) -> _Read:
    name = str(file)
    try:
        return _Read(name, tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(f"{name}: not valid TOML: {error}") from error
    except OSError as error:
        raise CatalogError(f"{name}: cannot be read: {error.strerror}") from error


def _maker(read: _Read) -> tuple[Maker, tuple[Model, ...]]:
    """A maker and its models; the file's own `source` and `as_of` hold for every model that states none."""
    table = dict(read.table)
    page = {key: table.pop(key) for key in ("source", "as_of") if key in table}
    models = _tables(read, "models")
    table.pop("models", None)
    maker = _convert(_Read(read.file, table), Maker)
    for model in models:
        if model.get("maker", maker.id) != maker.id:
            raise CatalogError(f"{read.file}: model '{model.get('id')}' names another maker, '{model['maker']}'")
    filled = [{**page, "maker": maker.id, **model} for model in models]
    return maker, _convert(_Read(read.file, {"models": filled}), _Models).models


def _provider(read: _Read) -> Provider:
    """A provider; its own page and date hold for its regions, those of `[prices]` for its prices, that state none.

    So do its `base_url` and `cloud_scope`, with a region's name for `{region}`.
    """
    table = dict(read.table)
    everywhere: Table = {key: table.pop(key) for key in ("base_url", "cloud_scope") if key in table}
    page: Table = {key: table[key] for key in ("source", "as_of") if key in table}
    of_prices = table.pop("prices", {})
    if not isinstance(of_prices, dict):
        raise CatalogError(f"{read.file}: prices is not a table: write [prices]")
    table["regions"] = [_in_region({**page, **everywhere, **region}) for region in _tables(read, "regions")]
    table["offers"] = [
        {**offer, "price": {**of_prices, **offer["price"]}} if isinstance(offer.get("price"), dict) else offer
        for offer in _tables(read, "offers")
    ]
    return _convert(_Read(read.file, table), Provider)


def _in_region(region: Table) -> Table:
    return {
        key: value.replace("{region}", str(region.get("name")))
        if key in ("base_url", "cloud_scope") and isinstance(value, str)
        else value
        for key, value in region.items()
    }


def _tables(read: _Read, name: str) -> list[Table]:
    found = read.table.get(name, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise CatalogError(f"{read.file}: {name} is not a list of tables: write [[{name}]]")
    return found


class _Models(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[Model, ...]


class _Licences(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    licences: tuple[Licence, ...]


def _convert(read: _Read, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.convert(read.table, shape)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{read.file}: {_explain(str(error), read.table)}") from error


def _explain(message: str, table: Table) -> str:
    """The words of msgspec, with the entry named by its id and an unknown key by its nearest right word."""
    text, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    entry = re.match(r"(models|offers|regions)\[(\d+)\]", path)
    if entry:
        named = table[entry[1]][int(entry[2])]
        label = next((named[key] for key in ("id", "name", "model") if key in named), None)
        path += f" ('{label}')" if label else ""
    unknown = re.search(r"unknown field `(.+?)`", text)
    hint = did_you_mean(unknown[1], _FIELDS) if unknown else ""
    return f"{text}{hint}" + (f", at {path}" if path else "")
