"""What the `x-entrepot-*` headers of a request ask for, beside what `inspection.py` reads there for rules."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from entrepot.errors import InvalidRequest
from entrepot.exchange.steering import UNSTEERED, Steering

MOST_TAGS = 32
_NAMES = frozenset({b"x-entrepot-tags", b"x-entrepot-quality", b"x-entrepot-max-cost-usd", b"x-entrepot-session"})


def steering_of(headers: Mapping[bytes, bytes]) -> Steering:
    """What the `x-entrepot-*` request headers ask for. Raises InvalidRequest naming the header."""
    if headers.keys().isdisjoint(_NAMES):
        return UNSTEERED
    named = _tags(headers.get(b"x-entrepot-tags", b""))
    if len(named) > MOST_TAGS:
        raise InvalidRequest(
            f"x-entrepot-tags names {len(named)} tags; the limit is {MOST_TAGS}", param="x-entrepot-tags"
        )
    return Steering(
        max_loss=_fraction(headers, b"x-entrepot-quality", 1.0),
        max_cost_usd=_fraction(headers, b"x-entrepot-max-cost-usd", 1e6),
        tags=named,
        session=headers.get(b"x-entrepot-session", b"").decode("utf-8", "replace") or None,
    )


def may_store(headers: Mapping[bytes, bytes]) -> bool:
    """Whether what this request says may be kept: not where `x-entrepot-no-store` says so."""
    return headers.get(b"x-entrepot-no-store", b"false").strip().lower() in (b"", b"0", b"false", b"no")


def _tags(value: bytes) -> frozenset[str]:
    """Tags between commas, in UTF-8 or percent-encoded, because many HTTP clients send ASCII only.

    What cannot be read is refused: a tag that nobody recognizes would not narrow what it was sent to narrow.
    """
    try:
        words = [unquote(word, errors="strict").strip() for word in value.decode().split(",")]
    except UnicodeDecodeError:
        raise InvalidRequest(
            "x-entrepot-tags is not UTF-8: send it as such, or percent-encoded (%E5%AE%A2%E6%88%B7 is 客户)",
            param="x-entrepot-tags",
        ) from None
    if not all(word.isprintable() for word in words):
        raise InvalidRequest("x-entrepot-tags holds what cannot be printed", param="x-entrepot-tags")
    return frozenset(word for word in words if word)


def _fraction(headers: Mapping[bytes, bytes], name: bytes, top: float) -> float | None:
    given = headers.get(name)
    if given is None:
        return None
    try:
        number = float(given)
    except ValueError:
        number = -1.0
    if not 0 <= number <= top:
        header = name.decode()
        raise InvalidRequest(f"{header} must be a number between 0 and {top:g}", param=header)
    return number
