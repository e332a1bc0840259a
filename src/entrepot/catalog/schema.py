"""The shapes of catalog facts, and the deployment they add up to.

Rules of this file: a fact carries the page it came from and the date it was read (`source`, `as_of`); a price without both
does not load. `None` means unknown, never zero or no. Countries are ISO 3166-1 alpha-2. Regions are a country code or one
of `EU`, `GLOBAL` (anywhere the provider likes) and `LOCAL` (the operator's own machines); `places.py` says what they cover.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from entrepot.canonical.capabilities import Capability
from entrepot.catalog.price import Price

KeyForm = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "none"]
Cloud = Literal["aws", "google", "azure"]


class Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A published benchmark score, a fraction of 1."""

    benchmark: str
    score: float
    source: str
    as_of: str


class Maker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who trained a model."""

    id: str
    name: str
    country: str


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Named weights. `names` are other names by which providers and outcome files call the same weights.

    `languages` are those that its maker names (ISO 639-1); `language_count` is how many it claims, where it names none.
    """

    id: str
    maker: str
    source: str
    as_of: str
    open_weights: bool | None = None
    licence: str | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: tuple[Capability, ...] | None = None
    languages: tuple[str, ...] = ()
    language_count: int | None = None
    reasoning: bool | None = None
    retires_on: str | None = None
    names: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()


class Licence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a licence of weights lets its licensee train other models on what the model answers, and by which reading."""

    id: str
    training_on_output: bool
    why: str
    source: str
    as_of: str


class Blank(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place in a provider's addresses, `{name}`, that each customer fills in: `what` belongs there.

    `env` are the environment variables in which people keep it, in order.
    """

    name: str
    what: str
    env: tuple[str, ...] = ()


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One address of a provider and where what is sent there is processed (see the module's rules).

    `dialect` and `auth` are given where they are not the provider's. `quirks` are of the dialect spoken here. `uplift` is what
    prices are multiplied by here, for the models whose offers do not say otherwise.
    """

    name: str
    base_url: str
    processed_in: str
    source: str
    as_of: str
    cloud_scope: str | None = None
    dialect: str | None = None
    auth: KeyForm | None = None
    quirks: tuple[str, ...] = ()
    uplift: Decimal = Decimal(1)


class Handling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a provider does with what it is sent, by its own terms: for how long it keeps it, whether it trains on it."""

    source: str
    as_of: str
    retention_days: int | None = None
    trains_on_data: bool | None = None


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model at a provider: the name it has there and what it costs. `regions` limits it to some of the addresses.

    `dialect` is given where the model is not reached by the provider's. `quirks` are of the dialect it is reached by.
    `uplift` False: it costs the same in every region. `handling` is given where the provider's does not hold for it.
    """

    model: str
    upstream_name: str
    price: Price | None = None
    regions: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] | None = None
    dialect: str | None = None
    quirks: tuple[str, ...] = ()
    uplift: bool = True
    handling: Handling | None = None


class PrefixCache(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a provider caches the beginnings of prompts.

    `automatic`: of every prompt; otherwise of those whose clients mark what is to be cached. From `least_tokens` on, and for
    `lifetime_s` after the last use, as far as its page says.
    """

    automatic: bool
    source: str
    as_of: str
    least_tokens: int = 1024
    lifetime_s: int = 300


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who hosts models and bills for them.

    `auth` is the form in which a key is sent; `key_env` the environment variables in which people keep its key, in order.
    `cloud` is whose own credentials open it where no key is given, each region's `cloud_scope` what they are asked for: region
    and service at AWS (`us-east-1/bedrock`), a token's scope elsewhere. `quirks` are of the provider's own dialect.
    `probe_port` is set for local servers, which are looked for on loopback.
    """

    id: str
    name: str
    dialect: str
    auth: KeyForm
    source: str
    as_of: str
    country: str | None = None
    key_env: tuple[str, ...] = ()
    on_premises: bool = False
    probe_port: int | None = None
    accelerator: str | None = None
    quirks: tuple[str, ...] = ()
    cloud: Cloud | None = None
    blanks: tuple[Blank, ...] = ()
    handling: Handling | None = None
    prefix_cache: PrefixCache | None = None
    regions: tuple[Region, ...] = ()
    offers: tuple[Offer, ...] = ()


class Way(msgspec.Struct, frozen=True, cache_hash=True):
    """How an address is reached, where it is not the usual way. Paths are absolute.

    `ca` names the only authorities that are trusted there; `certificate` and `key` are shown to whoever asks for them;
    `socket` is a Unix socket, which is dialled instead of the address's host.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    socket: str | None = None


class Deployment(msgspec.Struct, frozen=True):
    """A model at a provider, ready to be called: what routing, policy, pricing and the call need, in one value.

    `id` is unique, by default `provider/model`. `region` is where data is processed. `maker_country` and
    `provider_country` are `unknown` where nobody said, and `provider_country` is `LOCAL` on the operator's own machines.
    `price` None is *unknown*, and stays unknown in every sum.
    `retention_days` is how long its provider keeps prompts and answers, 0 not at all; `prefix_cache` None: nobody said.
    `auth` is a `KeyForm`, or a `Cloud` whose own credentials are asked for `auth_scope`. `secret` is a reference (`env:NAME`,
    `file:PATH`) or None; the value is read by `upstream/credentials` alone.
    """

    id: str
    model: str
    maker: str
    maker_country: str
    provider: str
    provider_country: str
    region: str
    base_url: str
    dialect: str
    upstream_name: str
    auth: str = "bearer"
    auth_scope: str | None = None
    secret: str | None = None
    price: Price | None = None
    open_weights: bool | None = None
    licence: str | None = None
    on_premises: bool = False
    accelerator: str | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[Capability] | None = None
    quirks: frozenset[str] = frozenset()
    reasoning: bool = False
    retention_days: int | None = None
    trains_on_data: bool | None = None
    prefix_cache: PrefixCache | None = None
    way: Way | None = None
