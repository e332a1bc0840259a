"""Data classes and redaction over real sockets: what providers were sent, byte for byte, and what was written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from entrepot.exchange.sensing import SensingSettings
from entrepot.policy.rules import Facts, Rule, When
from tests.end_to_end.pairs import CLIENTS, MARKS, PROVIDERS, model_at, pairs_world
from tests.end_to_end.world import World, eventually

pytestmark = [*MARKS, pytest.mark.sockets]

MAIL, PHONE, CARD = "zhang.wei@qq.com", "13812345678", "4111111111111111"
SAID = f"我是张伟，邮箱{MAIL}，手机 {PHONE}"
RULES = (
    Rule("regulated data stays in the house", When(data_classes=("regulated",)), require=Facts(on_premises=True)),
    Rule("what cannot be read stays", When(data_classes=("unreadable",)), require=Facts(on_premises=True)),
    Rule("clients in the EU are served elsewhere", When(("geo",), client_regions=("EU",)), deny=Facts(region=("CN",))),
    Rule("no tools that delete", When(tools=("delete_file",)), deny=Facts(open_weights=True)),
)
BODIES: dict[str, Any] = {
    "openai-chat": (
        "/chat/completions",
        {"messages": [{"role": "user", "content": SAID}], "user": MAIL, "max_tokens": 50},
    ),
    "openai-responses": ("/responses", {"input": SAID, "instructions": f"Write to {MAIL}", "max_output_tokens": 50}),
    "anthropic-messages": (
        "/messages",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": SAID}]}], "system": MAIL, "max_tokens": 50},
    ),
    "gemini-generate": (
        "",
        {"contents": [{"role": "user", "parts": [{"text": SAID}]}], "generationConfig": {"maxOutputTokens": 50}},
    ),
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An installation that takes addresses and phone numbers out of every request, and keeps cards in the house."""
    sensing = SensingSettings(redact=("email", "phone"))
    with pairs_world(tmp_path_factory.mktemp("guarded"), rules=RULES, sensing=sensing) as installation:
        yield installation


def ask(
    world: World, client: str, model: str, body: dict[str, Any], **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request in the client's dialect."""
    path = BODIES[client][0] or f"//v1beta/models/{quote(model, safe='')}:generateContent"
    named = body if client == "gemini-generate" else {"model": model, **body}
    return world.request(path, json.dumps(named).encode(), **headers)


def sent_to(world: World, provider: str) -> str:
    """All that the provider was sent, whatever way its characters are written."""
    assert eventually(lambda: world.simulator.under_way == 0)
    bodies = list(world.simulator.hosts[provider].bodies)
    return "".join(f"{body.decode()} {json.dumps(json.loads(body), ensure_ascii=False)}" for body in bodies)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_no_byte_of_what_is_taken_out_reaches_any_provider(guarded: World, client: str, provider: str) -> None:
    guarded.simulator.hosts[provider].bodies.clear()
    status, headers, _ = ask(guarded, client, model_at(provider, "echo"), BODIES[client][1])
    assert status == 200
    sent = sent_to(guarded, provider)
    assert "我是张伟，邮箱<email-1>，手机 <phone-1>" in sent
    assert MAIL not in sent
    assert PHONE not in sent
    decision = guarded.decision(headers["x-entrepot-exchange"])
    assert decision["sensitive"]["phone"] == 1
    assert decision["data_classes"] == ["personal"]


@pytest.mark.parametrize("client", CLIENTS)
def test_what_may_not_leave_leaves_no_byte_and_the_rule_is_named(guarded: World, client: str) -> None:
    for host in guarded.simulator.hosts.values():
        host.bodies.clear()
    body = json.loads(json.dumps(BODIES[client][1]).replace(PHONE, CARD))
    status, headers, answer = ask(guarded, client, model_at(PROVIDERS[0], "echo"), body)
    assert status == 403
    assert b"regulated data stays in the house" in answer
    assert CARD.encode() not in answer
    assert not any(host.bodies for host in guarded.simulator.hosts.values())
    decision = guarded.decision(headers["x-entrepot-exchange"])
    assert (decision["state"], decision["rule"]) == ("refused", RULES[0].name)
    assert decision["sensitive"]["card"] == 1
    assert set(decision["data_classes"]) == {"personal", "regulated"}


@pytest.mark.parametrize(
    ("body", "headers", "rule"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, {"x_entrepot_data_class": "regulated"}, 0),
        ({"messages": [{"role": "user", "content": "hi"}]}, {"x_entrepot_tags": "Regulated"}, 0),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.cn/b.png"}}]}
                ]
            },
            {},
            1,
        ),
        ({"messages": [{"role": "user", "content": "hi"}]}, {"x_entrepot_tags": "geo"}, 2),
        (
            {"messages": [{"role": "user", "content": "hi"}]},
            {"x_entrepot_tags": "geo", "x_entrepot_client_region": "US"},
            2,
        ),
        (
            {
                "messages": [{"role": "user", "content": "hi"}],
                "tools": [{"type": "function", "function": {"name": "delete_file", "parameters": {"type": "object"}}}],
            },
            {},
            3,
        ),
    ],
    ids=[
        "a class by header",
        "a class by tag",
        "an image",
        "a client that may be anywhere",
        "a client that says so",
        "a tool",
    ],
)
def test_a_rule_looks_at_what_it_names(
    guarded: World, body: dict[str, Any], headers: dict[str, str], rule: int
) -> None:
    status, _, answer = ask(guarded, "openai-chat", model_at("openai-chat", "echo"), body, **headers)
    assert status == 403, answer
    assert RULES[rule].name.encode() in answer


def test_what_was_found_is_written_down_nowhere(guarded: World) -> None:
    said = {"messages": [{"role": "user", "content": f"{SAID} {CARD}"}]}
    _, headers, _ = ask(guarded, "openai-chat", model_at("openai-chat", "echo"), said)
    assert guarded.decision(headers["x-entrepot-exchange"])["sensitive"]["card"] == 1
    for file in guarded.directory.rglob("*"):
        written = file.read_bytes() if file.is_file() else b""
        assert not any(secret.encode() in written for secret in (MAIL, PHONE, CARD)), file


def test_a_long_request_is_looked_into_all_the_same(guarded: World) -> None:
    said = {"messages": [{"role": "user", "content": f"{'合同条款。' * 20_000} {CARD} {'词' * 100}"}]}
    status, _, _ = ask(guarded, "openai-chat", model_at("openai-chat", "echo"), said)
    assert status == 403
