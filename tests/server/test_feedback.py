from __future__ import annotations

import msgspec
import pytest

from entrepot.errors import InvalidRequest
from entrepot.ledger.checks import sample_entry
from entrepot.policy.rules import Principal
from entrepot.server.feedback import SCORES, feedback_of, may_judge, parse_feedback, render_feedback

ID = "019b0000-0000-7000-8000-000000000000"
ENTRY = sample_entry(0)


def body(**fields: object) -> bytes:
    return msgspec.json.encode({"exchange": ID, **fields})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "score"),
        ({"score": 1.01}, "score"),
        ({"score": -0.1}, "score"),
        ({"label": "这个回答很好"}, "label"),
        ({"label": "Mr. Smith was not amused by it"}, "label"),
        ({"label": "x" * 41}, "label"),
        ({"score": 1, "exchange": "1"}, "exchange"),
    ],
)
def test_what_is_no_feedback_is_refused_by_the_field_that_is_wrong(fields: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse_feedback(body(**fields))
    assert raised.value.param == param


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"score": 1}', body(score="high"), body(score=1, source="judge")])
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        parse_feedback(raw)


@pytest.mark.parametrize(
    ("fields", "score"),
    [({"score": 0.5}, 0.5), ({"label": "up"}, 1.0), ({"label": "wrong"}, 0.0), ({"label": "too-long"}, None),
     ({"label": "good", "score": 0.25}, 0.25)],
)  # fmt: skip
def test_a_label_says_what_no_score_says(fields: dict[str, object], score: float | None) -> None:
    feedback = feedback_of(parse_feedback(body(**fields)), Principal(key="k"), "id", 7)
    assert (feedback.score, feedback.who, feedback.source, feedback.given_ns) == (score, "k", "user", 7)
    assert msgspec.json.decode(render_feedback(feedback))["score"] == score


def test_every_label_that_says_something_is_one_that_is_taken() -> None:
    for label in SCORES:
        assert parse_feedback(body(label=label)).label == label


@pytest.mark.parametrize(
    ("key", "team", "allowed"),
    [("财务部-报表", None, True), ("another", "财务", True), ("another", "研发", False), (None, None, False)],
)
def test_only_who_asked_and_their_team_may_judge(key: str | None, team: str | None, allowed: bool) -> None:
    assert may_judge(ENTRY, Principal(key=key, team=team)) == allowed


def test_teamless_keys_are_no_team() -> None:
    assert not may_judge(msgspec.structs.replace(ENTRY, team=None), Principal(key="another", team=None))
