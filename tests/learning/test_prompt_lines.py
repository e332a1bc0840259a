from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from entrepot.errors import DataError
from entrepot.learning.prompt_lines import read_prompt_lines, text_of
from tests.learning.asked import prompts_in

EXAMPLES = Path(__file__).parents[2] / "examples" / "office" / "prompts.jsonl"


def refused(folder: Path, *lines: dict[str, Any] | str) -> str:
    file = folder / "mine.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    file.write_text("\n".join(texts), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_prompt_lines(file)
    return caught.value.message


def test_a_prompt_is_text_or_messages(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "简短回答"}, {"role": "user", "content": "合同何时到期？"}]
    first, second = prompts_in(tmp_path, {"prompt": "Hello"}, {"id": "b", "messages": messages, "kind": "documents"})
    assert first.messages == ({"role": "user", "content": "Hello"},)
    assert second.messages == tuple(messages)
    assert (second.id, second.kind, second.line) == ("b", "documents", 2)
    assert text_of(second.messages) == "合同何时到期？"


def test_the_language_is_seen_where_it_is_not_said(tmp_path: Path) -> None:
    lines = [
        {"prompt": "合同 ABC 何时到期？"},
        {"prompt": "When?"},
        {"prompt": "Когда?"},
        {"prompt": "x", "language": "fr"},
    ]
    assert [prompt.language for prompt in prompts_in(tmp_path, *lines)] == ["zh", "en", "", "fr"]


def test_a_prompt_without_an_id_is_called_by_its_content(tmp_path: Path) -> None:
    (first,) = prompts_in(tmp_path, {"prompt": "a", "answer": "1"})
    (again,) = prompts_in(tmp_path, {"prompt": "a", "answer": "2"})
    (other,) = prompts_in(tmp_path, {"prompt": "b"})
    assert first.id == again.id != other.id


def test_a_key_may_be_text_a_number_an_object_or_any_of_several(tmp_path: Path) -> None:
    told: list[Any] = ["72万元", 72, {"金额": 72}, ["a", 2]]
    found = prompts_in(tmp_path, *({"id": str(n), "prompt": "x", "answer": one} for n, one in enumerate(told)))
    assert [prompt.answers for prompt in found] == [("72万元",), (72,), ({"金额": 72},), ("a", 2)]


def test_a_check_whose_file_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text('{"prompt": "x", "check": {"unit_test": "gone.py"}}\n')
    with pytest.raises(DataError, match=r"line 1: 'check': .*gone\.py is not there"):
        read_prompt_lines(file)


def test_a_check_is_read_and_its_files_are_beside_the_prompts(tmp_path: Path) -> None:
    (tmp_path / "c.py").write_text("def check(answer): return True")
    lines = [
        {"id": "a", "prompt": "x", "check": {"regex": "^x$"}},
        {"id": "b", "prompt": "x", "check": {"python": "c.py"}},
    ]
    first, second = prompts_in(tmp_path, *lines)
    assert first.check is not None
    assert first.check.kind == "regex"
    assert second.check is not None
    assert second.check.python == f"{tmp_path}/c.py"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"promt": "x"}, "line 1: there is no 'promt'; did you mean 'prompt'?"),
        ({"answer": "x"}, "line 1: give either 'prompt', a text, or 'messages'"),
        ({"prompt": "x", "messages": []}, "line 1: give either"),
        ({"prompt": " "}, "line 1: 'prompt' is empty"),
        ({"prompt": 3}, "line 1: 'prompt' must be text"),
        ({"messages": ["x"]}, "line 1: 'messages' must be a list of objects"),
        ({"prompt": "x", "check": {"regexp": "a"}}, "line 1: 'check':"),
        ({"prompt": "x", "check": {"regex": "("}}, "line 1: 'check': the regular expression cannot be read"),
        ({"prompt": "x", "check": {}}, "line 1: 'check': a check is one of"),
        ({"prompt": "x", "answer": True}, "line 1: 'answer' must be text"),
        ({"prompt": "x", "answer": []}, "line 1: 'answer' must be text"),
        ({"prompt": "x", "tolerance": -1}, "line 1: 'tolerance' must be"),
        ("[1]", "line 1: not a JSON object"),
        ('{"prompt": "x"', "line 1: not a JSON object"),
        ("", "holds no prompts; write one a line"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_write(
    tmp_path: Path, line: dict[str, Any] | str, said: str
) -> None:
    assert said in refused(tmp_path, line)


def test_two_prompts_may_not_have_one_id(tmp_path: Path) -> None:
    assert "line 3: id 'a' is that of line 1 too" in refused(
        tmp_path, {"id": "a", "prompt": "x"}, "", {"id": "a", "prompt": "y"}
    )
    assert "line 2: the same prompt as line 1" in refused(tmp_path, {"prompt": "x"}, {"prompt": "x"})


def test_a_file_that_is_no_utf8_or_not_there_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_bytes('{"prompt": "x"}\n{"prompt": "合同"}'.encode("gbk"))
    with pytest.raises(DataError, match="line 2: not UTF-8"):
        read_prompt_lines(file)
    with pytest.raises(DataError, match="cannot be read"):
        read_prompt_lines(tmp_path / "none.jsonl")


def test_the_office_prompts_are_sixty_half_of_them_chinese() -> None:
    prompts = read_prompt_lines(EXAMPLES)
    assert len(prompts) == 60
    kinds = {(prompt.kind, prompt.language) for prompt in prompts}
    for kind in ("documents", "data-analysis", "internal-search"):
        for language in ("en", "zh"):
            assert sum(prompt.kind == kind and prompt.language == language for prompt in prompts) == 10
    assert len(kinds) == 6
    assert all(prompt.answers for prompt in prompts)
