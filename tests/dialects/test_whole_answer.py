"""A whole answer leaves in one piece, at its end."""

from __future__ import annotations

from typing import Any

from entrepot.canonical.fold import fold, unfold
from entrepot.canonical.request import Text
from entrepot.canonical.response import Choice, Response
from entrepot.dialects.whole_answer import WholeAnswer
from entrepot.errors import EntrepotError, ProviderError

ANSWER = Response("id", "m", 0, (Choice(0, (Text("你好"),), "stop"),))


def render(response: Response) -> dict[str, Any]:
    assert response == fold(unfold(ANSWER))
    return {"said": response.choices[0].parts[0].text}  # type: ignore[union-attr]  # a text, as above


def error_body(error: EntrepotError) -> dict[str, Any]:
    return {"wrong": error.public}


def test_nothing_leaves_before_the_end_and_everything_at_it() -> None:
    renderer = WholeAnswer(render, error_body, b"text/x")
    *begun, ended = unfold(ANSWER)
    assert renderer.render(begun) == b""
    assert renderer.render([ended]) == '{"said":"你好"}'.encode()
    assert renderer.content_type == b"text/x"


def test_an_answer_that_breaks_off_is_the_error_alone() -> None:
    renderer = WholeAnswer(render, error_body)
    renderer.render(unfold(ANSWER)[:2])
    assert renderer.break_off(ProviderError("it broke")) == b'{"wrong":"it broke"}'
