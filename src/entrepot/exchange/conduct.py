"""How calls are conducted beside their deadlines, as the settings say it: retries, and who of several hosts goes first."""

from __future__ import annotations

import msgspec

from entrepot.exchange.balancing import Balance
from entrepot.exchange.retrying import NEVER, Retries


class Conduct(msgspec.Struct, frozen=True):
    """What holds where a route says nothing else. `weights` are those of hosts, by id, 1 where there is none."""

    retries: Retries = Retries()
    balance: Balance = "price"
    weights: dict[str, float] = {}


WITHOUT_RETRIES = Conduct(retries=NEVER)


class Hedge(msgspec.Struct, frozen=True):
    """When a second candidate is asked though the first has not failed.

    After `after_s` without content; None: after the 95th percentile of the first one's time to it, at least `least_s`, and only
    where that is known.
    """

    after_s: float | None = None
    least_s: float = 0.2
