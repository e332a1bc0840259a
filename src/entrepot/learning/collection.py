"""A collection from prompts to outcomes: what there is to ask, what it will cost, the asking, the grades, the rows.

Rules of this file: it asks nobody itself (`collect.py` does) and writes no file but the journal. What the rules forbid is found
before the first call, and told with the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from entrepot.canonical.request import Request
from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Deployment
from entrepot.dialects.logprobs import gives_logprobs
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.errors import DataError, InvalidRequest
from entrepot.exchange.refusing import Refusal
from entrepot.learning.asking import Answer, Asker
from entrepot.learning.collect import Collector, Errand, Trouble, digest_of
from entrepot.learning.grade import extract
from entrepot.learning.grading import Grade, How, errands_of, grade_all, grade_by_judges, questions_of
from entrepot.learning.journal import Answered, Journal, Judged
from entrepot.learning.judge import VERDICT_TOKENS, is_keyed, judges_of
from entrepot.learning.outcome_rows import OutcomeRow, PriceRow, PromptRow
from entrepot.learning.prompt_lines import PromptLine
from entrepot.routing.base import BoundRouter, Prompt
from entrepot.routing.features import prompt_of


class Intent(msgspec.Struct, frozen=True, eq=False):
    """What is to be collected. `reference` is needed where judges compare with its answers.

    What stand-ins answered (`simulated`) is never taken for what a deployment answered.
    """

    prompts: tuple[PromptLine, ...]
    deployments: tuple[Deployment, ...]
    how: How
    judges: tuple[Deployment, ...] = ()
    reference: Deployment | None = None
    max_output_tokens: int | None = None
    seed: int = 0
    simulated: bool = False


class Forecast(msgspec.Struct, frozen=True, eq=False):
    """Prices and lengths before the calls. `tariffs` by deployment; `router` is bound to the models of all deployments."""

    tariffs: Mapping[str, Tariff]
    router: BoundRouter
    at_s: float

    def cost_nano_usd(self, deployment: Deployment, input_tokens: int, output_tokens: float) -> int | None:
        """About what such a call costs."""
        tariff = self.tariffs.get(deployment.id)
        if tariff is None:
            return None
        per_input, per_output = tariff.usd_per_token(input_tokens, self.at_s)
        return round(1e9 * (input_tokens * per_input + output_tokens * per_output))


class Agenda(msgspec.Struct, frozen=True, eq=False):
    """What is left to ask, what was answered before, and what the rules forbid. `views` is what a router sees, by prompt."""

    errands: tuple[Errand, ...]
    answered: tuple[Answered, ...]
    forbidden: tuple[Trouble, ...]
    views: Mapping[str, Prompt]
    judging_nano_usd: int

    @property
    def estimate_nano_usd(self) -> int:
        """About what all calls left will cost, as far as prices are known."""
        return sum(errand.estimate_nano_usd or 0 for errand in self.errands) + self.judging_nano_usd

    @property
    def unpriced(self) -> int:
        """How many calls are of unknown price."""
        return sum(errand.estimate_nano_usd is None for errand in self.errands)


def draw_up(intent: Intent, journal: Journal, asker: Asker, forecast: Forecast, file: str) -> Agenda:
    """What there is to do. Raises DataError where a prompt is no chat request."""
    known = {(r.prompt, r.deployment, r.asked): r for r in journal.records if isinstance(r, Answered)}
    errands, answered, forbidden = [], [], []
    views: dict[str, Prompt] = {}
    judging = 0.0
    for prompt in intent.prompts:
        request = _request(prompt, file)
        views[prompt.id] = view = prompt_of(request)
        estimates = forecast.router.predict(view)
        lengths = dict(zip(estimates.models, estimates.output_tokens.tolist(), strict=True))
        for deployment in intent.deployments:
            body = _body(prompt, deployment.id, intent.max_output_tokens)
            asked = ("simulated-" if intent.simulated else "") + digest_of(body)
            if gives_logprobs(
                deployment.dialect, deployment.capabilities
            ):  # the same question: what was answered stands
                body = {**body, "logprobs": True}
            length = min(lengths[deployment.model], intent.max_output_tokens or float("inf"))
            judging += _judging(intent, prompt, deployment, view.input_tokens, length, forecast)
            if (record := known.get((prompt.id, deployment.id, asked))) is not None:
                answered.append(record)
                continue
            considered = asker.consider(body)
            if isinstance(considered, Refusal):
                error = considered.error
                forbidden.append(Trouble(prompt.id, deployment.id, error.message, getattr(error, "rule", None)))
                continue
            cost = forecast.cost_nano_usd(deployment, considered.input_tokens, length)
            errands.append(
                Errand(prompt.id, deployment.id, body, asked, cost, _noting(prompt.id, deployment.id, asked))
            )
    return Agenda(tuple(errands), tuple(answered), tuple(forbidden), views, round(judging))


class Collected(msgspec.Struct, frozen=True, eq=False):
    """What came of it. `troubles` say why what is missing is missing."""

    rows: tuple[OutcomeRow, ...]
    troubles: tuple[Trouble, ...]
    judging_nano_usd: int
    out_of_money: bool


async def collect(
    intent: Intent, agenda: Agenda, journal: Journal, collector: Collector, forecast: Forecast, name: str
) -> Collected:
    """Ask, grade, and tell in rows; `name` is what the rows call their benchmark. Raises OSError if the journal cannot grow."""
    await collector.run(agenda.errands)
    wanted = {(errand.prompt, errand.deployment, errand.asked) for errand in agenda.errands}
    answers = [*agenda.answered]
    answers += [r for r in journal.records if isinstance(r, Answered) and (r.prompt, r.deployment, r.asked) in wanted]
    prompts = {prompt.id: prompt for prompt in intent.prompts}
    if intent.how == "judge":
        grades, troubles = await _judge(intent, prompts, answers, agenda, journal, collector, forecast)
    else:
        grades, troubles = await grade_all(prompts, answers, intent.how)
    judged = [record for record in journal.records if isinstance(record, Judged)]
    models = {deployment.id: deployment.model for deployment in intent.deployments}
    return Collected(
        tuple(
            _row(answer, models[answer.deployment], grade, name)
            for answer in answers
            if (grade := grades.get((answer.prompt, answer.deployment)))
        ),
        (*agenda.forbidden, *collector.troubles, *troubles),
        sum(record.cost_nano_usd or 0 for record in judged),
        collector.out_of_money,
    )


def prompt_rows(intent: Intent, views: Mapping[str, Prompt], name: str) -> list[PromptRow]:
    """The prompts as `train` and `evaluate` read them: what a router sees of each."""
    return [
        PromptRow(
            prompt_id=prompt.id,
            benchmark=name,
            category=prompt.kind,
            language=prompt.language,
            prompt=views[prompt.id].text,
            reference=key_text(prompt),
            input_tokens=views[prompt.id].input_tokens,
        )
        for prompt in intent.prompts
    ]


def price_rows(rows: Sequence[OutcomeRow], views: Mapping[str, Prompt], forecast: Forecast) -> list[PriceRow]:
    """Prices by model at which the files' tokens add up to what was billed: list prices times one factor for each model.

    The factor holds what a list price does not: another tokenizer, cache reads, hours, reasoning of another price. A model
    with an answer of unknown cost is left out. Raises DataError where two deployments are of one model.
    """
    found: dict[str, PriceRow] = {}
    for deployment in dict.fromkeys(row.deployment for row in rows):
        mine = [row for row in rows if row.deployment == deployment]
        tariff = forecast.tariffs.get(deployment)
        costs = [row.cost_usd for row in mine if row.cost_usd is not None]
        if tariff is None or len(costs) < len(mine):
            continue
        model = mine[0].model
        if model in found:
            raise DataError(
                f"{deployment} and {found[model].deployment} are of one model, and a price file has one row for it"
            )
        per_input, per_output = tariff.usd_per_token(0, forecast.at_s)
        listed = sum(views[row.prompt_id].input_tokens * per_input + row.output_tokens * per_output for row in mine)
        factor = sum(costs) / listed if listed else 1.0
        read, written = (f"{1e6 * factor * price:.6f}" for price in (per_input, per_output))
        found[model] = PriceRow(model, read, written, deployment, len(mine))
    return list(found.values())


async def _judge(
    intent: Intent,
    prompts: Mapping[str, PromptLine],
    answers: Sequence[Answered],
    agenda: Agenda,
    journal: Journal,
    collector: Collector,
    forecast: Forecast,
) -> tuple[dict[tuple[str, str], Grade], list[Trouble]]:
    if intent.reference is None:
        raise DataError("judges compare with the reference's answers: name it with --reference")
    deployments = {deployment.id: deployment for deployment in intent.deployments}
    seed = -1 - intent.seed if intent.simulated else intent.seed  # so that no question to a stand-in is one to a judge
    questions, troubles = questions_of(prompts, answers, deployments, intent.reference, intent.judges, seed)
    before = [record for record in journal.records if isinstance(record, Judged)]
    longest = max((view.input_tokens for view in agenda.views.values()), default=0)
    costs = {judge.id: forecast.cost_nano_usd(judge, 3 * longest, VERDICT_TOKENS) for judge in intent.judges}
    await collector.run(errands_of(questions, before, costs))
    judged = [record for record in journal.records if isinstance(record, Judged)]
    grades, ungraded = grade_by_judges(prompts, answers, questions, judged, intent.reference.id)
    return grades, [*troubles, *ungraded]


def _judging(
    intent: Intent, prompt: PromptLine, deployment: Deployment, input_tokens: int, length: float, forecast: Forecast
) -> float:
    """About what judging one answer costs, in nano-dollars: each judge reads the prompt and two answers, twice."""
    keyed = is_keyed(prompt)
    if intent.how != "judge" or (not keyed and deployment is intent.reference):
        return 0.0
    read = round(input_tokens + (1 if keyed else 2) * length) + VERDICT_TOKENS
    judges = judges_of(deployment, None if keyed else intent.reference, intent.judges)
    return 2.0 * sum(forecast.cost_nano_usd(judge, read, VERDICT_TOKENS) or 0 for judge in judges)


def _request(prompt: PromptLine, file: str) -> Request:
    try:
        return OpenAIChat.parse_request(msgspec.json.encode(_body(prompt, "x", None))).request
    except InvalidRequest as error:
        raise DataError(f"{file}, line {prompt.line}: {error.param or 'messages'}: {error.message}") from error


def _body(prompt: PromptLine, deployment: str, max_output_tokens: int | None) -> dict[str, Any]:
    body: dict[str, Any] = {"model": deployment, "messages": list(prompt.messages)}
    return body if max_output_tokens is None else {**body, "max_completion_tokens": max_output_tokens}


def _noting(prompt: str, deployment: str, asked: str) -> Callable[[Answer, str], Answered]:
    def note(answer: Answer, at: str) -> Answered:
        entry = answer.entry
        usage = entry.usage
        return Answered(
            prompt=prompt,
            deployment=deployment,
            asked=asked,
            exchange=entry.id,
            at=at,
            text=answer.text,
            input_tokens=0 if usage is None else usage.all_input,
            output_tokens=0 if usage is None else usage.all_output,
            cost_nano_usd=entry.cost_nano_usd,
            duration_ms=round(entry.duration_ms, 3),
            cut_off=answer.cut_off,
            mean_logprob=answer.mean_logprob,
            least_logprob=answer.least_logprob,
        )

    return note


def _row(answer: Answered, model: str, grade: Grade, name: str) -> OutcomeRow:
    return OutcomeRow(
        benchmark=name,
        prompt_id=answer.prompt,
        model=model,
        correct=grade.correct,
        answer=extract(answer.text),
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        deployment=answer.deployment,
        cost_usd=None if answer.cost_nano_usd is None else answer.cost_nano_usd / 1e9,
        duration_ms=answer.duration_ms,
        graded_by=grade.by,
        exchange=answer.exchange,
        at=answer.at,
        mean_logprob=answer.mean_logprob,
        least_logprob=answer.least_logprob,
    )


def key_text(prompt: PromptLine) -> str:
    """The first answer key as text; empty where there is none."""
    if not prompt.answers:
        return ""
    key = prompt.answers[0]
    return msgspec.json.encode(key).decode() if isinstance(key, dict) else str(key)
