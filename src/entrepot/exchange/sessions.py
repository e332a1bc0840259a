"""Sessions of an exchange: recognised before it is decided, remembered once it was answered.

Rules of this file: pure but for the memory, which is handed in. A session belongs to one principal, one end user where the
client names one, and one name that was asked for: nobody finds another's. What a provider has cached is what it said it had;
where its cache works by itself, all that it read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Protocol

import msgspec

from entrepot.canonical.request import Request
from entrepot.canonical.response import Usage
from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Deployment, PrefixCache
from entrepot.exchange.records import AttemptRecord, CheckResult
from entrepot.policy.rules import Principal
from entrepot.routing.continuity import Continuity
from entrepot.routing.conversation import Conversation, read_conversation
from entrepot.routing.session import MOST_REPEATS, REPEATED_WITHIN_S, Remembered, Session, Worth

LIFETIME_S = 300
"""For how long a provider of which the catalog says nothing is taken to keep a prefix that is not used."""
LONG_LIFETIME_S = 3600
"""For how long where the client pays for an hour."""
_LEAST_TOKENS = 1024


class SessionMemory(Protocol):
    """Where sessions are remembered. Lossy: what was kept may not be found again, what is found was kept."""

    def find(self, key: bytes) -> Remembered | None:
        """What was kept under these 16 bytes."""
        ...

    def keep(self, key: bytes, remembered: Remembered) -> None:
        """Keep it; does not raise."""
        ...


def recognise(
    request: Request,
    principal: Principal,
    name: str | None,
    memory: SessionMemory,
    candidates: Sequence[Deployment],
    at_s: float,
    wishes: tuple[float | None, ...] = (),
) -> Session:
    """The session that `request` belongs to, as far as it is known; `name` is what the client calls it, if it does.

    `wishes` are what it asks of the choice itself: the same request with others is no repetition.
    """
    conversation = read_conversation(request, repr(wishes))
    scope = repr((principal.key, request.user, request.model, name)).encode("utf-8", "surrogatepass")
    keys = [_key(scope, conversation.whole)]
    if name is not None:
        keys.append(_key(scope, b"by name"))
    found, repeats = _latest(conversation, scope, memory, at_s)
    if found is None and name is not None:
        found = memory.find(keys[1])
    session = Session(
        conversation, tuple(keys), at_s, found, repeats=repeats, readers=_readers(conversation, candidates)
    )
    return session if found is None else _with(session, found, candidates)


def _latest(
    conversation: Conversation, scope: bytes, memory: SessionMemory, at_s: float
) -> tuple[Remembered | None, int]:
    """What is remembered of this same request, or else of the turn before, and how often it was answered already.

    Of two the later counts: the same words may have been said in another conversation before.
    """
    own = memory.find(_key(scope, conversation.whole))
    older = (memory.find(_key(scope, parent)) for parent in conversation.parents)
    before = next((each for each in older if each is not None), None)
    if own is None or (before is not None and before.at_s > own.at_s):
        return before, 0
    again = own.asked == conversation.asked and at_s - own.at_s <= REPEATED_WITHIN_S
    repeats = own.repeats + 1 if again else 0
    if conversation.turns == 0 and not conversation.open and not 0 < repeats <= MOST_REPEATS:
        return None, repeats  # the same first words, but another request, or a program's that asks it on schedule
    return own, repeats


def _with(session: Session, found: Remembered, candidates: Sequence[Deployment]) -> Session:
    conversation = session.conversation
    warm = session.at_s - found.at_s <= (found.lifetime_s or LIFETIME_S)
    follows = any(_short(prefix) == found.prefix for prefix in (conversation.whole, *conversation.parents))
    return msgspec.structs.replace(
        session,
        held=next((each.id for each in candidates if mark_of(each.id) == found.deployment), None),
        warm=warm,
        cached_tokens=found.cached_tokens if warm and follows else 0,
    )


def _readers(conversation: Conversation, candidates: Sequence[Deployment]) -> frozenset[str]:
    """The candidates whose providers can read what the conversation's reasoning is sealed with."""
    if not conversation.bound_to:
        return frozenset()
    return frozenset(each.id for each in candidates if _reads(each) & conversation.bound_to)


def _reads(deployment: Deployment) -> frozenset[str]:
    if deployment.dialect == "bedrock-converse" and deployment.maker == "anthropic":
        return frozenset({"bedrock-converse", "anthropic-messages"})
    return frozenset({deployment.dialect})


def weigh_caches(
    session: Session, candidates: Sequence[Deployment], tariffs: Mapping[str, Tariff], input_tokens: int
) -> Session:
    """The session with what a cache is worth at each candidate, where anything may be cached at one."""
    if session.held is None or not session.warm:
        return session
    worth = {}
    for each in candidates:
        tariff = tariffs.get(each.id)
        if tariff is not None:
            cached = min(session.cached_tokens, input_tokens) if each.id == session.held else 0
            worth[each.id] = _worth(each.prefix_cache, tariff, cached, input_tokens, session)
    return msgspec.structs.replace(session, worth=worth)


def _worth(cache: PrefixCache | None, tariff: Tariff, cached: int, input_tokens: int, session: Session) -> Worth:
    full, read, write = tariff.usd_per_input_token(input_tokens, session.at_s)
    marked = session.conversation.marked
    writing = (input_tokens - cached) * (write - full) if marked else 0.0
    caches = input_tokens >= _least_tokens(cache) and (marked or _is_automatic(cache, full, read, write))
    return Worth(now_usd=cached * (full - read) - writing, later_usd=input_tokens * (full - read) if caches else 0.0)


def remember(
    session: Session,
    attempt: AttemptRecord,
    continuity: Continuity | None,
    tariff: Tariff | None,
    at_s: float,
    cache: PrefixCache | None = None,
    check: CheckResult | None = None,
    *,
    completed: bool,
    exchange: str = "",
) -> Remembered:
    """What is kept of a turn that `attempt` answered, at `at_s`. One that was broken off is no answer to be dissatisfied with.

    `check` is what the route's check found of the answer that was sent, None where none was made. `exchange` is its id.
    """
    found, conversation = session.found, session.conversation
    seen, failed = session.seen_failing, 0 if found is None else found.failed
    escalated = continuity is not None and continuity.verdict == "escalated"
    forgiven = seen if escalated else min(seen, 0 if found is None else found.forgiven)
    if check == "passed":
        failed, forgiven = 0, min(forgiven, seen - failed)
    elif check == "failed":
        failed += 1
    usage = attempt.usage or Usage()
    return Remembered(
        deployment=mark_of(attempt.deployment),
        prefix=_short(conversation.whole),
        asked=conversation.asked if completed else 0,
        at_s=at_s,
        cached_tokens=_cached_tokens(usage, tariff, at_s, cache),
        lifetime_s=LONG_LIFETIME_S
        if usage.cache_write_1h_tokens
        else LIFETIME_S
        if cache is None
        else cache.lifetime_s,
        seed=session.seed,
        repeats=session.repeats,
        forgiven=forgiven,
        escalated=escalated or (found is not None and found.escalated),
        failed=failed,
        exchange=bytes_of(exchange),
        trial=session.trial,
    )


def bytes_of(exchange: str) -> bytes:
    """The 16 bytes of an exchange's id, none where it is no UUID."""
    try:
        return bytes.fromhex(exchange.replace("-", ""))[:16]
    except ValueError:
        return b""


def exchange_before(session: Session) -> str | None:
    """The id of the exchange that answered this same request before, or the turn before it; None where that is not known.

    What is known of a conversation by the name that its client gives it alone may be of any turn.
    """
    found = session.found
    if found is None or len(found.exchange) != 16:
        return None
    conversation = session.conversation
    if not session.repeats and found.prefix not in map(_short, conversation.parents):
        return None
    text = found.exchange.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _cached_tokens(usage: Usage, tariff: Tariff | None, at_s: float, cache: PrefixCache | None) -> int:
    said = usage.cache_read_tokens + usage.cache_write_tokens
    if tariff is None or usage.all_input < _least_tokens(cache):
        return said
    full, read, write = tariff.usd_per_input_token(usage.all_input, at_s)
    return max(said, usage.all_input) if _is_automatic(cache, full, read, write) else said


def _least_tokens(cache: PrefixCache | None) -> int:
    return _LEAST_TOKENS if cache is None else cache.least_tokens


def _is_automatic(cache: PrefixCache | None, full: float, read: float, write: float) -> bool:
    """Whether every prompt is cached. Where nobody said, a price for reading tells of a cache, and one for writing of marks."""
    return read < full and (write <= full if cache is None else cache.automatic)


@lru_cache(maxsize=4096)
def mark_of(id: str) -> int:
    """64 bits that stand for an id."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big")


def _key(scope: bytes, fingerprint: bytes) -> bytes:
    return hashlib.sha256(b"%d %b%b" % (len(scope), scope, fingerprint)).digest()[:16]


def _short(fingerprint: bytes) -> int:
    return int.from_bytes(fingerprint[:4], "big")
