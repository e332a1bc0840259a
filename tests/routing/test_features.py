from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Media, Message, OutputFormat, Request, Text, Tool, ToolResult
from entrepot.routing.base import Prompt
from entrepot.routing.features import (
    BUCKETS,
    MAX_CHARS,
    STRUCTURE,
    prompt_of,
    read_prompt,
)


def prompt(text: str) -> Prompt:
    return Prompt(text=text, input_tokens=len(text) // 4)


def feature(text: str, name: str) -> float:
    return float(read_prompt(prompt(text))[1][STRUCTURE.index(name)])


def shared(one: str, other: str) -> float:
    """Cosine of the two texts' n-gram counts."""
    a, b = read_prompt(prompt(one))[0], read_prompt(prompt(other))[0]
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@given(st.text(max_size=300))
def test_any_text_becomes_finite_numbers_of_fixed_shape(text: str) -> None:
    counts, structure = read_prompt(prompt(text))
    assert counts.shape == (BUCKETS,)
    assert structure.shape == (len(STRUCTURE),)
    assert np.isfinite(counts).all()
    assert np.isfinite(structure).all()


@given(st.text(alphabet="abc xyz", min_size=3, max_size=60))
def test_every_run_of_three_characters_is_counted_besides_words_and_pairs(text: str) -> None:
    words = len(text.split())
    assert read_prompt(prompt(text))[0].sum() == max(len(text.strip()) - 2, 0) + words + max(words - 1, 0)


def test_a_word_has_the_same_bucket_wherever_it_stands() -> None:
    alone = read_prompt(prompt("xy"))[0]
    later = read_prompt(prompt("a longer text in which xy stands"))[0]
    assert alone.sum() == 1
    assert later[alone.argmax()] >= 1


def test_case_and_the_value_of_digits_change_no_ngram() -> None:
    assert shared("Compute 17 TIMES 23 Please", "compute 84 times 61 please") == pytest.approx(1)


def test_full_width_signs_are_their_half_width_forms() -> None:
    assert shared("ＡＢＣ　１２３", "abc\u3000123") == pytest.approx(1)


def test_chinese_sentences_on_one_subject_share_words_without_spaces() -> None:
    budget, same, other = "请总结本季度的预算报告", "预算报告请在本季度总结", "今天天气很好我们去公园"
    assert shared(budget, same) > 0.4
    assert shared(budget, other) < 0.2


def test_each_ideograph_is_a_word_and_a_run_of_letters_is_one() -> None:
    assert feature("模型model好", "log_words") == pytest.approx(np.log1p(4))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("今天天气", "ideograph"),
        ("カタカナ", "kana"),
        ("안녕하세요", "hangul"),
        ("مرحبا", "arabic"),
        ("привет", "cyrillic"),
        ("γειά", "greek"),
        ("नमस्ते", "indic"),
        ("שלום", "hebrew"),
        ("def f(x): {[]}", "code"),
        ("x^2 + y^2 = z^2", "maths"),
        ("为什么？", "question"),
        (r"\frac", "backslash"),
    ],
)
def test_a_script_or_kind_of_sign_is_noticed(text: str, name: str) -> None:
    assert feature(text, name) > 0
    assert feature("plain words only", name) == 0


def test_options_and_numbers_are_counted() -> None:
    assert feature("Which?\nA. one\nB. two\nC) three", "options") == pytest.approx(np.log1p(3))
    assert feature("12 and 3.5 and 400", "numbers") == pytest.approx(np.log1p(4))
    assert feature("none", "numbers") == 0


def test_the_outside_of_a_request_is_a_feature() -> None:
    plain = read_prompt(Prompt("Hi", 1))[1]
    dressed = read_prompt(Prompt("Hi", 1, turns=5, has_tools=True, has_images=True, wants_json=True))[1]
    changed = {name for name, a, b in zip(STRUCTURE, plain, dressed, strict=True) if a != b}
    assert changed == {"log_turns", "tools", "images", "json"}


def test_of_a_long_text_only_head_and_tail_are_read() -> None:
    filler = "word " * 2000
    one, other = (read_prompt(prompt(f"{filler}{middle}{filler}")) for middle in ("first", "another thing"))
    assert np.array_equal(one[0], other[0])
    ended = read_prompt(prompt(f"{filler}{filler} and an unusual ending"))
    assert not np.array_equal(one[0], ended[0])


def request(*messages: Message, **settings: object) -> Request:
    return Request(model="auto", messages=messages, **settings)  # type: ignore[arg-type] # any field of a request


def say(role: str, text: str) -> Message:
    return Message(role, (Text(text),))  # type: ignore[arg-type] # one of the roles


def test_the_last_user_turn_comes_last_after_what_frames_it() -> None:
    found = prompt_of(
        request(
            say("system", "Be brief."), say("user", "First?"), say("assistant", "One."), say("user", "第二个问题？")
        )
    )
    assert found.text == "Be brief.\nFirst?\nOne.\n第二个问题？"
    assert found.turns == 4


def test_a_long_last_turn_leaves_no_room_for_the_rest_and_is_sliced() -> None:
    found = prompt_of(request(say("system", "Be brief."), say("user", "x" * 1_000_000 + "END")), input_tokens=7)
    assert len(found.text) <= MAX_CHARS
    assert found.text.endswith("END")
    assert "brief" not in found.text
    assert found.input_tokens == 7


def test_text_in_many_pieces_is_bounded_too() -> None:
    pieces = tuple(Text("piece of text ") for _ in range(5000))
    found = prompt_of(request(Message("user", pieces)))
    assert len(found.text) <= MAX_CHARS + len(pieces)
    assert found.input_tokens > 10_000


def test_tools_images_and_json_are_seen() -> None:
    found = prompt_of(
        request(
            Message("user", (Text("What is this?"), Media("image", url="https://example.com/a.png"))),
            tools=(Tool("f"),),
            output_format=OutputFormat("json"),
        )
    )
    assert (found.has_tools, found.has_images, found.wants_json) == (True, True, True)


def test_what_a_tool_returned_is_context() -> None:
    found = prompt_of(request(say("user", "Weather?"), Message("tool", (ToolResult("c1", (Text("18 degrees"),)),))))
    assert "18 degrees" in found.text
    assert found.text.endswith("Weather?")


def test_a_request_without_a_user_turn_is_still_a_prompt() -> None:
    assert prompt_of(request(say("system", "Only this."))).text == "Only this.\n"


def test_white_space_around_a_prompt_changes_nothing() -> None:
    plain, padded = (
        read_prompt(Prompt(text, 10)) for text in ("北京 is where?\nA. here", "\n\n  北京 is where?\nA. here \u3000\n")
    )
    assert (plain[0] == padded[0]).all()
    assert (plain[1] == padded[1]).all()
