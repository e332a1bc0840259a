"""Stories of what an exchange leaves behind: headers that are read, sessions that are remembered, attempts that teach."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from entrepot.dialects.base import NO_HEADERS, Asked, Relay, Target
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.exchange.commands import Remember
from entrepot.exchange.events import (
    ClientGone,
    UpstreamChunk,
    UpstreamEnded,
    UpstreamFailed,
    UpstreamHead,
)
from entrepot.exchange.plan import Plan
from entrepot.exchange.sessions import mark_of, recognise
from entrepot.routing.session import Remembered
from tests.exchange.frames import chunk, end, error, kinds, ok
from tests.exchange.transcript import Story, candidate, plan_for

A, B, C = candidate("a/m"), candidate("b/m"), candidate("c/m")


class HeaderReader(OpenAIChat):
    """Says what content type it was told."""

    @staticmethod
    def open_relay(asked: Asked, target: Target, headers: Mapping[bytes, bytes] = NO_HEADERS) -> Relay | None:
        relay = OpenAIChat.open_relay(asked, target, headers)
        assert relay is not None
        relay.content_type = headers[b"content-type"]
        return relay


def test_an_answers_headers_reach_what_reads_its_body() -> None:
    dialect = HeaderReader()
    story = Story(msgspec.structs.replace(plan_for(msgspec.structs.replace(A, dialect=dialect)), client=dialect))
    story.happens(UpstreamHead(0, 200, ((b"content-type", b"application/vnd.amazon.eventstream"),)), chunk("x"))
    assert dict(story.heads[0].headers)[b"content-type"] == b"application/vnd.amazon.eventstream"


def in_session(plan: Plan) -> Plan:
    session = recognise(plan.asked.request, plan.principal, "s", Forgetful(), (), 1.0)
    return msgspec.structs.replace(plan, session=session)


class Forgetful:
    """A memory in which nothing is found."""

    def find(self, key: bytes) -> Remembered | None:
        return None

    def keep(self, key: bytes, remembered: Remembered) -> None:
        raise AssertionError("what is to be kept is a command")


def remembered_by(story: Story) -> Remembered:
    (command,) = [command for command in story.commands if isinstance(command, Remember)]
    assert len(command.keys) == 2
    return command.remembered


def test_who_answered_is_remembered_before_the_client_can_go_on() -> None:
    story = Story(in_session(plan_for(A, B)))
    story.happens(*error(0, 500), ok(1), chunk("hello", 1))
    assert kinds(story.happens(end(1), after_s=2.0)) == ["Record", "Remember", "SendToClient"]
    remembered = remembered_by(story)
    assert remembered.deployment == mark_of("b/m")
    assert remembered.at_s == 3.0
    assert remembered.asked != 0


def test_an_answer_that_broke_off_is_remembered_but_not_as_one_that_could_displease() -> None:
    story = Story(in_session(plan_for(A, B)))
    story.happens(ok(), chunk("hel"), UpstreamFailed(0, "cut_off", ""))
    assert (remembered_by(story).deployment, remembered_by(story).asked) == (mark_of("a/m"), 0)
    left = Story(in_session(plan_for(A, B)))
    left.happens(ok(), chunk("hel"), ClientGone())
    assert remembered_by(left).asked == 0


def test_nothing_is_remembered_where_nothing_was_answered() -> None:
    story = Story(in_session(plan_for(A)))
    story.happens(*error(0, 500))
    assert story.over
    assert [command for command in story.commands if isinstance(command, Remember)] == []
    gone = Story(in_session(plan_for(A)))
    gone.happens(ClientGone())
    assert [command for command in gone.commands if isinstance(command, Remember)] == []


def test_every_attempt_teaches_as_soon_as_it_ends() -> None:
    story = Story(plan_for(A, B))
    limited = UpstreamHead(0, 429, ((b"retry-after", b"7"),))
    story.happens(limited, UpstreamChunk(0, b"{}"), UpstreamEnded(0))
    assert [(each.deployment, each.failure, each.retry_after_s) for each in story.learnt] == [
        ("a/m", "rate_limit", 7.0)
    ]
    story.happens(ok(1), chunk("hello", 1), end(1))
    assert [(each.deployment, each.answered) for each in story.learnt] == [("a/m", False), ("b/m", True)]
