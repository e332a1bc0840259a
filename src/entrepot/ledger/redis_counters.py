"""Shared counters in Redis or Valkey, for the processes of any number of machines.

Rules of this file: no arithmetic, which is in `redis_scripts.py`. Every error of the library becomes CountersUnreachable, which
names the server and never its password. The clocks of the machines are expected to agree within a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from urllib.parse import urlsplit

import redis

from entrepot.errors import CountersUnreachable, EpochMissing, SettingsError
from entrepot.ledger.counters import (
    WANT_LASTS_S,
    WINDOW_S,
    AccountState,
    Epoch,
    Owner,
    Reply,
    Report,
    Standing,
)
from entrepot.ledger.redis_scripts import ACTIVATE, BEGIN, BURY, EPOCH, REPORT

PREFIX = "{entrepot}:"
_TIMEOUT_S = 2.0
_FIELDS = 5
_WHY = {
    "none": "the shared counters have no epoch",
    "another": "the shared counters have begun a new epoch",
    "forgotten": "the shared counters have forgotten what they acknowledged",
}


class RedisCounters:
    """The counters under one prefix of one server."""

    def __init__(self, client: redis.Redis, where: str, prefix: str = PREFIX) -> None:
        self._client = client
        self._where = where
        self._prefix = prefix
        self._report = client.register_script(REPORT)
        self._bury = client.register_script(BURY)
        self._epoch = client.register_script(EPOCH)
        self._begin = client.register_script(BEGIN)
        self._activate = client.register_script(ACTIVATE)

    def report(self, report: Report, now_s: float) -> Reply:
        """See Counters."""
        arguments: list[str | int | float] = [
            report.owner,
            report.number,
            report.epoch,
            report.journal,
            report.offset,
            " ".join(report.open),
            f"{now_s:.6f}",
            WINDOW_S,
            WANT_LASTS_S,
            len(report.moves),
        ]
        for move in report.moves:
            amount = "" if move.amount is None else move.amount
            arguments += [move.account, move.kind, amount, move.returned, move.need, move.like, len(move.spent)]
            arguments += chain.from_iterable(move.spent)
        words = self._run(self._report, arguments).split(" ")
        if words[0] != "ok":
            raise EpochMissing(_WHY[words[0]])
        numbers = words[3:]
        standings = tuple(
            Standing(move.account, int(granted), int(used), int(leased), wanted == "1", float(fits_s))
            for move, (granted, used, leased, wanted, fits_s) in zip(
                report.moves,
                (numbers[at : at + _FIELDS] for at in range(0, len(numbers), _FIELDS)),
                strict=True,
            )
        )
        return Reply(words[1], words[2] == "1", standings)

    def bury(self, owner: str, spent: Mapping[str, int], now_s: float) -> bool:  # noqa: ARG002 - wants end by themselves
        """See Counters."""
        answer = self._run(self._bury, [owner, *_flat(spent)])
        if answer == "none":
            raise EpochMissing(_WHY[answer])
        return answer == "1"

    def owners(self) -> tuple[Owner, ...]:
        """See Counters."""
        found: list[Owner] = []
        with self._asking() as client:
            for name in sorted(_texts(client.smembers(self._prefix + "owners"))):
                fields = _texts(client.hmget(f"{self._prefix}owner:{name}", ["journal", "offset", "open"]))
                found.append(Owner(name, fields[0], int(fields[1] or 0), tuple(fields[2].split())))
        return tuple(found)

    def states(self, now_s: float, accounts: Sequence[str] | None = None) -> tuple[AccountState, ...]:
        """See Counters."""
        states: list[AccountState] = []
        with self._asking() as client:
            wanted = sorted(_texts(client.smembers(self._prefix + "accounts"))) if accounts is None else accounts
            for account in wanted:
                spent = _pairs(client.hgetall(f"{self._prefix}spent:{account}"))
                used = sum(
                    amount for second, amount in spent.items() if second == "0" or int(second) >= int(now_s) - WINDOW_S
                )
                leases = _pairs(client.hgetall(f"{self._prefix}leases:{account}"))
                if accounts is not None or used or leases:
                    states.append(AccountState(account, used, sum(leases.values()), leases))
        return tuple(states)

    def epoch(self) -> Epoch | None:
        """See Counters."""
        name, _, active = self._run(self._epoch, []).partition(" ")
        return Epoch(name, active == "1") if name else None

    def begin(self, name: str, instead_of: str = "") -> bool:
        """See Counters."""
        return self._run(self._begin, [name, instead_of]) == "1"

    def activate(self, name: str, part: str, used: Mapping[str, int], parts: int = 1) -> None:
        """See Counters."""
        self._run(self._activate, [name, part, parts, *_flat(used)])

    def note_once(self, mark: str) -> bool:
        """See Counters."""
        with self._asking() as client:
            return bool(client.sadd(self._prefix + "marks", mark))

    def close(self) -> None:
        """See Counters."""
        self._client.close()

    def _run(self, script: redis.commands.core.Script, arguments: Sequence[str | int | float]) -> str:
        with self._asking():
            answer = script(keys=[self._prefix], args=list(arguments))
        return answer.decode() if isinstance(answer, bytes) else str(answer)

    @contextmanager
    def _asking(self) -> Iterator[redis.Redis]:
        try:
            yield self._client
        except redis.RedisError as error:
            raise CountersUnreachable(
                f"the shared counters at {self._where} do not answer: {type(error).__name__}"
            ) from error


def open_redis_counters(url: str, prefix: str = PREFIX) -> RedisCounters:
    """The counters of a server; it is connected to at the first use. Raises SettingsError for a wrong URL."""
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, health_check_interval=0
        )
    except ValueError:
        raise SettingsError(
            "[counters] redis: not an address like redis://host:6379/0 (it is not repeated here)"
        ) from None
    split = urlsplit(url)
    return RedisCounters(client, split.hostname or split.path, prefix)


_NO_VALUES = (
    "the counters' server answered something else than was asked for: [counters] redis names a Redis or a Valkey"
)


def _flat(amounts: Mapping[str, int]) -> list[str | int | float]:
    return [word for pair in amounts.items() for word in pair]


def _texts(values: object) -> list[str]:
    if not isinstance(values, set | list):
        raise CountersUnreachable(_NO_VALUES)
    return [value.decode() if isinstance(value, bytes) else "" for value in values]


def _pairs(values: object) -> dict[str, int]:
    if not isinstance(values, dict):
        raise CountersUnreachable(_NO_VALUES)
    return {name.decode(): int(amount) for name, amount in values.items()}
