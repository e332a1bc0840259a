"""Shared counters: what gateway processes may spend of an amount that is theirs together.

Rules of this file: an account has an amount, what is used of it, and leases: parts of it that one process may give out in
memory without asking again. For every account, used + all leases <= amount, whatever happens to the processes; nothing is
granted against that, and only a provider that bills more than was reserved can push `used` beyond. Amounts are whole
numbers: nano-dollars, tokens, requests. Whoever has waited longest is served first. One conformance suite runs against every
implementation.

A store that has lost its memory has no epoch. Then one is begun, in which nothing is granted yet; every process that lives
introduces itself in it with the leases that it has; and once `used` was added up from the ledger, without what those
processes still have open, the epoch is made active.

Three kinds of account differ in what counts as used: `money` all that was ever spent, `window` what was spent in the last
WINDOW_S seconds and the one under way, `slots` nothing (leases alone fill it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

AccountKind = Literal["money", "window", "slots"]
WINDOW_S = 60
WANT_LASTS_S = 1.0
"""How long a process that got nothing is remembered as waiting; it asks again more often than that."""


class Move(msgspec.Struct, frozen=True, array_like=True):
    """What one process did with one account since it last said so, and what it wants.

    `spent` are amounts by the second in which they count (0 for money); they may be negative in a window, as corrections.
    `returned` is by how much its lease shrinks: what was spent out of it, and what it gives back. `need` is the least that
    would help it (0: nothing), `like` what it would take where there is plenty. `amount` None: nothing is limited, the account
    is only counted.
    """

    account: str
    kind: AccountKind
    amount: int | None
    spent: tuple[tuple[int, int], ...] = ()
    returned: int = 0
    need: int = 0
    like: int = 0


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """An account after a move: what was granted, what is used, all leases together, whether another process waits for some.

    `fits_s` is, for a window that could not grant what was needed, after how many seconds it may; 0 where leases alone stand
    in the way.
    """

    account: str
    granted: int
    used: int
    leased: int
    wanted: bool = False
    fits_s: float = 0.0


class Report(msgspec.Struct, frozen=True, array_like=True):
    """What a process says of itself: a number that grows by one with every report, and how far its journal is accounted for.

    The same number is the same report: sent again after an answer was lost, it changes nothing and is answered alike. Number
    1 introduces the process: its moves bring the leases that it has already (as negative `returned`), and `open` the
    exchanges that it has reserved for and not settled.
    """

    owner: str
    number: int
    journal: str
    offset: int
    epoch: str = ""
    moves: tuple[Move, ...] = ()
    open: tuple[str, ...] = ()


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """The epoch, whether it is active (nothing is granted before), and the standings of a report's moves in their order."""

    epoch: str
    active: bool
    standings: tuple[Standing, ...] = ()


class AccountState(msgspec.Struct, frozen=True):
    """An account as an operator sees it."""

    account: str
    used: int
    leased: int
    leases: dict[str, int] = {}


class Owner(msgspec.Struct, frozen=True):
    """A process that has introduced itself: the journal that it named, how far that is accounted for, what was open then."""

    owner: str
    journal: str
    offset: int
    open: tuple[str, ...] = ()


class Epoch(msgspec.Struct, frozen=True):
    """A name that no other epoch had, and whether it is active."""

    name: str
    active: bool


class Counters(Protocol):
    """What processes share. Methods block, briefly; they are called beside the event loop.

    All raise CountersUnreachable where the store does not answer. `report` and `bury` raise EpochMissing where there is no
    epoch, or another than the process knows, or where the store forgot what it acknowledged: that takes the epoch away. The
    process then introduces itself anew.
    """

    def report(self, report: Report, now_s: float) -> Reply:
        """Take a process's report: all of its moves, or none."""
        ...

    def bury(self, owner: str, spent: Mapping[str, int], now_s: float) -> bool:
        """The process is gone: charge what its journal says to its money accounts and drop its leases. False: it had none."""
        ...

    def owners(self) -> tuple[Owner, ...]:
        """Every process that is known."""
        ...

    def states(self, now_s: float, accounts: Sequence[str] | None = None) -> tuple[AccountState, ...]:
        """These accounts, or all. Answers without an epoch too."""
        ...

    def epoch(self) -> Epoch | None:
        """The epoch, None where it is missing."""
        ...

    def begin(self, name: str, instead_of: str = "") -> bool:
        """Begin an epoch, in which nothing is known or granted yet. False where there is one, but for that to be replaced."""
        ...

    def activate(self, name: str, part: str, used: Mapping[str, int], parts: int = 1) -> None:
        """What the ledger called `part` says is used of money accounts. Once all `parts` have spoken, the epoch is active."""
        ...

    def note_once(self, mark: str) -> bool:
        """Whether this is the first time that anybody notes `mark`."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


def grant(move: Move, used: int, leased_by_others: int, lease: int, owners: int, *, others_wait: bool) -> int:
    """How much of an account may be granted now: what is liked where there is plenty, what is needed where that fits, or 0.

    There is plenty as long as every other owner could take as much: near the end of an amount only what is needed is granted,
    so that it does not lie idle in one process while another is refused.
    """
    if move.amount is None:
        return max(move.need, move.like)
    if others_wait:
        return 0
    room = move.amount - used - leased_by_others - lease
    share = room // (2 * max(1, owners))
    granted = max(move.need, min(move.like, share))
    return granted if 0 < granted <= room else 0
