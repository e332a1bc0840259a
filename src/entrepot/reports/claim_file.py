"""What published reports say of the market, with source and date: `entrepot report claims` sets measurements beside it.

Nothing here is a fact of ours: a claim is what somebody wrote. `claims.json` ships with us.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One published figure. `low` and `high` are its ends in `unit`, None where it is no number.

    `compare` says what of a ledger it can be held against; `claim_zh` is the claim in Chinese. `as_of` is the month or year
    of its publication.
    """

    id: str
    claim: str
    claim_zh: str
    unit: str
    as_of: str
    source: str
    compare: str
    low: float | None = None
    high: float | None = None


@cache
def load_claims() -> tuple[Claim, ...]:
    """Every claim, in the order of the file."""
    text = (files("entrepot.catalog") / "claims.json").read_bytes()
    return tuple(msgspec.json.decode(text, type=list[Claim]))
