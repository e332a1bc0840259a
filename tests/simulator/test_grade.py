import pytest

from entrepot.simulator.grade import find_answer, grade
from entrepot.simulator.tasks import Task, generate_tasks


def task(kind: str, answer: str) -> Task:
    return Task("t", "f", "en", kind, "?", answer, ("0",), 0.0)  # type: ignore[arg-type] # a plain string for brevity


@pytest.mark.parametrize(
    "text",
    [
        "Answer: 1234",
        "so it is.\n\nanswer:1,234.00 euros",
        "Answer: 5\nno, wait\n**Answer: 1234**",
        "答案：1234",
        "因此答案是：1,234元",
        "答案： １２３４",
        '{"answer": 1234}',
        '{"answer": "1 234"}',
    ],
)
def test_a_number_is_right_however_it_is_written(text: str) -> None:
    assert grade(task("number", "1234"), text)


@pytest.mark.parametrize(
    "text",
    ["", "1234", "Answer: 1235", "Answer:", "Answer: -1234", "Answer: 12345", "Answer: 1234\nAnswer: 7", '{"a": 1234}'],
)
def test_another_number_or_none_is_wrong(text: str) -> None:
    assert not grade(task("number", "1234"), text)


@pytest.mark.parametrize("text", ["Answer: Billing.", "答案：「billing」", "Answer: `billing`"])
def test_text_is_right_without_case_and_marks(text: str) -> None:
    assert grade(task("text", "billing"), text)


def test_exact_text_keeps_its_case() -> None:
    assert grade(task("exact", "rseFR"), "Answer: `rseFR`")
    assert not grade(task("exact", "rseFR"), "Answer: rsefr")


def test_json_is_compared_as_a_value() -> None:
    key = task("json", '{"name":"李娜","order":3}')
    assert grade(key, 'Answer: {"order": 3, "name": "李娜"}')
    assert not grade(key, 'Answer: {"order": "3", "name": "李娜"}')
    assert not grade(key, "Answer: {")


def test_the_last_answer_counts() -> None:
    assert find_answer("Answer: 1\nAnswer: 2") == "2"
    assert find_answer("I cannot say.") is None


@pytest.mark.parametrize("task", generate_tasks(1, 160)[::3], ids=lambda task: task.id)
def test_the_answer_key_is_right_and_its_wrong_answers_are_wrong(task: Task) -> None:
    line = "Answer: " if task.language == "en" else "答案："
    assert grade(task, f"…\n{line}{task.answer}")
    assert not any(grade(task, f"…\n{line}{wrong}") for wrong in task.wrong)
