"""Every family is checked by working its tasks out again from their text alone."""

import random
import re
from datetime import date
from itertools import pairwise, permutations

import msgspec
import pytest

from entrepot.simulator.families import ALL
from entrepot.simulator.families.base import Draft, Family, Language

LANGUAGES: tuple[Language, ...] = ("en", "zh")


def drafts(name: str, language: Language, count: int = 60) -> list[Draft]:
    (family,) = (each for each in ALL if each.name == name)
    return [family.draft(random.Random(seed), language) for seed in range(count)]


def numbers(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", text)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_a_family_writes_in_the_language_it_is_asked_for(family: Family, language: Language) -> None:
    for draft in drafts(family.name, language, 20):
        assert bool(re.search("[一-鿿]", draft.question)) == (language == "zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_arithmetic_is_count_times_price_and_the_delivery(language: Language) -> None:
    for draft in drafts("arithmetic", language):
        count, price, *fee = numbers(draft.question)
        assert int(draft.answer) == count * price + sum(fee)


@pytest.mark.parametrize("language", LANGUAGES)
def test_steps_follow_from_the_text(language: Language) -> None:
    for draft in drafts("steps", language):
        opening, *steps, _ = re.split("[。？.?]", draft.question.rstrip("？?"))
        (value,) = numbers(opening)
        for step in steps:
            found = numbers(step)
            (number,) = found
            if "times" in step or "倍" in step:
                value *= number
            elif "one in every" in step or "分之一" in step:
                assert value % number == 0
                value -= value // number
            elif "taken away" in step or "运走" in step:
                value -= number
            else:
                value += number
        assert int(draft.answer) == value
        assert value > 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_calendar_and_units_follow_from_the_text(language: Language) -> None:
    for draft in drafts("calendar", language):
        dates = [date.fromisoformat(each) for each in re.findall(r"\d{4}-\d\d-\d\d", draft.question)]
        if dates:
            assert int(draft.answer) == (dates[1] - dates[0]).days
            continue
        first, second = numbers(draft.question)
        factor = 1000 if "kg" in draft.question or "千克" in draft.question else 60
        assert int(draft.answer) == first * second * factor


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lookup_is_in_the_table(language: Language) -> None:
    for draft in drafts("lookup", language):
        table, ask = draft.question.split("\n\n")
        rows = [line.split(" | ") for line in table.splitlines()[1:]]
        orders = {city: int(order) for city, order, _ in rows}
        named = [city for city in orders if city in ask]
        if named:
            assert int(draft.answer) == orders[named[0]]
        elif "20" in ask:
            assert int(draft.answer) == sum(int(order) - int(back) for _, order, back in rows if int(back) > 20)
        else:
            assert int(draft.answer) == sum(orders.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_code_prints_its_answer(language: Language, capsys: pytest.CaptureFixture[str]) -> None:
    for draft in drafts("code", language):
        (code,) = re.findall(r"```python\n(.*)\n```", draft.question, re.DOTALL)
        exec(compile(code, "task", "exec"), {})
        assert capsys.readouterr().out.strip() == draft.answer


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_order_is_the_only_one_that_its_clues_allow(language: Language) -> None:
    for draft in drafts("ordering", language, 12):
        if language == "zh":
            clues = re.findall(r"(小.)就在(小.)的前面", draft.question)
            place = int(re.findall(r"第(\d)位", draft.question)[0])
        else:
            clues = re.findall(r"(\w+) stands directly in front of (\w+)", draft.question)
            place = int(re.findall(r"number (\d)", draft.question)[0])
        people = sorted({name for clue in clues for name in clue})
        fitting = [line for line in permutations(people) if set(clues) <= set(pairwise(line))]
        assert [line[place - 1] for line in fitting] == [draft.answer]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_ticket_is_of_the_class_of_its_last_sentence(language: Language) -> None:
    signs = {
        "billing": "nvoice|发票",
        "delivery": "arrived|courier|送到|快递",
        "login": "account|账号",
        "returns": "send back|return|退",
        "fault": "stops|error|就停|错误",
    }
    for draft in drafts("ticket", language):
        point = re.split("today: |要说的是：|fault\\.\n\n|fault。\n\n", draft.question)[-1]
        assert re.search(signs[draft.answer], point)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_extraction_has_its_facts_from_the_letter(language: Language) -> None:
    for draft in drafts("extraction", language):
        letter = draft.question.split("\n\n")[1]
        key = msgspec.json.decode(draft.answer)
        assert list(key) == ["name", "city", "order", "amount"]
        assert all(str(value) in letter for value in key.values())


def test_what_is_larger_is_harder() -> None:
    short, long = (
        [draft.visible for draft in drafts("steps", "en", 200) if draft.question.count(".") == sentences]
        for sentences in (4, 9)
    )
    assert max(short) < min(long)
