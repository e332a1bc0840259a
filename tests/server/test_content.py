"""What a client is sent is kept before its end leaves, once, and only what the route, the rules and the client allow."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest

from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.dialects.openai_completions import OpenAICompletions
from entrepot.drive.driver import Client
from entrepot.errors import LedgerError
from entrepot.exchange.commands import SendHead
from entrepot.exchange.plan import Deadlines, Plan
from entrepot.ledger.content.record import Kept, Sent
from entrepot.ledger.content.seal import Seals, make_key, read_key
from entrepot.ledger.content.spool import ContentSpool, list_content_spools
from entrepot.policy.rules import Principal
from entrepot.routing.utility import Decision
from entrepot.server.content import ContentKeeper, Result

OK = SendHead(200, ())


def plan(text: str = "hi", **changes: object) -> Plan:
    body = msgspec.json.encode({"model": "auto", "messages": [{"role": "user", "content": text}]})
    made = Plan(
        id="exchange-1",
        started_ns=1_767_225_600_000_000_000,
        started_s=0.0,
        asked=OpenAIChat.parse_request(body),
        client=OpenAIChat(),
        principal=Principal("alice", "red"),
        decision=Decision((), (), ""),
        candidates=(),
        eligible=frozenset(),
        deadlines=Deadlines(),
        input_tokens=1,
        route="auto",
    )
    return msgspec.structs.replace(made, **changes)


class Sink:
    """A client that notes what it is sent, beside how much was kept by then."""

    def __init__(self, kept: list[Kept]) -> None:
        self.sent: list[tuple[bytes, int]] = []
        self.called: list[Callable[[], None] | None] = []
        self._kept = kept

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:
        self.sent.append((data, len(self._kept)))
        return None

    def on_gone(self, call: Callable[[], None] | None) -> None:
        self.called.append(call)


class Keeping:
    """A keeper that keeps in a list."""

    def __init__(self, *, max_bytes: int = 1000, seals: Seals | None = None) -> None:
        self.kept: list[Kept] = []
        self.counted: Counter[Result] = Counter()
        self.bytes = 0
        self.client = Sink(self.kept)
        self.keeper = ContentKeeper(
            frozenset({"auto"}), self.kept.append, seals or Seals(), keep_days=3, max_bytes=max_bytes, count=self._count
        )

    def _count(self, route: str, result: Result, size: int) -> None:
        assert route == "auto"
        self.counted[result] += 1
        self.bytes += size

    def listen(self, planned: Plan, *, may_store: bool = True) -> AbstractContextManager[Client]:
        return self.keeper.listen(self.client, planned, may_store=may_store)

    def said(self) -> Sent:
        (kept,) = self.kept
        return msgspec.msgpack.decode(kept.body, type=Sent)


def test_what_was_sent_is_kept_before_its_last_bytes_leave() -> None:
    keeping = Keeping()
    with keeping.listen(plan("a question")) as client:
        client.send(OK, b"an ", end=False)
        client.send(None, b"answer", end=True)
    assert keeping.client.sent == [(b"an ", 0), (b"answer", 1)]
    said = keeping.said()
    assert (said.status, said.ended, said.answer) == (200, True, b"an answer")
    assert said.request.messages[0].text() == "a question"
    (kept,) = keeping.kept
    assert (kept.key, kept.team, kept.route, kept.dialect) == ("alice", "red", "auto", "openai-chat")
    assert kept.keep_until_s == 1_767_225_600 + 3 * 86_400
    assert keeping.counted == {"kept": 1}
    assert keeping.bytes == kept.length == len(kept.body)


def test_of_a_client_that_left_what_it_was_sent_is_kept() -> None:
    keeping = Keeping()
    with keeping.listen(plan()) as client:
        client.send(OK, b"the begin", end=False)
    said = keeping.said()
    assert (said.ended, said.answer) == (False, b"the begin")


def test_an_exchange_that_nobody_answered_is_kept_with_its_request() -> None:
    keeping = Keeping()
    with keeping.listen(plan("unanswered")):
        pass
    said = keeping.said()
    assert (said.status, said.answer, said.request.messages[0].text()) == (0, b"", "unanswered")


@pytest.mark.parametrize(
    ("planned", "may_store", "counted"),
    [
        (plan(route=None), True, {}),
        (plan(route="other"), True, {}),
        (plan(), False, {"withheld": 1}),
        (plan(no_store=True), True, {"withheld": 1}),
        (plan(no_store=True), False, {"withheld": 1}),
    ],
)
def test_nothing_is_kept_where_anybody_says_no(planned: Plan, may_store: bool, counted: dict[Result, int]) -> None:
    keeping = Keeping()
    with keeping.listen(planned, may_store=may_store) as client:
        assert client is keeping.client
    assert keeping.kept == []
    assert keeping.counted == counted


def test_embeddings_are_not_kept() -> None:
    planned = plan()
    request = msgspec.structs.replace(planned.asked.request, operation="embed")
    keeping = Keeping()
    asked = msgspec.structs.replace(planned.asked, request=request)
    with keeping.listen(msgspec.structs.replace(planned, asked=asked)) as client:
        assert client is keeping.client


@pytest.mark.parametrize(("question", "answer"), [("q" * 2000, b"a"), ("q", b"a" * 2000), ("q" * 700, b"a" * 700)])
def test_of_an_exchange_that_is_too_long_nothing_is_kept_but_that_it_was(question: str, answer: bytes) -> None:
    keeping = Keeping(max_bytes=1000)
    with keeping.listen(plan(question)) as client:
        client.send(OK, answer[:1500], end=False)
        client.send(None, answer[1500:], end=True)
    (kept,) = keeping.kept
    assert (kept.form, kept.body, kept.length, kept.sealed_by) == ("too_long", b"", 0, None)
    assert keeping.counted == {"too_long": 1}
    assert b"".join(data for data, _ in keeping.client.sent) == answer


def test_it_is_sealed_before_it_is_written() -> None:
    seals = Seals(read_key(make_key(), "env:KEY"))
    keeping = Keeping(seals=seals)
    with keeping.listen(plan("zebra")) as client:
        client.send(OK, b"giraffe", end=True)
    (kept,) = keeping.kept
    assert kept.sealed_by == seals.current
    assert b"zebra" not in kept.body
    assert b"giraffe" not in kept.body
    opened = msgspec.msgpack.decode(seals.open(kept.body, kept.sealed_by, kept.id, "sent"), type=Sent)
    assert opened.answer == b"giraffe"


def test_a_spool_that_takes_nothing_costs_no_answer_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    counted: Counter[Result] = Counter()
    client = Sink([])

    def append(_: Kept) -> None:
        raise LedgerError("no room on the disk")

    keeper = ContentKeeper(
        frozenset({"auto"}), append, Seals(), keep_days=1, max_bytes=1000,
        count=lambda _route, result, _size: counted.update([result]),
    )  # fmt: skip
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with keeper.listen(client, plan("zebra"), may_store=True) as listening:
                listening.send(OK, b"giraffe", end=True)
    assert [data for data, _ in client.sent] == [b"giraffe"] * 3
    assert counted == {"failed": 3}
    assert caplog.text.count("no room on the disk") == 1
    assert "zebra" not in caplog.text


def test_the_dialect_that_is_written_down_is_the_one_it_was_answered_in() -> None:
    client = OpenAICompletions()
    keeping = Keeping()
    with keeping.listen(plan(asked=client.parse_request(b'{"model": "auto", "prompt": "hi"}'), client=client)) as heard:
        heard.send(OK, b"{}", end=True)
    (kept,) = keeping.kept
    assert kept.dialect == "openai-completions"


def test_what_is_nested_too_deeply_to_be_written_costs_no_answer() -> None:
    planned = plan()
    deep: list[object] = []
    for _ in range(5_000):
        deep = [deep]
    request = msgspec.structs.replace(planned.asked.request, extra={"deep": deep})
    keeping = Keeping()
    with keeping.listen(
        msgspec.structs.replace(planned, asked=msgspec.structs.replace(planned.asked, request=request))
    ) as heard:
        heard.send(OK, b"an answer", end=True)
    assert (keeping.kept, keeping.counted) == ([], {"failed": 1})
    assert [data for data, _ in keeping.client.sent] == [b"an answer"]


def test_who_asks_to_be_told_of_a_clients_going_is_told_by_the_client_itself() -> None:
    keeping = Keeping()

    def call() -> None: ...

    with keeping.listen(plan()) as client:
        client.on_gone(call)
    assert keeping.client.called == [call]


def test_what_was_kept_outlives_the_process_once_its_end_was_sent(tmp_path: Path) -> None:
    spool = ContentSpool(tmp_path, "gateway-0")
    keeper = ContentKeeper(frozenset({"auto"}), spool.append, Seals(), keep_days=1, max_bytes=1000)
    client = Sink([])
    with keeper.listen(client, plan("zebra"), may_store=True) as listening:
        listening.send(OK, b"giraffe", end=True)
        (file,) = list_content_spools(tmp_path)  # nothing was closed or flushed
        assert b"zebra" in file.read_bytes()
    spool.close()
