"""An answer that was sent beside one that nobody waited for: which is the better, found out blind.

Rules of this file: what is said is an outcome of the shadow, with the label `pair`: 1 where its answer is better, 0 where the one
that was sent is, one half where neither. Answers that are the same, word for word, are equal, and no judge is asked. Of answers
that call tools nobody can say which is better before the tools have answered: it is written down whether the calls are the same
(`same_calls`, `other_calls`), without a score.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from entrepot.canonical.request import Refusal, Text, ToolCall
from entrepot.canonical.response import Choice
from entrepot.exchange.outcome import PAIR, Outcome, OutcomeSource, outcome_id
from entrepot.exchange.outcome_plan import SampledCheck
from entrepot.exchange.plan import Plan
from entrepot.routing.validator import Validator, Verdict
from entrepot.server.judging import Case

Checking = Callable[[Validator, str], Awaitable[Verdict]]
Judging = Callable[[Case], Awaitable[list[Outcome]]]
SAME, SAME_CALLS, OTHER_CALLS = "same answer", "same_calls", "other_calls"
WHOLE = ("stop", "unknown")


class Answered(msgspec.Struct, frozen=True, eq=False):
    """An answer and the deployment that gave it."""

    deployment: str
    choice: Choice

    @property
    def text(self) -> str:
        """What is read of it. A refusal is an answer."""
        return "".join(part.text for part in self.choice.parts if isinstance(part, Text | Refusal))

    @property
    def calls(self) -> list[tuple[str, object]]:
        """The tools that it calls, with what it gives them, in no order."""
        called = [part for part in self.choice.parts if isinstance(part, ToolCall)]
        return sorted(((part.name, _read(part.arguments)) for part in called), key=repr)

    @property
    def is_whole(self) -> bool:
        """Whether it came to its end by itself, and is no refusal."""
        refused = any(isinstance(part, Refusal) for part in self.choice.parts)
        return self.choice.finish_reason in WHOLE and not refused


class Pair(msgspec.Struct, frozen=True, eq=False):
    """Both answers to the request of `plan`; `shadow` is the id of the exchange that `beside` is the answer of."""

    plan: Plan
    sent: Answered
    shadow: str
    beside: Answered
    compare: Literal["judges", "checks"]
    checks: tuple[SampledCheck, ...] = ()


async def compare(pair: Pair, judge: Judging, check: Checking) -> list[Outcome]:
    """What is found of a pair; nothing where nobody could say anything. Raises OSError where a check cannot be started."""
    sent, beside = pair.sent, pair.beside
    if sent.calls or beside.calls:
        return [_outcome(pair, "check", "tool calls", None, SAME_CALLS if sent.calls == beside.calls else OTHER_CALLS)]
    if sent.text.strip() == beside.text.strip():
        return [_outcome(pair, "check", SAME, 0.5)]
    if pair.compare == "judges":
        about = Case(pair.plan, beside.text, beside.deployment, sent.text, sent.deployment, pair.shadow)
        return await judge(about)
    found = []
    for one in pair.checks:
        first, second = await _passes(one, beside, check), await _passes(one, sent, check)
        if first is not None and second is not None:
            found.append(_outcome(pair, "check", one.name, 0.5 + (first - second) / 2))
    return found


async def _passes(one: SampledCheck, answer: Answered, check: Checking) -> bool | None:
    """Whether an answer passes; None where that could not be found out."""
    if not answer.is_whole:
        return False
    verdict = await check(one.check, answer.text)
    return verdict.passed if verdict.conclusive else None


def _outcome(pair: Pair, source: OutcomeSource, who: str, score: float | None, label: str = PAIR) -> Outcome:
    id_ = outcome_id(source, PAIR, who, pair.shadow)
    return Outcome(id_, pair.shadow, time.time_ns(), source, who, score, label)


def _read(arguments: str) -> object:
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.MsgspecError, RecursionError):
        return arguments
