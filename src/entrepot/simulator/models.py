"""How a stand-in model does on a generated task.

P(correct) = 1 / (1 + exp(-slope · (skill - difficulty))): the one-parameter logistic model of item response theory
(G. Rasch, Probabilistic Models for Some Intelligence and Attainment Tests, 1960), with one slope for all.

Rules of this file: chance is a hash of seed, model and task, so the same model always gives the same answer to the same
task, in any process and in any order. A skill comes from a published score: score s on GPQA Diamond becomes the logit
ln(s / (1 - s)), so a task of difficulty 0 is as hard for every model as that test is on average.

How sure a model is of its words (the mean log-probability of their tokens) is drawn from an exponential distribution, nearer to 0
where it is right. The two overlap widely: models are sure of much that is wrong.
"""

from __future__ import annotations

import hashlib
import math

from entrepot.simulator.answers import Echo, Thought
from entrepot.simulator.plan import StandInModel
from entrepot.simulator.tasks import Task, TaskTable
from entrepot.simulator.tokens import count_tokens

_DOUBT_IF_RIGHT, _DOUBT_IF_WRONG = 0.1, 0.35
_LEAST, _MOST = 0.01, 0.99  # a published score of 0 or 1 would be an infinite skill


def skill_from_score(score: float) -> float:
    """The skill, in logits, of a model that scores `score` (a fraction of 1) on GPQA Diamond."""
    kept = min(_MOST, max(_LEAST, score))
    return math.log(kept / (1 - kept))


def p_correct(skill: float, difficulty: float, slope: float) -> float:
    """The probability that a model of this skill solves a task of this difficulty."""
    return 1 / (1 + math.exp(-slope * (skill - difficulty)))


class Solver:
    """Answers the tasks it finds in its table, rightly or wrongly by its skill; echoes anything else."""

    def __init__(self, model: StandInModel, table: TaskTable, seed: int, slope: float) -> None:
        self._model = model
        self._table = table
        self._seed = seed
        self._slope = slope
        self._echo = Echo()

    def think(self, prompt: str, sample: int) -> Thought:
        """Answer `prompt`."""
        task = self._table.find(prompt)
        if task is None:
            return self._echo.think(prompt, sample)
        solved = self.solves(task, sample)
        answer = task.answer if solved else self._slip(task, sample)
        effort = self._effort(task, sample)
        text = answer if task.bare else self._reason(task, answer, sample, effort)
        return Thought(text, answer, effort=effort, mean_logprob=self._mean_logprob(task, sample, solved=solved))

    def solves(self, task: Task, sample: int = 0) -> bool:
        """Whether the model gets this task right."""
        chance = p_correct(self._model.skill or 0.0, task.difficulty, self._slope)
        return self._draw("solve", task, sample) < chance

    def _slip(self, task: Task, sample: int) -> str:
        return task.wrong[int(self._draw("slip", task, sample) * len(task.wrong))]

    def _mean_logprob(self, task: Task, sample: int, *, solved: bool) -> float:
        usual = _DOUBT_IF_RIGHT if solved else _DOUBT_IF_WRONG
        return usual * math.log(1 - self._draw("sure", task, sample))

    def _effort(self, task: Task, sample: int) -> float:
        """How much longer than usual the model is at it: 0.6 to 1.4 by chance, and more for a harder task."""
        harder = max(-2.0, min(4.0, task.difficulty + 3))
        return (0.6 + 0.8 * self._draw("length", task, sample)) * (1 + 0.15 * harder)

    def _reason(self, task: Task, answer: str, sample: int, effort: float) -> str:
        """A few sentences of about that length, then the line with the answer."""
        wanted = self._model.verbosity * effort
        sentences = _SENTENCES[task.language]
        start = int(self._draw("words", task, sample) * len(sentences))
        said: list[str] = []
        length = 0
        while length < wanted:
            sentence = sentences[(start + len(said)) % len(sentences)]
            said.append(sentence)
            length += count_tokens(sentence)
        if task.language == "zh":
            return "".join(said) + f"\n\n答案：{answer}"
        return " ".join(said) + f"\n\nAnswer: {answer}"

    def _draw(self, what: str, task: Task, sample: int) -> float:
        """A number in [0, 1) that depends on nothing but the seed, the model, the task and what it is for."""
        text = f"{self._seed}|{self._model.name}|{task.id}|{sample}|{what}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


_SENTENCES = {
    "en": (
        "First I note what is given and what is asked.",
        "Then I take the statements one after another.",
        "Each of them changes the value found so far.",
        "I check the intermediate result before going on.",
        "Nothing else in the text matters for the question.",
        "Putting the parts together gives the result.",
        "A second look at the numbers confirms it.",
    ),
    "zh": (
        "先看清题目给出了什么、要求什么。",
        "然后按顺序逐条处理。",
        "每一步都在前面结果的基础上计算。",
        "继续之前先核对中间结果。",
        "其余文字与问题无关。",
        "把各部分合起来就得到结果。",
        "再检查一遍数字，没有问题。",
    ),
}
