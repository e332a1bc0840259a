from __future__ import annotations

import pytest

from entrepot.canonical.capabilities import estimate_input_tokens
from entrepot.canonical.request import Message, Request, Text
from entrepot.dialects.ollama_chat.context import context_tokens_for


def request(characters: int, text: str = "x") -> Request:
    return Request("m", (Message("user", (Text(text * characters),)),))


def test_short_prompts_share_one_size_so_that_the_model_is_not_loaded_again() -> None:
    assert {context_tokens_for(request(size), None, None) for size in (1, 100, 5000)} == {8192}


@pytest.mark.parametrize("text", ["x", "文"])
@pytest.mark.parametrize("size", [1, 20_000, 100_000])
def test_there_is_room_for_the_prompt_and_the_answer(text: str, size: int) -> None:
    # Quirk 11: Ollama cuts what its context does not hold, without a word.
    asked = request(size, text)
    for limit in (None, 4000):
        assert context_tokens_for(asked, limit, None) >= estimate_input_tokens(asked) * 1.25 + (limit or 2048) - 1


def test_sizes_double() -> None:
    assert context_tokens_for(request(4 * 10_000), None, None) == 16384
    assert context_tokens_for(request(4 * 20_000), None, None) == 32768


def test_no_more_is_asked_for_than_the_model_has() -> None:
    assert context_tokens_for(request(4 * 20_000), None, 20_000) == 20_000
    assert context_tokens_for(request(1), None, 4096) == 4096
