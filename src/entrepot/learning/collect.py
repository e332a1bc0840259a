"""Each deployment asked each prompt: bounded, patient, within a sum, and written down as it comes.

Rules of this file: every call is an exchange like a client's (`asking.py`). What is answered is in the journal before
anything else is done with it, so that a run that was ended in any way goes on where it was. A call that fails is tried again a
few times, when the provider says; a prompt that stays without an answer is missing, not wrong.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from entrepot.learning.asking import Answer, Asker, Refused, Unanswered
from entrepot.learning.journal import Failed, Journal, Record

_PASSING = frozenset(
    {"rate_limit", "overloaded", "server_error", "connect", "timeout", "cut_off", "protocol", "rate_limit_exceeded"}
)
"""Kinds of failure (`canonical/stream.py`) that may not be there the next time, and our own limits."""


class Errand(msgspec.Struct, frozen=True, eq=False):
    """One call to be made: to `deployment`, about `prompt`. `asked` is the digest of the body.

    `estimate_nano_usd` is about what it will cost, None where the price is unknown. `note` makes the record of an answer.
    """

    prompt: str
    deployment: str
    body: Mapping[str, Any]
    asked: str
    estimate_nano_usd: int | None
    note: Callable[[Answer, str], Record]


class Trouble(msgspec.Struct, frozen=True):
    """Why a call brought no answer. `rule` names the rule that forbade it, where one did."""

    prompt: str
    deployment: str
    reason: str
    rule: str | None = None


class Progress(msgspec.Struct, frozen=True):
    """How far it is. Money in nano-dollars, with what earlier runs of the same journal spent."""

    done: int
    total: int
    troubled: int
    spent_nano_usd: int
    unpriced: int


class Patience(msgspec.Struct, frozen=True):
    """How often a call is made again, and how long is waited at most; after `give_up_after` failures in a row of one
    deployment it is not asked any more.
    """

    retries: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 120.0
    give_up_after: int = 5


class Purse:
    """What may be spent. A call is begun only if what it and those under way are expected to cost is still there."""

    def __init__(self, limit_nano_usd: int | None, records: Sequence[Record]) -> None:
        self._limit = limit_nano_usd
        self._reserved = 0
        self.spent_nano_usd = 0
        self.unpriced = 0
        for record in records:
            self.spend(record.cost_nano_usd)

    def reserve(self, nano_usd: int | None) -> bool:
        """Whether a call of this cost may begin; if so it is held until `release`."""
        wanted = nano_usd or 0
        if self._limit is not None and self.spent_nano_usd + self._reserved + wanted > self._limit:
            return False
        self._reserved += wanted
        return True

    def release(self, nano_usd: int | None) -> None:
        """The call is over."""
        self._reserved -= nano_usd or 0

    def spend(self, nano_usd: int | None) -> None:
        """What a call cost; None: unknown."""
        if nano_usd is None:
            self.unpriced += 1
        else:
            self.spent_nano_usd += nano_usd


class _Lane:
    """The calls of one deployment, which wait together when it says so."""

    def __init__(self, errands: Sequence[Errand]) -> None:
        self.waiting = deque(errands)
        self.resume_at_s = 0.0
        self.failed_in_a_row = 0

    async def pause(self) -> None:
        """Until the deployment may be asked again."""
        while (left_s := self.resume_at_s - time.monotonic()) > 0:  # noqa: ASYNC110 - time passes without an event
            await asyncio.sleep(left_s)

    def wait(self, seconds: float) -> None:
        """Ask it nothing for so long."""
        self.resume_at_s = max(self.resume_at_s, time.monotonic() + seconds)


class Collector:
    """Runs errands. `troubles` are those that brought nothing, `out_of_money` says that the purse ended it."""

    def __init__(
        self,
        asker: Asker,
        journal: Journal,
        purse: Purse,
        *,
        concurrency: int,
        patience: Patience,
        told: Callable[[Progress], None],
        seed: int = 0,
    ) -> None:
        self._asker = asker
        self._journal = journal
        self._purse = purse
        self._concurrency = concurrency
        self._patience = patience
        self._told = told
        self._chance = random.Random(seed)  # noqa: S311 - spreads waits, keeps no secret
        self._done = 0
        self._total = 0
        self.troubles: list[Trouble] = []
        self.out_of_money = False

    async def run(self, errands: Sequence[Errand]) -> None:
        """Make every call, at most `concurrency` to one deployment at once. Raises OSError if nothing can be written down."""
        self._done, self._total = 0, len(errands)
        lanes: dict[str, list[Errand]] = {}
        for errand in errands:
            lanes.setdefault(errand.deployment, []).append(errand)
        self._tell()
        workers = []
        for of_one in lanes.values():
            lane = _Lane(of_one)
            workers += [asyncio.ensure_future(self._work(lane)) for _ in range(min(self._concurrency, len(of_one)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, lane: _Lane) -> None:
        while lane.waiting and not self.out_of_money:
            errand = lane.waiting.popleft()
            if not self._purse.reserve(errand.estimate_nano_usd):
                self.out_of_money = True
                return
            try:
                trouble = await self._perform(errand, lane)
            finally:
                self._purse.release(errand.estimate_nano_usd)
            self._done += 1
            if trouble is not None:
                self.troubles.append(trouble)
                self._give_up(lane, trouble)
            self._tell()

    async def _perform(self, errand: Errand, lane: _Lane) -> Trouble | None:
        """Ask until there is an answer or no sense in asking again."""
        for turn in range(1 + self._patience.retries):
            await lane.pause()
            reply = await self._asker.ask(errand.body)
            self._purse.spend(reply.entry.cost_nano_usd)
            if isinstance(reply, Answer):
                self._journal.append(errand.note(reply, _date_of(reply)))
                lane.failed_in_a_row = 0
                return None
            if isinstance(reply, Refused):
                trouble = Trouble(errand.prompt, errand.deployment, reply.reason, reply.rule)
            else:
                self._journal.append(_failed(errand, reply))
                trouble = Trouble(errand.prompt, errand.deployment, reply.reason)
            wait_s = self._wait_s(reply, turn)
            if wait_s is None:
                break
            lane.wait(wait_s)
            self._tell()
        if isinstance(reply, Unanswered):
            lane.failed_in_a_row += 1
        return trouble

    def _wait_s(self, reply: Unanswered | Refused, turn: int) -> float | None:
        """How long until the call is worth making again; None if it is not."""
        if turn == self._patience.retries or reply.code not in _PASSING:
            return None
        told_s = reply.retry_after_s
        if told_s is None:
            told_s = min(self._patience.longest_wait_s, self._patience.first_wait_s * 2.0**turn)
            return told_s * (0.5 + self._chance.random() / 2)
        return told_s if told_s <= self._patience.longest_wait_s else None

    def _give_up(self, lane: _Lane, trouble: Trouble) -> None:
        """A deployment that fails and fails is not asked the rest."""
        if lane.failed_in_a_row < self._patience.give_up_after:
            return
        reason = f"not asked: {trouble.deployment} failed {lane.failed_in_a_row} times in a row, last: {trouble.reason}"
        self._done += len(lane.waiting)
        self.troubles += [Trouble(errand.prompt, errand.deployment, reason) for errand in lane.waiting]
        lane.waiting.clear()

    def _tell(self) -> None:
        purse = self._purse
        self._told(Progress(self._done, self._total, len(self.troubles), purse.spent_nano_usd, purse.unpriced))


def digest_of(body: Mapping[str, Any]) -> str:
    """What names a request: the same for the same body."""
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()[:24]


def _failed(errand: Errand, reply: Unanswered) -> Failed:
    return Failed(
        errand.prompt,
        errand.deployment,
        errand.asked,
        reply.entry.id,
        _date_of(reply),
        reply.status,
        reply.code,
        reply.entry.cost_nano_usd,
    )


def _date_of(reply: Answer | Unanswered) -> str:
    """When it was asked, to the second."""
    return datetime.fromtimestamp(reply.entry.started_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
