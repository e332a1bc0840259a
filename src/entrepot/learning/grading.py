"""Answers graded: by their key, by their check, or by judges whose calls are errands like any other.

Rules of this file: keys and checks are applied anew at every run, so a key that was wrong is mended without asking anybody
again; what a judge said is in the journal. An answer that could not be graded is missing, and why is told.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from entrepot.catalog.schema import Deployment
from entrepot.drive.validate import validate
from entrepot.errors import DataError
from entrepot.learning.asking import Answer
from entrepot.learning.collect import Errand, Trouble, digest_of
from entrepot.learning.grade import is_right
from entrepot.learning.journal import Answered, Judged
from entrepot.learning.judge import Judgement, ask_judge, is_keyed, judges_of, read_verdict
from entrepot.learning.prompt_lines import PromptLine

How = Literal["exact", "check", "judge"]


class Grade(msgspec.Struct, frozen=True):
    """How good an answer is, in [0, 1], and who says so."""

    correct: float
    by: str


class Question(msgspec.Struct, frozen=True, eq=False):
    """What a judge is to be asked of an answer, in one order."""

    prompt: PromptLine
    judged: str
    judge: str
    judgement: Judgement
    keyed: bool

    @property
    def asked(self) -> str:
        """The digest of the request."""
        return digest_of(self.judgement.body)

    def note(self, answer: Answer, at: str) -> Judged:
        """The record of the judge's answer."""
        score = read_verdict(answer.text, keyed=self.keyed, swapped=self.judgement.swapped)
        cost = answer.entry.cost_nano_usd
        return Judged(self.prompt.id, self.judged, self.asked, self.judge, answer.entry.id, at, score, cost)


def check_gradable(prompts: Sequence[PromptLine], how: How, file: str) -> None:
    """Raises DataError at the first prompt that cannot be graded so."""
    for prompt in prompts:
        if how != "judge" and not prompt.answers and prompt.check is None:
            raise DataError(
                f"{file}, line {prompt.line}: nothing says which answer is right; add an 'answer' or a 'check', or use "
                "--grade judge"
            )


async def grade_all(
    prompts: Mapping[str, PromptLine], answers: Sequence[Answered], how: Literal["exact", "check"]
) -> tuple[dict[tuple[str, str], Grade], list[Trouble]]:
    """A grade for each answer, by prompt and deployment, and what could not be graded."""
    slots = asyncio.Semaphore(os.cpu_count() or 1)
    graded = await asyncio.gather(*(_grade(prompts[answer.prompt], answer, how, slots) for answer in answers))
    found: dict[tuple[str, str], Grade] = {}
    troubles = []
    for answer, grade in zip(answers, graded, strict=True):
        if isinstance(grade, Grade):
            found[answer.prompt, answer.deployment] = grade
        else:
            troubles.append(Trouble(answer.prompt, answer.deployment, grade))
    return found, troubles


async def _grade(
    prompt: PromptLine, answer: Answered, how: Literal["exact", "check"], slots: asyncio.Semaphore
) -> Grade | str:
    """The grade, or why there is none. What a prompt has nothing for is graded by the other."""
    if prompt.check is not None and (how == "check" or not prompt.answers):
        verdict = await validate(prompt.check, answer.text, slots)
        if not verdict.conclusive:
            return f"the check could not be made: {verdict.reason}"
        return Grade(float(verdict.passed), f"check:{prompt.check.kind}")
    return Grade(float(is_right(answer.text, prompt.answers, prompt.tolerance)), "exact")


def questions_of(
    prompts: Mapping[str, PromptLine],
    answers: Sequence[Answered],
    deployments: Mapping[str, Deployment],
    reference: Deployment,
    judges: Sequence[Deployment],
    seed: int,
) -> tuple[list[Question], list[Trouble]]:
    """Everything that judges are to be asked, and the answers that cannot be judged."""
    said = {(answer.prompt, answer.deployment): answer.text for answer in answers}
    questions: list[Question] = []
    troubles = []
    for answer in answers:
        prompt = prompts[answer.prompt]
        keyed = is_keyed(prompt)
        if not keyed and answer.deployment == reference.id:
            continue
        other = None if keyed else said.get((answer.prompt, reference.id))
        if not keyed and other is None:
            troubles.append(
                Trouble(answer.prompt, answer.deployment, "the reference gave no answer to judge it against")
            )
            continue
        for judge in judges_of(deployments[answer.deployment], None if keyed else reference, judges):
            both = ask_judge(prompt, answer.text, other, judge.id, seed)
            questions += [Question(prompt, answer.deployment, judge.id, one, keyed) for one in both]
    return questions, troubles


def errands_of(
    questions: Sequence[Question], judged: Sequence[Judged], costs: Mapping[str, int | None]
) -> list[Errand]:
    """The questions that are not answered yet; `costs` is about what a call to each judge comes to, in nano-dollars."""
    known = {(record.asked, record.judge) for record in judged}
    return [
        Errand(one.prompt.id, one.judge, one.judgement.body, one.asked, costs.get(one.judge), one.note)
        for one in questions
        if (one.asked, one.judge) not in known
    ]


def grade_by_judges(
    prompts: Mapping[str, PromptLine],
    answers: Sequence[Answered],
    questions: Sequence[Question],
    judged: Sequence[Judged],
    reference: str,
) -> tuple[dict[tuple[str, str], Grade], list[Trouble]]:
    """The mean of all that judges said of each answer; of a judge only if it spoke in both orders."""
    scores = {(record.asked, record.judge): record.score for record in judged}
    by_answer: dict[tuple[str, str], dict[str, list[float | None]]] = {}
    for one in questions:
        key = (one.prompt.id, one.judged)
        by_answer.setdefault(key, {}).setdefault(one.judge, []).append(scores.get((one.asked, one.judge)))
    found: dict[tuple[str, str], Grade] = {}
    troubles = []
    for answer in answers:
        key = (answer.prompt, answer.deployment)
        if not is_keyed(prompts[answer.prompt]) and answer.deployment == reference:
            found[key] = Grade(0.5, "judge:reference")
            continue
        told = {judge: [score for score in both if score is not None] for judge, both in by_answer.get(key, {}).items()}
        whole = {judge: both for judge, both in told.items() if len(both) == 2}
        if whole:
            means = [sum(both) / 2 for both in whole.values()]
            found[key] = Grade(sum(means) / len(means), f"judge:{'+'.join(sorted(whole))}")
        elif key in by_answer:
            troubles.append(Trouble(*key, "no judge gave a verdict in both orders"))
    return found, troubles
