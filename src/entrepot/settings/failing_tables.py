"""What the file says of failures: retries, circuits, hedges, and which of several hosts goes first."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from entrepot.exchange.balancing import Balance
from entrepot.settings.words import AtLeastOne, Seconds, Share


class RetriesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a deployment that failed is asked again, where that is safe."""

    most: Annotated[int, Meta(ge=0, le=10, description="How often the same deployment is asked again.")] = 1
    share: Annotated[
        Share, Meta(description="Retries are at most this share of the requests of a gateway process, beyond ten.")
    ] = 0.1
    first_pause_s: Annotated[
        Seconds, Meta(description="The first pause is drawn between 0 and this; each next bound is twice as long.")
    ] = 0.25
    longest_pause_s: Annotated[
        Seconds, Meta(description="The longest bound of a pause, and the longest Retry-After that is waited for.")
    ] = 4.0
    hedge_share: Annotated[Share, Meta(description="Hedges are at most this share of the requests, beyond ten.")] = 0.05


class CircuitTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a deployment that fails is no longer asked first, and how it comes back."""

    failures: Annotated[AtLeastOne, Meta(description="So many failures in a row open its circuit.")] = 5
    share: Annotated[
        float, Meta(gt=0, le=1, description="So does a larger share of failures among its latest attempts.")
    ] = 0.5
    open_s: Annotated[Seconds, Meta(description="How long it is open at first; each further time twice as long.")] = 5.0
    longest_open_s: Annotated[Seconds, Meta(description="How long it is open at most.")] = 120.0
    trials: Annotated[AtLeastOne, Meta(description="How many requests try it at once when that time is over.")] = 1
    trials_to_close: Annotated[AtLeastOne, Meta(description="How many of them have to be answered.")] = 2
    slow_start_s: Annotated[
        float, Meta(ge=0, description="Over what time its part then grows back to the whole; 0: at once.")
    ] = 20.0
    slow_first_token_s: Annotated[
        Seconds | None, Meta(description="A stream whose first token came later counts as failed.")
    ] = None
    outliers: Annotated[
        bool, Meta(description="A host that does much worse than the others of its model is taken for failing.")
    ] = True
    probe_s: Annotated[Seconds, Meta(description="How often a deployment with a probe is probed while open.")] = 5.0


class HostsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of several hosts of one model goes first."""

    balance: Annotated[
        Balance,
        Meta(
            description="price: the cheapest; weight: by lot, each its weight; load: the one with the least under way; "
            "latency: the quicker of two that are drawn."
        ),
    ] = "price"


class HedgeTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a second candidate is asked though the first has not failed."""

    after_s: Annotated[
        Seconds | None,
        Meta(description="After so long without a token. Default: the 95th percentile of that deployment."),
    ] = None
    least_s: Annotated[Seconds, Meta(description="Never sooner than this.")] = 0.2
