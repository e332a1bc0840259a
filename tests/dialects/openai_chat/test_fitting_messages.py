"""Messages are made to fit the provider, and what is not looked at stays the bytes it was."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from entrepot.dialects.openai_chat.fitting_messages import fit_messages


def fitted(quirks: str, *messages: dict[str, Any], words: str | None = None) -> list[dict[str, Any]]:
    """The messages, taken apart from bytes and put together again."""
    raw = msgspec.Raw(msgspec.json.encode(messages))
    given = msgspec.json.encode(fit_messages(raw, frozenset(quirks.split()), words))
    assert fit_messages(list(messages), frozenset(quirks.split()), words) == msgspec.json.decode(given)
    decoded: list[dict[str, Any]] = msgspec.json.decode(given)
    return decoded


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


TURN = said("assistant", "答", reasoning_content="想")


def test_a_developer_is_the_system_and_the_rest_of_the_message_stays() -> None:
    assert fitted("no_developer_role", said("developer", "d", x=1)) == [said("system", "d", x=1)]


def test_all_instructions_are_one_message_at_the_beginning() -> None:
    parts = [{"type": "text", "text": "二"}, {"type": "text", "text": "三"}]
    messages = fitted(
        "one_system_message", said("system", "一"), said("user", "q"), said("developer", parts), words="四"
    )
    assert messages == [said("system", "四\n\n一\n\n二\n三"), said("user", "q")]
    assert fitted("one_system_message", said("user", "q")) == [said("user", "q")]


def test_a_list_of_texts_becomes_one_and_a_list_with_a_picture_stays() -> None:
    texts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    mixed = [*texts, {"type": "image_url", "image_url": {"url": "https://x"}}]
    assert fitted("flat_text", said("user", texts), said("user", mixed)) == [said("user", "a\nb"), said("user", mixed)]


@pytest.mark.parametrize(
    "turn",
    [
        TURN,
        said("assistant", "答", reasoning="想"),
        said("assistant", "答", reasoning_details=[{"type": "reasoning.text", "text": "想"}]),
        said("assistant", "答", reasoning_content="", reasoning="想"),
    ],
)
def test_reasoning_goes_back_under_the_name_that_is_wanted(turn: dict[str, Any]) -> None:
    assert fitted("replay_reasoning", turn) == [TURN]
    assert fitted("replay_think_tags", turn) == [said("assistant", "<think>\n想\n</think>\n\n答")]
    assert fitted("no_reasoning_replay", turn) == [said("assistant", "答")]


def test_a_turn_whose_reasoning_nobody_kept_says_a_space_because_nothing_is_refused() -> None:
    assert fitted("replay_reasoning", said("assistant", None, tool_calls=[])) == [
        said("assistant", None, tool_calls=[], reasoning_content=" ")
    ]
    assert fitted("replay_reasoning", said("user", "q")) == [said("user", "q")]


def test_a_turn_that_only_thought_is_said_in_tags() -> None:
    assert fitted("replay_think_tags", said("assistant", None, reasoning_content="想")) == [
        said("assistant", "<think>\n想\n</think>\n\n")
    ]


def test_a_number_beyond_every_float_stays_as_it_was() -> None:
    raw = msgspec.Raw(b'[{"role": "developer", "content": "x", "seen": 1e400}]')
    rendered = msgspec.json.encode(fit_messages(raw, frozenset({"no_developer_role"}), None))
    assert rendered == b'[{"role":"system","content":"x","seen":1e400}]'
