"""One account in the memory of one process: what of its lease is free, and what is reserved.

Rules of this file: arithmetic, without I/O and without waiting.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from entrepot.ledger.counters import AccountKind, Move

IDLE_S = 1.0
"""After so long what lies idle is returned, though nobody waits for it."""


MOST_AT_ONCE = 1 << 50
"""A million dollars: what a provider says beyond it is not believed, for one absurd number would overflow every sum."""


class Purse:
    """One account in this process. `free` may be taken, `taken` is reserved; together they are its lease.

    `spent` and `returned` are what the shared counters were not told yet, `telling` what of it they are being told now;
    `used` and `leased` are what they said last.
    """

    __slots__ = (
        "account",
        "amount",
        "free",
        "heard",
        "kind",
        "leased",
        "like",
        "returned",
        "spent",
        "taken",
        "telling",
        "touched_s",
        "used",
        "waiting",
        "wanted",
    )

    def __init__(self, account: str, kind: AccountKind, amount: int | None) -> None:
        self.account = account
        self.kind: AccountKind = kind
        self.amount = amount
        self.free = 0
        self.taken = 0
        self.spent: dict[int, int] = {}
        self.returned = 0
        self.used = 0
        self.leased = 0
        self.like = 0
        self.waiting = 0
        self.telling = 0
        self.wanted = False
        self.heard = False
        self.touched_s = time.time()

    def has(self, need: int) -> bool:
        """Whether so much may be taken now."""
        return self.amount is None or self.free >= need

    def take(self, need: int, second: int) -> None:
        """Take what it has: a window counts it in this `second` (Unix time) and for good, the others until it is settled."""
        if self.kind == "window":
            self.free -= need
            self.spend(need, second)
            self.returned += need
        else:
            self.free -= need if self.amount is not None else 0
            self.taken += need

    def settle(self, taken: int, spent: int) -> None:
        """What was `taken` is no longer; `spent` of it is gone for good."""
        self.taken -= taken
        if self.amount is not None:
            self.free += taken - spent
            self.returned += spent
        if spent:
            self.spend(spent, 0)

    def spend(self, amount: int, second: int) -> None:
        """Count it as spent, wherever it came from."""
        within = max(-MOST_AT_ONCE, min(MOST_AT_ONCE, amount))
        self.spent[second] = self.spent.get(second, 0) + within

    @property
    def left(self) -> int:
        """How much could be had if every lease came back, as far as this process knows."""
        untold = 0 if self.kind == "slots" else self.telling + sum(self.spent.values())
        return (self.amount or 0) - self.used - untold


class Claim(NamedTuple):
    """So much of a purse, and how long it may be waited for (seconds). `about` is the caller's."""

    purse: Purse
    need: int
    wait_s: float
    about: object = None


class NotGranted(Exception):
    """A claim came to nothing. `fits_s`: after so many seconds it may; None: nobody knows; infinity: never."""

    def __init__(self, claim: Claim, fits_s: float | None) -> None:
        super().__init__(claim.purse.account)
        self.claim = claim
        self.fits_s = fits_s


def give_back(claim: Claim, second: int) -> None:
    """Undo the taking of a claim that was not used after all."""
    if claim.purse.kind == "window":
        claim.purse.spend(-claim.need, second)
    else:
        claim.purse.settle(claim.need, 0)


def move_of(purse: Purse, need: int, now_s: float, *, closing: bool) -> Move | None:
    """What to say of a purse, taken out of it; None where there is nothing to say."""
    give = 0
    idle = now_s - purse.touched_s > IDLE_S
    if purse.free > 0 and (closing or ((purse.wanted or idle) and not purse.waiting) or (purse.wanted and need)):
        give = purse.free
    short = 0 if closing else max(0, need - (purse.free - give))
    like = 0
    wants_more = short or purse.free < purse.like // 4
    if purse.amount is not None and wants_more and not (closing or idle or purse.wanted or give):
        like = purse.like
        purse.like = min(2 * purse.like, purse.amount)
    if not (purse.spent or purse.returned or give or short or like or purse.free or purse.waiting):
        return None
    spent, purse.spent = tuple(purse.spent.items()), {}
    purse.telling = sum(amount for _, amount in spent)
    returned, purse.returned = purse.returned + give, 0
    purse.free -= give
    return Move(purse.account, purse.kind, purse.amount, spent, returned, short, like)
