"""When a provider says that it may be asked again, in all the spellings that providers have for it. Seconds.

Rules of this file: the most exact word comes first: milliseconds, then `Retry-After` (seconds, a fraction, or an HTTP date), then
Google's RetryInfo in the body, then when the limit that is used up is reset, then the message's own words.
"""

from __future__ import annotations

import datetime
import email.utils
import re
from collections.abc import Iterator, Mapping
from typing import Any

_MOST_S = 1e9
_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")
# When it is reset and what is left: OpenAI's names and those who follow it, then Anthropic's.
_PAIRS = tuple(
    pair
    for limit in (name.encode() for name in _LIMITS)
    for pair in (
        (b"x-ratelimit-reset-" + limit, b"x-ratelimit-remaining-" + limit),
        (b"anthropic-ratelimit-" + limit + b"-reset", b"anthropic-ratelimit-" + limit + b"-remaining"),
    )
)
_RESTS = frozenset(rest for _, rest in _PAIRS)
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PARTS.pattern})+")
_SECONDS_OF = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT = re.compile(
    r"(\d+(?:\.\d+)?)\s*(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)\s*", re.IGNORECASE
)
_IN_WORDS = re.compile(
    rf"(?:try again in|retry after|retry in|wait)\s+(?P<english>(?:{_AMOUNT.pattern})+)"
    r"|(?P<chinese>\d+(?:\.\d+)?)\s*秒钟?之?后",
    re.IGNORECASE,
)


def in_headers(headers: Mapping[bytes, bytes], now_s: float | None) -> float | None:
    """What the headers say outright. `now_s` (Unix seconds) resolves a date; without it a date is not used."""
    for name in (b"retry-after-ms", b"x-ms-retry-after-ms"):
        if (given := _number(_text(headers, name))) is not None:
            return given / 1000
    plain = _text(headers, b"retry-after")
    if plain is None:
        return None
    if (given := _number(plain)) is not None:
        return given
    return _until(plain, now_s)


def of_reset(headers: Mapping[bytes, bytes], now_s: float | None) -> float | None:
    """When the limits that are used up are reset; where none is said to be used up, the earliest that is reset."""
    gone: list[float] = []
    others: list[float] = []
    for reset, rest in _PAIRS:
        wait_s = _reset(_text(headers, reset), now_s)
        if wait_s is not None:
            remaining = _number(_text(headers, rest))
            (gone if remaining is not None and remaining < 1 else others).append(wait_s)
    if gone:
        return max(gone)
    if others:
        return min(others)
    return _reset(_text(headers, b"x-ratelimit-reset"), now_s)


def used_up(headers: Mapping[bytes, bytes], now_s: float | None) -> float | None:
    """When the limits are reset that an answer says it has used up; None where it says so of none."""
    if _RESTS.isdisjoint(headers):
        return None
    waits: list[float] = []
    for reset, rest in _PAIRS:
        if rest in headers and _number(_text(headers, rest)) == 0.0:
            wait_s = _reset(_text(headers, reset), now_s)
            if wait_s is not None:
                waits.append(wait_s)
    return max(waits, default=None)


def in_body(value: object) -> float | None:
    """google.rpc.RetryInfo (`"37s"`, or seconds and nanoseconds), or a `retry_after` beside the message."""
    for error in _objects(value):
        for detail in error.get("details") or () if isinstance(error.get("details"), list) else ():
            if isinstance(detail, dict) and (wait_s := _delay(detail.get("retryDelay"))) is not None:
                return wait_s
        for name in ("retry_after", "retry_after_seconds", "retryAfter"):
            given = error.get(name)
            if isinstance(given, int | float | str) and (wait_s := _number(str(given))) is not None:
                return wait_s
    return None


def in_words(message: str) -> float | None:
    """What a message says: `Please try again in 1m2.5s`, `请在 20 秒后重试`."""
    found = _IN_WORDS.search(message)
    if found is None:
        return None
    if found["chinese"] is not None:
        return _number(found["chinese"])
    total = 0.0
    for amount, unit in _AMOUNT.findall(found["english"]):
        name = unit.lower()
        total += float(amount) * _SECONDS_OF["ms" if name.startswith(("ms", "milli")) else name[0]]
    return total if total < _MOST_S else None


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """An error, and what it is wrapped in."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        yield value
        for name in ("error", "metadata"):
            yield from _objects(value.get(name))


def _delay(given: object) -> float | None:
    if isinstance(given, str):
        return _duration(given)
    if isinstance(given, dict):
        seconds, nanos = _number(str(given.get("seconds", 0))), _number(str(given.get("nanos", 0)))
        return None if seconds is None or nanos is None else seconds + nanos / 1e9
    return None


def _reset(given: str | None, now_s: float | None) -> float | None:
    """A duration (`6m0s`), seconds, a date (RFC 3339 or HTTP), or a Unix time in seconds or milliseconds."""
    if given is None:
        return None
    number = _number(given, most=1e14)
    if number is None:
        return _duration(given) if _DURATION.fullmatch(given) else _until(given, now_s)
    if number < 1e8:
        return number
    return None if now_s is None else max(0.0, (number / 1000 if number > 1e11 else number) - now_s)


def _duration(given: str) -> float | None:
    if _DURATION.fullmatch(given) is None:
        return None
    total = sum(float(amount) * _SECONDS_OF[unit] for amount, unit in _PARTS.findall(given))
    return total if total < _MOST_S else None


def _until(given: str, now_s: float | None) -> float | None:
    if now_s is None:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(given)
    except ValueError:
        try:
            moment = datetime.datetime.fromisoformat(given)
        except ValueError:
            return None
    try:
        return max(0.0, moment.timestamp() - now_s)
    except (OverflowError, ValueError):
        return None


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1").strip()


def _number(value: str | None, most: float = _MOST_S) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < most else None
