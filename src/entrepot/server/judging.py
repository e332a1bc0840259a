"""Models asked what an answer is worth, on live traffic: through the gateway's own front door, as a key of their own.

Rules of this file: a judge is asked what the rules let it read, and twice over: the deployment has to be one that the exchange
itself might have gone to (its principal, tags, data classes, place, route), and the judge's own call passes the gate, the limits
and the budget like any other, with the exchange's tags and data classes. What a judge is asked and says is held in memory
alone. Of a pair it knows no names, and sees both orders. No maker judges its own models alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from entrepot.canonical.request import Media, Message, Request, Text, ToolCall, ToolResult
from entrepot.catalog.schema import Deployment
from entrepot.exchange.grounds import circumstances_again
from entrepot.exchange.outcome import JUDGE_WEIGHT, PAIR, Outcome, outcome_id
from entrepot.exchange.outcome_plan import Judging
from entrepot.exchange.plan import Plan
from entrepot.exchange.planning import Planner
from entrepot.learning.judge import ask_judge, judges_of, read_verdict
from entrepot.learning.prompt_lines import PromptLine
from entrepot.policy.tags import fold_tag
from entrepot.server.http import Application
from entrepot.server.in_process import deliver, text_of
from entrepot.server.steering import MOST_TAGS

TAG = "judging"
"""The tag that judges' calls bear, beside those of the exchange."""
MOST_CHARS = 60_000
"""Of a question and its answers together. What is longer is not judged: a part of it would be judged for the whole."""
MOST_OUTPUT_TOKENS = 2000
"""Enough for a judge that reasons; it bounds what a call can cost, which a hard budget needs to know."""

Ask = Callable[[Mapping[str, Any], Sequence[tuple[bytes, bytes]]], Awaitable[str | None]]
"""Ask with the body of a chat request and further headers; what is answered, None if nothing is."""


class Case(msgspec.Struct, frozen=True, eq=False):
    """An answer before judges: its text, and the deployment that gave it.

    With `other`, the answer of `other_deployment` to the same request, the two are compared: the score is that of `answer`, one
    half where neither is better. Without, it is judged by the route's rubric. What is said is of the exchange `about`, by
    default of the plan's.
    """

    plan: Plan
    answer: str
    deployment: str
    other: str | None = None
    other_deployment: str | None = None
    about: str | None = None


class Jury:
    """Judges of the routes in `judging`, among `deployments`. `planner` is the one in force."""

    def __init__(
        self,
        judging: Mapping[str, Judging],
        deployments: Sequence[Deployment],
        planner: Callable[[], Planner],
        ask: Ask,
    ) -> None:
        self._judging = judging
        self._deployments = {one.id: one for one in deployments}
        self._planner = planner
        self._ask = ask

    async def judge(self, case: Case) -> list[Outcome]:
        """What each judge says of the answer; nothing where none may, can or does."""
        judging = self._judging.get(case.plan.route or "")
        judged = self._deployments.get(case.deployment)
        question = question_of(case.plan.asked.request)
        if judging is None or judged is None or question is None:
            return []
        if len(question) + len(case.answer) + len(case.other or "") > MOST_CHARS:
            return []
        other = None if case.other_deployment is None else self._deployments.get(case.other_deployment)
        judges = judges_of(judged, other, self._reachable(case.plan, judging))
        prompt = PromptLine(
            case.plan.id, ({"role": "user", "content": question},), 0, rubric=None if case.other else judging.rubric
        )
        scores = await asyncio.gather(*(self._score(case, prompt, judge) for judge in judges))
        said = [(judge, score) for judge, score in zip(judges, scores, strict=True) if score is not None]
        interested = {one.maker or one.model for one in (judged, other) if one is not None}
        makers = {judge.maker or judge.model for judge, _ in said}
        if len(makers) == 1 and makers <= interested:
            return []  # the others of the jury said nothing: this one would judge alone
        return [self._outcome(case, judge, score, len(said)) for judge, score in said]

    def _reachable(self, plan: Plan, judging: Judging) -> list[Deployment]:
        """The jurors that the rules would have let the exchange itself go to."""
        if plan.grounds is None:
            return []
        circumstances = circumstances_again(plan.grounds, plan.route, frozenset(plan.data_classes))
        planner = self._planner()
        return [
            self._deployments[id_]
            for id_ in judging.jury
            if id_ in self._deployments and planner.may_reach(id_, plan.principal, circumstances)
        ]

    async def _score(self, case: Case, prompt: PromptLine, judge: Deployment) -> float | None:
        """The mean of both orders; None where either has no verdict."""
        headers = headers_of(case.plan)
        scores = []
        for judgement in ask_judge(prompt, case.answer, case.other, judge.id, 0):
            body = {**judgement.body, "max_completion_tokens": MOST_OUTPUT_TOKENS}
            said = await self._ask(body, headers)
            score = None if said is None else read_verdict(said, keyed=case.other is None, swapped=judgement.swapped)
            if score is None:
                return None
            scores.append(score)
        return sum(scores) / len(scores)

    def _outcome(self, case: Case, judge: Deployment, score: float, jurors: int) -> Outcome:
        exchange, how = case.about or case.plan.id, "rubric" if case.other is None else PAIR
        id_ = outcome_id("judge", how, judge.id, exchange, case.other_deployment or "")
        weight = JUDGE_WEIGHT / jurors
        return Outcome(id_, exchange, time.time_ns(), "judge", judge.model, score, how, weight)


def headers_of(plan: Plan) -> list[tuple[bytes, bytes]]:
    """What a judge's call says of the exchange that it is about, so that every rule that held for that holds for it."""
    known = {fold_tag(tag) for tag in plan.principal.tags}
    tags = sorted(plan.principal.tags)
    if TAG not in known and len(tags) < MOST_TAGS:  # none of the exchange's gives way: each may narrow
        tags.append(TAG)
    headers = [(b"x-entrepot-tags", _words(tags)), (b"x-entrepot-no-store", b"1")]
    if plan.data_classes:
        headers.append((b"x-entrepot-data-class", _words(plan.data_classes)))
    if plan.client_region is not None:
        headers.append((b"x-entrepot-client-region", _words(plan.client_region.split())))
    return headers


def question_of(request: Request) -> str | None:
    """What was asked, as a judge reads it; None where part of it is no text. Instructions and earlier turns are named as such."""
    if any(isinstance(part, Media | ToolResult | ToolCall) for part in request.parts()):
        return None
    said = [message for message in request.messages if _text(message)]
    if len(said) == 1 and said[0].role == "user":
        return _text(said[0])
    return "\n\n".join(f"[{message.role}]\n{_text(message)}" for message in said) or None


def ask_as(gateway: Application, key: str) -> Ask:
    """Asks at this gateway's front door with the key's text."""

    async def ask(body: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]]) -> str | None:
        own = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
        return text_of(await deliver(gateway, [*own, *headers], msgspec.json.encode(body)))

    return ask


def _text(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, Text))


def _words(words: Sequence[str]) -> bytes:
    return ",".join(quote(word, safe="") for word in words).encode()
