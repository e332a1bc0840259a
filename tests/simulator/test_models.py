import math
import statistics

import pytest

from entrepot.simulator.grade import grade
from entrepot.simulator.models import Solver, p_correct, skill_from_score
from entrepot.simulator.plan import StandInModel
from entrepot.simulator.tasks import Task, TaskTable, generate_tasks
from entrepot.simulator.tokens import count_tokens

TASKS = generate_tasks(11, 2400)
TABLE = TaskTable(TASKS)


def solver(name: str = "m", skill: float = 1.0, verbosity: int = 60) -> Solver:
    return Solver(StandInModel(name, skill=skill, verbosity=verbosity), TABLE, seed=11, slope=1.0)


def right(model: Solver, task: Task) -> bool:
    return grade(task, model.think(task.prompt, 0).text)


def test_a_score_becomes_its_logit() -> None:
    assert skill_from_score(0.5) == 0
    assert skill_from_score(0.9) == pytest.approx(math.log(9))
    assert skill_from_score(1.0) == pytest.approx(math.log(99))
    assert skill_from_score(0.0) == pytest.approx(-math.log(99))


def test_at_difficulty_zero_a_model_does_as_well_as_its_score_says() -> None:
    assert p_correct(skill_from_score(0.83), 0.0, 1.0) == pytest.approx(0.83)


def test_the_same_model_gives_the_same_answer_to_the_same_task() -> None:
    assert [solver().think(task.prompt, 0) for task in TASKS[:50]] == [
        solver().think(task.prompt, 0) for task in TASKS[:50]
    ]


def test_as_many_are_right_as_skill_and_difficulty_say() -> None:
    model = solver(skill=0.5)
    expected = [p_correct(0.5, task.difficulty, 1.0) for task in TASKS]
    error = math.sqrt(sum(p * (1 - p) for p in expected)) / len(TASKS)
    assert abs(statistics.mean(right(model, task) for task in TASKS) - statistics.mean(expected)) < 4 * error


def test_what_comes_over_the_wire_is_graded_as_the_model_meant_it() -> None:
    model = solver(skill=-1.5)
    assert [right(model, task) for task in TASKS[:200]] == [model.solves(task) for task in TASKS[:200]]


def test_more_skill_solves_more() -> None:
    weak, strong = (sum(right(solver(skill=skill), task) for task in TASKS[:400]) for skill in (-2.0, 3.0))
    assert weak + 50 < strong


def test_models_fail_at_different_tasks() -> None:
    first, second = (solver(name, skill=-2.0) for name in ("a", "b"))
    assert [first.solves(task) for task in TASKS[:200]] != [second.solves(task) for task in TASKS[:200]]


def test_a_talkative_model_writes_more() -> None:
    short, long = (
        statistics.mean(count_tokens(solver(verbosity=words).think(task.prompt, 0).text) for task in TASKS[:80])
        for words in (20, 200)
    )
    assert short * 3 < long


def test_another_sample_may_differ() -> None:
    model = solver(skill=-2.0)
    assert [model.solves(task, 0) for task in TASKS[:100]] != [model.solves(task, 1) for task in TASKS[:100]]


def test_a_prompt_that_is_no_task_is_echoed() -> None:
    thought = solver().think("什么是转口港？", 0)
    assert "什么是转口港？" in thought.text
