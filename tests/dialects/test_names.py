from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Message, Request, Tool, ToolCall, ToolChoice, ToolResult
from entrepot.dialects.names import MAX_USER, Names, call_ids, tool_names, user_name


@given(st.lists(st.text(max_size=80)), st.integers(12, 64))
def test_every_name_is_taken_by_the_provider_and_found_again(originals: list[str], longest: int) -> None:
    names = Names(originals, longest)
    there = [names.there(each) for each in dict.fromkeys(originals)]
    assert all(re.fullmatch(rf"[a-zA-Z0-9_-]{{1,{longest}}}", each) for each in there)
    assert len(set(there)) == len(there)
    assert [names.back(each) for each in there] == list(dict.fromkeys(originals))


def test_names_that_nobody_asked_for_stay() -> None:
    names = Names(["查天气"], 64)
    assert names.back("made_up") == "made_up"
    assert names.there("another") == "another"


def test_what_a_provider_takes_is_its_own_to_say() -> None:
    assert call_ids(request(), 64, re.compile(r"[^a-z.:]")).there("functions.get:a") == "functions.get:a"
    assert call_ids(request(), 64).there("functions.get:a") != "functions.get:a"


def test_the_names_of_the_history_and_the_choice_are_mapped_too() -> None:
    names = tool_names(request(), 64)
    assert {names.back(names.there(each)) for each in ("工具", "历史", "选择")} == {"工具", "历史", "选择"}
    assert all(names.there(each).isascii() for each in ("工具", "历史", "选择"))


@given(st.text(max_size=200))
def test_a_users_name_is_short_enough_and_always_the_same(user: str) -> None:
    short = user_name(user)
    assert short == user_name(user)
    assert short is not None
    assert len(short) <= MAX_USER
    assert (short == user) == (len(user) <= MAX_USER)


def test_nobody_stays_nobody() -> None:
    assert user_name(None) is None


def request() -> Request:
    history = (
        Message("assistant", (ToolCall("functions.get:a", "历史", "{}"),)),
        Message("tool", (ToolResult("functions.get:a", ()),)),
    )
    return Request("m", history, tools=(Tool("工具"),), tool_choice=ToolChoice("named", "选择"))
