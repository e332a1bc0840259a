from __future__ import annotations

import pytest

from entrepot.drive.asking import Answer, Refused, Unanswered
from entrepot.errors import Forbidden, InvalidRequest, NotFound
from entrepot.exchange.planning import Considered
from entrepot.exchange.records import Entry
from entrepot.exchange.refusing import Refusal
from entrepot.policy.rules import Facts, Rule
from tests.exchange.planners import a_planner
from tests.learning.asked import Provider, an_asker

ASK = {"model": "cheap/small", "messages": [{"role": "user", "content": "你好"}]}


async def test_an_answer_comes_with_its_entry_which_is_recorded_like_a_clients() -> None:
    entries: list[Entry] = []
    reply = await an_asker(Provider(lambda *_: "你好！"), entries).ask(ASK)
    assert isinstance(reply, Answer)
    assert reply.text == "你好！"
    assert not reply.cut_off
    assert entries == [reply.entry]
    assert (reply.entry.key, reply.entry.tags) == ("alice", ("collect",))
    assert reply.entry.cost_nano_usd == 10 * 100 + 20 * 400
    assert reply.entry.state == "completed"


async def test_a_failure_says_what_a_client_would_be_told() -> None:
    entries: list[Entry] = []
    reply = await an_asker(Provider(lambda *_: (429, {"retry-after": "7"})), entries).ask(ASK)
    assert isinstance(reply, Unanswered)
    assert (reply.status, reply.code, reply.retry_after_s) == (429, "rate_limit", 7.0)
    assert "SECRET" not in reply.reason
    assert entries == [reply.entry]


async def test_what_a_rule_forbids_is_not_asked_and_is_recorded() -> None:
    entries: list[Entry] = []
    provider = Provider(lambda *_: "x")
    rule = Rule("no providers from CN", deny=Facts(provider_country=("CN",)))
    asker = an_asker(provider, entries, a_planner(rules=[rule]))
    considered = asker.consider(ASK)
    assert isinstance(considered, Refusal)
    reply = await asker.ask(ASK)
    assert isinstance(reply, Refused)
    assert isinstance(reply.error, Forbidden)
    assert reply.error.rule == "no providers from CN"
    assert provider.asked == []
    assert [(entry.state, entry.rule, entry.tags) for entry in entries] == [
        ("refused", "no providers from CN", ("collect",))
    ]


async def test_an_unknown_name_and_a_malformed_request_are_refusals() -> None:
    asker = an_asker(Provider(lambda *_: "x"), [])
    unknown = await asker.ask({**ASK, "model": "nobody"})
    malformed = await asker.ask({**ASK, "messages": 3})
    assert isinstance(unknown, Refused)
    assert isinstance(unknown.error, NotFound)
    assert isinstance(malformed, Refused)
    assert isinstance(malformed.error, InvalidRequest)


def test_to_consider_asks_nobody() -> None:
    provider = Provider(lambda *_: "x")
    considered = an_asker(provider, []).consider(ASK)
    assert isinstance(considered, Considered)
    assert considered.decision.order == ("cheap/small",)
    assert provider.asked == []


def test_to_consider_what_is_malformed_says_where() -> None:
    with pytest.raises(InvalidRequest, match="messages"):
        an_asker(Provider(lambda *_: "x"), []).consider({**ASK, "messages": 3})
