"""What this process may give out in memory: leases of the shared counters, kept up beside the requests.

Rules of this file: taking and settling are arithmetic, without I/O and without waiting, as long as the leases in hand
suffice. One task reports to the shared counters every REPORT_S while anything is leased or changed, and at once when
somebody waits; there is one report under way at a time, and one that failed is sent again as it is until it is answered.
What lies idle is returned: at once when another process waits for it, else after IDLE_S.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from bisect import insort
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from entrepot.drive.purse import Claim, NotGranted, Purse, give_back, move_of
from entrepot.drive.turns import Turns
from entrepot.errors import CountersUnreachable, EpochMissing
from entrepot.ledger.counters import AccountKind, Counters, Move, Reply, Report
from entrepot.ledger.reservations import Journal, Reserved

log = logging.getLogger("entrepot.counters")

REPORT_S = 0.05
PATIENT_REPORT_S = 0.02
HEARTBEAT_S = 0.25
FORGOTTEN_AFTER_S = 600.0
REBUILT_WITHIN_S = 5.0
"""Whoever would wait less waits so long while the counters are rebuilt, as they are when an installation starts."""

REBUILDING = "the shared counters are being rebuilt from the ledger"
_CHUNK = 4
"""A process asks for so many times what it needs, and for twice as much each time that this does not last."""


_Result = TypeVar("_Result")


class _Waiter:
    """Somebody who waits for claims, since a moment (monotonic seconds). Who has the least `turn` is served first."""

    def __init__(self, claims: Sequence[Claim], since_s: float, turn: tuple[int, float, int]) -> None:
        self.claims = claims
        self.since_s = since_s
        self.turn = turn
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def lacking(self) -> list[Claim]:
        return [claim for claim in self.claims if not claim.purse.has(claim.need)]


class Leases:
    """The leases of one process. `open_ids` says what is reserved and not settled, for whoever must know after a loss.

    `trouble` says why the counters cannot be used at the moment, None if they can.
    """

    def __init__(
        self,
        counters: Counters,
        journal: Journal,
        open_reservations: Callable[[], Sequence[Reserved]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._counters = counters
        self._journal = journal
        self._open = open_reservations
        self._clock = clock
        self._purses: dict[str, Purse] = {}
        self._waiters: list[_Waiter] = []
        self._turns = Turns()
        self._kick = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="counters")
        self._number = 0
        self._epoch = ""
        self._active = False
        self._failed: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._unanswered = False

    @property
    def trouble(self) -> str | None:
        """Why nothing new can be leased."""
        if self._failed is not None:
            return self._failed
        return None if self._active else REBUILDING

    @property
    def may_take(self) -> bool:
        """Whether leases in hand may be given out: not while the counters have lost their memory."""
        return self._active

    def second(self) -> int:
        """The second in which something counts that is taken now (Unix time)."""
        return int(self._clock())

    def start(self) -> None:
        """Begin to report, on the running loop."""
        self._task = asyncio.ensure_future(self._report_for_ever())

    def purse(self, account: str, kind: AccountKind, amount: int | None) -> Purse:
        """The purse of an account."""
        purse = self._purses.get(account)
        if purse is None:
            purse = self._purses[account] = Purse(account, kind, amount)
            self._kick.set()
        purse.amount = amount
        return purse

    def try_take(self, claims: Sequence[Claim], *, first: bool = False) -> bool:
        """Take all of the claims, or nothing. Nobody passes those who wait, except who comes `first`: see `take`."""
        if not first:
            for claim in claims:
                if claim.purse.waiting:
                    return False
        return self._take_now(claims)

    def _take_now(self, claims: Sequence[Claim]) -> bool:
        if not self._active:
            return not claims
        for claim in claims:
            if not claim.purse.has(claim.need):
                return False
        now_s = self._clock()
        for claim in claims:
            claim.purse.take(claim.need, int(now_s))
            claim.purse.touched_s = now_s
            if claim.purse.free < claim.purse.like // 4:
                self._kick.set()  # ask for more before it is needed
        return True

    async def take(self, claims: Sequence[Claim], *, first: bool = False, party: str = "", weight: float = 1.0) -> None:
        """Take all of the claims, waiting for them as long as they allow. Raises NotGranted or CountersUnreachable.

        Who holds something already that others wait for comes `first`: behind them it would wait for itself. Others take turns
        by `party` and its weight: one with many requests does not keep another one waiting.
        """
        if self.try_take(claims, first=first):
            return
        waiter = _Waiter(claims, time.monotonic(), self._turns.next(party, first=first, weight=weight))
        insort(self._waiters, waiter, key=lambda one: one.turn)
        for claim in claims:
            claim.purse.waiting += 1
            claim.purse.like = max(claim.purse.like, _CHUNK * claim.need)
        self._kick.set()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled() and waiter.granted.exception() is None:
                for claim in claims:
                    give_back(claim, int(self._clock()))
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            for claim in claims:
                claim.purse.waiting -= 1

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiters)

    def changed(self) -> None:
        """Something was settled: whoever waits may go on."""
        if self._waiters:
            self._serve_waiters()

    async def close(self) -> None:
        """Report once more, with everything returned; the journal is deleted if nothing is open and all was heard."""
        self._closing = True
        self._kick.set()
        if self._task is not None:
            await self._task  # a report under way is waited for: whether it was heard must be known
        done = False
        with contextlib.suppress(CountersUnreachable):
            if self._unanswered:
                raise CountersUnreachable("the last report was not answered")
            await self._report()
            done = not self._open()
            if done:
                await self._in_thread(lambda: self._counters.bury(self._journal.owner, {}, self._clock()))
        self._journal.close(delete=done)
        self._thread.shutdown()
        self._counters.close()

    async def _report_for_ever(self) -> None:
        while not self._closing:
            self._kick.clear()
            try:
                await self._report()
                self._failed = None
            except EpochMissing as error:
                if self._active:
                    log.warning("%s; nothing is granted until they are rebuilt", error.message)
                self._active, self._number = False, 0
            except CountersUnreachable as error:
                if self._failed is None:
                    log.error("%s", error.message)
                self._failed = error.message
            except Exception:  # without this task nobody would ever be let in again
                log.exception("a report to the shared counters failed by a defect of the gateway")
                self._failed = "a report to the shared counters failed by a defect of the gateway"
            self._serve_waiters()
            if not self._closing:
                await self._pause()

    async def _pause(self) -> None:
        if self._waiters or self._failed or not self._active:
            await asyncio.sleep(PATIENT_REPORT_S)
            return
        busy = any(purse.spent or purse.free for purse in self._purses.values())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPORT_S if busy else HEARTBEAT_S):
                await self._kick.wait()

    async def _report(self) -> None:
        report = self._introduction() if self._number == 0 else self._next_report()
        while True:
            try:
                reply = await self._in_thread(lambda: self._counters.report(report, self._clock()))
                break
            except EpochMissing:
                self._take_back(report)
                raise
            except CountersUnreachable as error:
                if self._closing:
                    self._unanswered = True
                    raise
                if self._failed is None:
                    log.error("%s", error.message)
                self._failed = error.message
                self._serve_waiters()
                await asyncio.sleep(HEARTBEAT_S)
        self._apply(report, reply)

    def _introduction(self) -> Report:
        """All that was spent lies in the spool already, and is added up from there: only leases are said."""
        if self._journal.is_full:
            self._journal.rotate(self._open())
        moves: list[Move] = []
        for purse in self._purses.values():
            purse.spent.clear()
            purse.returned = 0
            if purse.kind == "window":
                purse.free = 0
            lease = purse.free + purse.taken
            if lease and purse.amount is not None:
                moves.append(Move(purse.account, purse.kind, purse.amount, returned=-lease))
        ids = tuple(reserved.id for reserved in self._open())
        return Report(
            self._journal.owner, 1, self._journal.path.name, self._journal.offset, moves=tuple(moves), open=ids
        )

    def _next_report(self) -> Report:
        if self._journal.is_full:
            self._journal.rotate(self._open())
        now_s = self._clock()
        needs: dict[str, int] = {}
        for waiter in self._waiters:
            for claim in waiter.lacking():
                needs.setdefault(claim.purse.account, claim.need)
        moves: list[Move] = []
        for account, purse in list(self._purses.items()):
            move = move_of(purse, needs.get(account, 0), now_s, closing=self._closing)
            if move is not None:
                moves.append(move)
            elif now_s - purse.touched_s > FORGOTTEN_AFTER_S and not (purse.taken or purse.waiting or purse.free):
                del self._purses[account]
        journal = self._journal
        return Report(journal.owner, self._number + 1, journal.path.name, journal.offset, self._epoch, tuple(moves))

    def _apply(self, report: Report, reply: Reply) -> None:
        if reply.active and not self._active:
            for waiter in self._waiters:  # until now nobody could have been served
                waiter.since_s = time.monotonic()
        self._number, self._epoch, self._active, self._failed = report.number, reply.epoch, reply.active, None
        self._journal.acknowledge(report.journal)
        fits: dict[str, float] = {}
        for move, standing in zip(report.moves, reply.standings, strict=True):
            purse = self._purses[move.account]
            purse.free += standing.granted
            purse.telling = 0
            purse.used, purse.leased, purse.wanted = standing.used, standing.leased, standing.wanted
            purse.heard = reply.active
            if standing.granted:
                purse.touched_s = self._clock()
            elif move.need:
                fits[move.account] = standing.fits_s
        self._serve_waiters(fits)

    def _take_back(self, report: Report) -> None:
        """It was not taken: what it said is said again by the next one."""
        if report.number == 1:
            return
        for move in report.moves:
            purse = self._purses[move.account]
            gone = sum(amount for _, amount in move.spent) if purse.kind != "slots" and purse.amount is not None else 0
            purse.free += max(0, move.returned - gone)
            purse.returned += min(move.returned, gone)
            purse.telling = 0
            for second, amount in move.spent:
                purse.spend(amount, second)

    def _serve_waiters(self, fits: dict[str, float] | None = None) -> None:
        """Let go on whoever can, each in turn; tell whoever never will."""
        now_s = time.monotonic()
        blocked: set[str] = set()
        for waiter in list(self._waiters):
            if waiter.granted.done():
                continue
            lacking = waiter.lacking()
            passes = lacking or any(claim.purse.account in blocked for claim in waiter.claims)
            if not passes and self._take_now(waiter.claims):
                self._waiters.remove(waiter)
                self._turns.served(waiter.turn)
                waiter.granted.set_result(None)
                continue
            blocked.update(claim.purse.account for claim in lacking)
            refusal = self._refusal(waiter, lacking, now_s, fits or {})
            if refusal is not None:
                self._waiters.remove(waiter)
                waiter.granted.set_exception(refusal)

    def _refusal(
        self, waiter: _Waiter, lacking: Sequence[Claim], now_s: float, fits: dict[str, float]
    ) -> Exception | None:
        waited_s = now_s - waiter.since_s
        if self._failed is not None and (lacking or not self._active):
            return CountersUnreachable(self._failed)
        for claim in lacking:
            purse = claim.purse
            if purse.kind == "money" and self._active and purse.heard and claim.need > purse.left:
                return NotGranted(claim, float("inf"))
            fits_s = fits.get(purse.account, 0.0)
            if fits_s > max(0.0, claim.wait_s - waited_s):
                return NotGranted(claim, fits_s)
        if not self._active:
            longest_s = max((REBUILT_WITHIN_S, *(claim.wait_s for claim in waiter.claims)))
            return EpochMissing(REBUILDING) if waited_s >= longest_s else None
        late = next((claim for claim in lacking if waited_s >= claim.wait_s), None)
        return None if late is None else NotGranted(late, None)

    async def _in_thread(self, call: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)
