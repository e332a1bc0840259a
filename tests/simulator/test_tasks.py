import statistics
from collections import Counter

import pytest

from entrepot.simulator.tasks import HIDDEN_SPREAD, Task, TaskTable, generate_tasks

TASKS = generate_tasks(3, 800)


def test_the_seed_decides_everything() -> None:
    assert generate_tasks(3, 800) == TASKS
    assert generate_tasks(4, 800) != TASKS


def test_fewer_tasks_are_the_first_of_more() -> None:
    assert generate_tasks(3, 100) == TASKS[:100]


def test_families_and_languages_come_in_equal_shares() -> None:
    assert set(Counter((task.family, task.language) for task in TASKS).values()) == {50}
    assert len({task.family for task in TASKS}) == 8


def test_no_prompt_comes_twice() -> None:
    assert len({task.prompt for task in TASKS}) == len(TASKS) == len(TaskTable(TASKS))


@pytest.mark.parametrize("task", TASKS[::37], ids=lambda task: task.id)
def test_a_task_is_found_by_its_text_whatever_its_white_space(task: Task) -> None:
    table = TaskTable(TASKS)
    assert table.find(task.prompt) == task
    assert table.find("\n" + task.prompt.replace("\n", " \r\n ")) == task
    assert table.find(task.prompt + " please") is None


def test_a_prompt_says_how_the_answer_must_end() -> None:
    assert all(("Answer: <x>" if task.language == "en" else "答案：<x>") in task.prompt for task in TASKS)


def test_wrong_answers_are_wrong() -> None:
    assert all(task.wrong and task.answer not in task.wrong for task in TASKS)


def test_a_hidden_part_of_the_difficulty_is_beyond_what_the_family_and_the_text_say() -> None:
    simple = [
        task.difficulty for task in generate_tasks(5, 4000) if task.family == "ordering" and "4" in task.prompt[:20]
    ]
    assert len(simple) > 50
    assert HIDDEN_SPREAD * 0.7 < statistics.stdev(simple) < HIDDEN_SPREAD * 1.3
