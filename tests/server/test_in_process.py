from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from entrepot.errors import Defect, InvalidRequest
from entrepot.exchange.planning import Considered
from entrepot.exchange.refusing import Refusal
from entrepot.learning.asking import Answer, Refused, Unanswered
from entrepot.policy.rules import Facts, Rule, When
from entrepot.server.in_process import TappedSpool
from tests.exchange.planners import a_planner
from tests.learning.asked import Provider, an_asker, entries_in

ASK = {"model": "cheap/small", "messages": [{"role": "user", "content": "你好"}]}


async def test_an_answer_comes_with_its_entry_which_is_written_down_like_a_clients(tmp_path: Path) -> None:
    reply = await an_asker(Provider(lambda *_: "你好！"), tmp_path, tags=("小组",)).ask(ASK)
    assert isinstance(reply, Answer)
    assert reply.text == "你好！"
    assert not reply.cut_off
    assert [entry.id for entry in entries_in(tmp_path)] == [reply.entry.id]
    assert (reply.entry.key, reply.entry.tags) == ("alice", ("collect", "小组"))
    assert reply.entry.cost_nano_usd == 10 * 100 + 20 * 400
    assert reply.entry.state == "completed"


async def test_a_failure_says_what_a_client_would_be_told(tmp_path: Path) -> None:
    reply = await an_asker(Provider(lambda *_: (429, {"retry-after": "7"})), tmp_path).ask(ASK)
    assert isinstance(reply, Unanswered)
    assert (reply.status, reply.code, reply.retry_after_s) == (429, "rate_limit", 7.0)
    assert "SECRET" not in reply.reason
    assert reply.entry.state == "failed"


@pytest.mark.parametrize("when", [When(), When(tags=("collect",)), When(tags=("机密",)), When(keys=("alice",))])
async def test_what_a_rule_forbids_is_not_asked_and_is_written_down(tmp_path: Path, when: When) -> None:
    provider = Provider(lambda *_: "x")
    rule = Rule("no providers from CN", when, deny=Facts(provider_country=("CN",)))
    asker = an_asker(provider, tmp_path, a_planner(rules=[rule]), tags=("机密",))
    assert isinstance(asker.consider(ASK), Refusal)
    reply = await asker.ask(ASK)
    assert isinstance(reply, Refused)
    assert (reply.status, reply.rule) == (403, "no providers from CN")
    assert provider.asked == []
    assert [(entry.state, entry.rule) for entry in entries_in(tmp_path)] == [("refused", "no providers from CN")]


async def test_an_unknown_name_and_a_malformed_request_are_refusals(tmp_path: Path) -> None:
    asker = an_asker(Provider(lambda *_: "x"), tmp_path)
    unknown = await asker.ask({**ASK, "model": "nobody"})
    malformed = await asker.ask({**ASK, "messages": 3})
    assert isinstance(unknown, Refused)
    assert unknown.status == 404
    assert isinstance(malformed, Refused)
    assert malformed.status == 400


def test_to_consider_asks_nobody(tmp_path: Path) -> None:
    provider = Provider(lambda *_: "x")
    considered = an_asker(provider, tmp_path).consider(ASK)
    assert isinstance(considered, Considered)
    assert considered.decision.order == ("cheap/small",)
    assert provider.asked == []
    assert entries_in(tmp_path) == []


def test_to_consider_what_is_malformed_says_where(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="messages"):
        an_asker(Provider(lambda *_: "x"), tmp_path).consider({**ASK, "messages": 3})


async def test_cancelled_it_leaves_as_a_client_would(tmp_path: Path) -> None:
    provider = Provider(lambda *_: "x", takes_turns=10**9)
    asking = asyncio.ensure_future(an_asker(provider, tmp_path).ask(ASK))
    while not provider.asked:
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [entry.state for entry in entries_in(tmp_path)] == ["client_gone"]


def test_an_entry_that_is_not_there_is_a_defect_of_ours(tmp_path: Path) -> None:
    with TappedSpool(tmp_path, "in-process") as spool, pytest.raises(Defect):
        spool.take("0197")
