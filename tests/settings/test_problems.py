from __future__ import annotations

import pytest

from entrepot.errors import SettingsError
from entrepot.settings.problems import Problems, quote, render_path


def test_without_a_problem_nothing_is_raised() -> None:
    Problems("f.toml", {}).raise_any()


def test_a_long_list_is_cut_and_says_how_much_is_left_out() -> None:
    problems = Problems("f.toml", {("a",): 3})
    for _ in range(23):
        problems.add(("a",), "is wrong")
    with pytest.raises(SettingsError) as raised:
        problems.raise_any()
    assert raised.value.message.startswith("f.toml: 23 problems\n  f.toml, line 3: a: is wrong\n")
    assert raised.value.message.endswith("\n  and 3 more")


def test_a_path_is_written_as_a_person_would() -> None:
    assert render_path(("deployments", 2, "price")) == "deployments[2].price"
    assert render_path(("模型", "a.b", 0)) == '"模型"."a.b"[0]'


@pytest.mark.parametrize("value", ["sk-proj-abcdefghijkl", "ent-0123456789abcdef", "x" * 40])
def test_what_looks_like_a_secret_is_not_repeated(value: str) -> None:
    assert value not in quote(value)


@pytest.mark.parametrize("value", ["openai", "qwen/flash-beijing", "skywork-13b", "法务"])
def test_an_ordinary_word_is(value: str) -> None:
    assert quote(value) == f"'{value}'"
