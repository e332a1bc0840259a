"""What an entry counts for.

Rules of this file: it runs once an exchange on the path of every answer, so a series is looked up once and its place remembered;
what is left is additions. Labels are what the operator configured and words of ours. An error's code may be a provider's word:
only so many are told apart.
"""

from __future__ import annotations

from bisect import bisect_left

from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.telemetry.families import (
    ADDED_SECONDS,
    ATTEMPTS,
    BASELINE,
    COMPARED,
    COST,
    ERRORS,
    EXCHANGE_SECONDS,
    EXCHANGES,
    FIRST_TOKEN_SECONDS,
    LOST,
    TOKENS,
    UNPRICED,
    Family,
)
from entrepot.telemetry.series import SeriesFile

MOST_CODES = 100
_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")
_Ending = tuple[str, str | None, str, int]


class Counts:
    """Counts entries into the file of this process."""

    def __init__(self, file: SeriesFile) -> None:
        self._file = file
        self._values = file.values
        self._endings: dict[_Ending, tuple[int, int]] = {}
        self._attempts: dict[tuple[str, str], tuple[int, ...]] = {}
        self._first_tokens: dict[str, int] = {}
        self._baselines: dict[str | None, tuple[int, int]] = {}
        self._errors: dict[str, int] = {}
        self._added = file.find(ADDED_SECONDS)
        self._lost = file.find(LOST)

    def count(self, entry: Entry) -> None:
        """Count one that was written down, or would have been."""
        values = self._values
        if entry.shadow is not None:  # nobody waited: it costs, and is no exchange of any client
            for attempt in entry.attempts:
                self._count_attempt(attempt)
            return
        ending = (entry.dialect, entry.route, entry.state, entry.status)
        ended, seconds = self._endings.get(ending) or self._find_ending(ending)
        values[ended] += 1
        self._observe(EXCHANGE_SECONDS, seconds, entry.duration_ms / 1000)
        self._observe(ADDED_SECONDS, self._added, entry.added_ms / 1000)
        if entry.first_token_ms is not None and entry.served is not None:
            deployment = entry.served.deployment
            place = self._first_tokens.get(deployment) or self._find_first_token(deployment)
            self._observe(FIRST_TOKEN_SECONDS, place, entry.first_token_ms / 1000)
        for attempt in entry.attempts:
            self._count_attempt(attempt)
        if entry.baseline is not None and entry.cost_nano_usd is not None:
            baseline, compared = self._baselines.get(entry.route) or self._find_baseline(entry.route)
            values[baseline] += entry.baseline.cost_nano_usd
            values[compared] += entry.cost_nano_usd

    def lose(self) -> None:
        """Count an entry that could not be written down."""
        self._values[self._lost] += 1

    def refuse(self, code: str) -> None:
        """Count an error that a client was answered with."""
        place = self._errors.get(code)
        if place is None:
            known = code if len(self._errors) < MOST_CODES else "other"
            place = self._errors[code] = self._file.find(ERRORS, known)
            if known != code:
                del self._errors[code]
        self._values[place] += 1

    def _count_attempt(self, attempt: AttemptRecord) -> None:
        values = self._values
        known = attempt.deployment, attempt.failure or ("answered" if attempt.answered else "left")
        places = self._attempts.get(known) or self._find_attempt(known)
        values[places[0]] += 1
        if attempt.cost_nano_usd is None:
            values[places[2]] += 1
        else:
            values[places[1]] += attempt.cost_nano_usd
        usage = attempt.usage
        if usage is not None:
            values[places[3]] += usage.input_tokens
            values[places[4]] += usage.cache_read_tokens
            values[places[5]] += usage.cache_write_tokens
            values[places[6]] += usage.output_tokens
            values[places[7]] += usage.reasoning_tokens

    def _observe(self, family: Family, place: int, seconds: float) -> None:
        buckets = family.buckets
        self._values[place + bisect_left(buckets, seconds)] += 1
        self._values[place + len(buckets) + 1] += seconds

    def _find_ending(self, ending: _Ending) -> tuple[int, int]:
        dialect, route, state, status = ending
        found = (
            self._file.find(EXCHANGES, dialect, route or "", state, str(status)),
            self._file.find(EXCHANGE_SECONDS, route or ""),
        )
        self._endings[ending] = found
        return found

    def _find_attempt(self, known: tuple[str, str]) -> tuple[int, ...]:
        deployment, outcome = known
        find = self._file.find
        found = (
            find(ATTEMPTS, deployment, outcome),
            find(COST, deployment),
            find(UNPRICED, deployment),
            *(find(TOKENS, deployment, kind) for kind in _KINDS),
        )
        self._attempts[known] = found
        return found

    def _find_first_token(self, deployment: str) -> int:
        place = self._first_tokens[deployment] = self._file.find(FIRST_TOKEN_SECONDS, deployment)
        return place

    def _find_baseline(self, route: str | None) -> tuple[int, int]:
        found = self._file.find(BASELINE, route or ""), self._file.find(COMPARED, route or "")
        self._baselines[route] = found
        return found
