"""The gateway as a program meets it: bad input, failing providers, leaving clients, what is written down."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest

from entrepot.ledger.lookup import find_entry
from tests.end_to_end.world import KEY, OTHER_KEY, PUBLIC_SECTOR_KEY, World, eventually

pytestmark = pytest.mark.end_to_end

HELLO = b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}]}'


def error_of(data: bytes) -> dict[str, Any]:
    """The error object, which must have the dialect's shape."""
    error: dict[str, Any] = json.loads(data)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "Traceback" not in error["message"]
    return error


@pytest.mark.parametrize(
    ("body", "status", "param", "told"),
    [
        (b"", 400, None, "not valid JSON"),
        (b'{"model": ', 400, None, "not valid JSON"),
        (b"\x00\x01", 400, None, "not valid JSON"),
        (b"null", 400, None, "object"),
        (b'{"x":' + b"[" * 50_000, 400, None, "nested too deeply"),
        (b'{"model": "auto", "messages": 3}', 400, "messages", "array"),
        (
            b'{"model": "auto", "messages": [{"role": "user", "content": {"a": 1}}]}',
            400,
            "messages[0].content",
            "object",
        ),
        (b'{"model": "nope", "messages": [{"role": "user", "content": "x"}]}', 404, "model", "nope"),
        (
            b'{"model": "auto", "messages": [{"role": "user", "content": "' + b"x" * 2_000_000 + b'"}]}',
            413,
            None,
            "limit",
        ),
    ],
)
def test_bad_bodies_get_the_dialects_error(
    entrepot: World, body: bytes, status: int, param: str | None, told: str
) -> None:
    got, headers, data = entrepot.request("/chat/completions", body)
    error = error_of(data)
    assert got == status
    assert error["param"] == param
    assert told in error["message"]
    assert len(headers["x-entrepot-exchange"]) == 36


@pytest.mark.parametrize("key", [None, "", "wrong", "sk-" + "x" * 5000])
def test_no_key_no_service(entrepot: World, key: str | None) -> None:
    for path, body in (("/chat/completions", HELLO), ("/models", None), ("/decisions/" + "0" * 36, None)):
        status, _, data = entrepot.request(path, body, key=key)
        assert status == 401
        assert error_of(data)["type"] == "authentication_error"


def test_a_key_is_taken_from_every_usual_header(entrepot: World) -> None:
    assert entrepot.request("/models", key=None, x_api_key=KEY)[0] == 200
    assert entrepot.request("/models", key=None, authorization=f"bearer {KEY}")[0] == 200
    assert entrepot.request("/models", key=None, authorization=f"Basic {KEY}")[0] == 401


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/nothing", "GET", 404),
        ("//", "POST", 405),
        ("//openapi.json", "PUT", 405),
        ("//index.html", "GET", 404),
        ("/chat/completions", "GET", 405),
        ("/models", "DELETE", 405),
        ("/decisions/", "GET", 404),
        ("/decisions/not-an-id", "GET", 404),
    ],
)
def test_wrong_paths_and_methods_are_told(entrepot: World, path: str, method: str, status: int) -> None:
    got, _, data = entrepot.request(path, method=method)
    assert got == status
    error_of(data)


def test_health_needs_no_key(entrepot: World) -> None:
    assert json.loads(entrepot.request("//livez", key=None)[2]) == {"status": "live"}
    assert json.loads(entrepot.request("//readyz", key=None)[2]) == {"status": "ready"}


def test_who_only_knocks_is_told_what_this_is(entrepot: World) -> None:
    status, headers, data = entrepot.request("//", key=None)
    assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert "/openapi.json" in data.decode()
    status, headers, data = entrepot.request("//", key=None, method="HEAD")
    assert (status, data) == (200, b"")
    assert int(headers["content-length"]) > 0


def raw_connection(entrepot: World) -> socket.socket:
    return socket.create_connection((entrepot.installation.host, entrepot.installation.port), timeout=10)


def raw_request(length: int) -> bytes:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
    return f"{head}content-length: {length}\r\n\r\n".encode()


def test_a_body_that_does_not_come_is_not_waited_for_forever(entrepot: World) -> None:
    with raw_connection(entrepot) as connection:
        connection.sendall(raw_request(100) + b'{"model"')
        answer = b""
        while b"did not arrive" not in answer and (piece := connection.recv(65536)):  # head and body may come apart
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive" in answer


@pytest.mark.parametrize(
    "fault",
    [
        "status:500",
        "status:429:seconds=7",
        "refuse",
        "malformed-json",
        "html",
        "error-in-200",
        "hang",
        "status:400:context",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_fails_over_to_the_next_candidate(entrepot: World, fault: str, stream: bool) -> None:
    status, headers, body = entrepot.chat(f"after-{fault}", stream=stream)
    assert status == 200
    assert headers["x-entrepot-deployment"] == "dear/large"
    assert (b"[DONE]" in body) if stream else body["choices"][0]["message"]["content"]
    decision = entrepot.decision(headers["x-entrepot-exchange"])
    called = [attempt["deployment"] for attempt in decision["attempts"]]
    if fault.startswith("status:429") and len(called) == 1:  # it asked the exchange before to be left alone
        assert called == ["dear/large"]
        assert decision["decision"]["order"] == ["dear/large", f"faulty/{fault}"]
        return
    assert called == [f"faulty/{fault}", "dear/large"]
    assert decision["attempts"][0]["failure"]
    assert decision["state"] == "completed"


@pytest.mark.parametrize("fault", ["close-midway", "half-chunk", "error-frame", "hang-midway"])
def test_a_stream_that_breaks_midway_ends_in_an_error_event(entrepot: World, fault: str) -> None:
    status, headers, body = entrepot.chat(f"after-{fault}", "tell me a longer story please", stream=True)
    assert status == 200
    events = [frame for frame in body.split(b"\n\n") if frame]
    assert "error" in json.loads(events[-1].removeprefix(b"data: "))
    assert all("choices" in json.loads(event.removeprefix(b"data: ")) for event in events[:-1])
    decision = entrepot.decision(headers["x-entrepot-exchange"])
    assert decision["state"] == "broken"
    assert [attempt["deployment"] for attempt in decision["attempts"]] == [f"faulty/{fault}"]


@pytest.mark.parametrize("fault", ["no-done", "pings", "one-byte-writes", "other-model:gpt-x"])
def test_harmless_oddities_reach_the_client_as_a_good_stream(entrepot: World, fault: str) -> None:
    status, headers, body = entrepot.chat(f"faulty/{fault}", "hello", stream=True)
    assert status == 200
    assert body.endswith(b"data: [DONE]\n\n")
    decision = entrepot.decision(headers["x-entrepot-exchange"])
    assert decision["state"] == "completed"
    assert decision["served"]["model"] == f"fault-{fault}"  # priced by what was chosen, whatever the answer claims


def test_usage_that_is_not_reported_is_estimated_and_marked(entrepot: World) -> None:
    _, headers, _ = entrepot.chat("faulty/no-usage", "hello", stream=True)
    usage = entrepot.decision(headers["x-entrepot-exchange"])["usage"]
    assert usage["estimated"]
    assert usage["output_tokens"] > 0


def test_a_rule_is_obeyed_and_named(entrepot: World) -> None:
    status, headers, body = entrepot.chat("cheap/small", key=PUBLIC_SECTOR_KEY)
    assert status == 403
    assert "no providers from CN" in body["error"]["message"]
    decision = entrepot.decision(headers["x-entrepot-exchange"], PUBLIC_SECTOR_KEY)
    assert (decision["state"], decision["rule"], decision["attempts"]) == ("refused", "no providers from CN", [])
    status, headers, _ = entrepot.chat("auto", key=PUBLIC_SECTOR_KEY)
    assert (status, headers["x-entrepot-deployment"]) == (200, "dear/large")
    rejected = entrepot.decision(headers["x-entrepot-exchange"], PUBLIC_SECTOR_KEY)["decision"]["candidates"]
    assert any(c["deployment"] == "cheap/small" and "no providers from CN" in c["rejected"] for c in rejected)


def test_a_request_can_narrow_itself_by_a_tag(entrepot: World) -> None:
    for _ in range(3):
        _, headers, _ = entrepot.chat("auto", headers={"x-entrepot-tags": "other, public-sector"})
        assert headers["x-entrepot-deployment"] == "dear/large"


def test_a_rule_holds_on_failover_too(entrepot: World) -> None:
    status, headers, _ = entrepot.chat("after-status:500", key=PUBLIC_SECTOR_KEY)
    assert status == 200
    attempts = entrepot.decision(headers["x-entrepot-exchange"], PUBLIC_SECTOR_KEY)["attempts"]
    assert [attempt["deployment"] for attempt in attempts] == ["dear/large"]


def test_quality_can_be_asked_for_by_the_request(entrepot: World) -> None:
    _, loose, _ = entrepot.chat("auto", headers={"x-entrepot-quality": "1"})
    assert loose["x-entrepot-deployment"] == "cheap/small"
    status, _, body = entrepot.chat("auto", headers={"x-entrepot-quality": "high"})
    assert status == 400
    assert body["error"]["param"] == "x-entrepot-quality"


def test_a_decision_is_there_as_soon_as_the_answer_is(entrepot: World) -> None:
    for stream in (False, True):
        _, headers, _ = entrepot.chat(stream=stream)
        decision = entrepot.decision(headers["x-entrepot-exchange"])
        assert decision["decision"]["reason"]
        assert decision["decision"]["router"]
        assert decision["team"] == "red"
        assert decision["tags"] == ["小组"]
        assert decision["baseline"]["deployment"] == "dear/large"
        assert sum(c["propensity"] for c in decision["decision"]["candidates"]) == 1.0


def test_another_keys_decision_is_not_to_be_seen(entrepot: World) -> None:
    _, headers, _ = entrepot.chat()
    assert entrepot.request(f"/decisions/{headers['x-entrepot-exchange']}", key=OTHER_KEY)[0] == 404


def test_a_client_that_leaves_midway_frees_the_provider_and_is_written_down(entrepot: World) -> None:
    body = b'{"model": "slow", "stream": true, "messages": [{"role": "user", "content": "' + b"tell " * 200 + b'"}]}'
    with raw_connection(entrepot) as connection:
        connection.sendall(raw_request(len(body)) + body)
        received = b""
        while received.count(b"data: ") < 3:
            received += connection.recv(65536)
        assert entrepot.simulator.under_way == 1
    assert eventually(lambda: entrepot.simulator.under_way == 0, within_s=2)
    exchange = received.lower().split(b"x-entrepot-exchange: ")[1].split(b"\r\n")[0].decode()
    assert eventually(lambda: find_entry(entrepot.directory, exchange) is not None)
    decision = entrepot.decision(exchange)
    assert decision["state"] == "client_gone"
    assert decision["usage"]["estimated"]
    assert decision["usage"]["output_tokens"] > 0
    assert float(decision["cost_usd"]) > 0


def test_an_endless_answer_ends_with_the_exchanges_deadline_or_the_client(entrepot: World) -> None:
    body = b'{"model": "faulty/endless", "stream": true, "messages": [{"role": "user", "content": "x"}]}'
    with raw_connection(entrepot) as connection:
        connection.sendall(raw_request(len(body)) + body)
        received = 0
        while received < 300_000:
            received += len(connection.recv(65536))
        time.sleep(0.2)  # a client that reads nothing for a while: the gateway must not pile up what comes
    assert eventually(lambda: entrepot.simulator.under_way == 0, within_s=5)


def test_the_ledger_agrees_with_the_providers_books_to_the_token(entrepot: World) -> None:
    before = len(entrepot.simulator.books.rows)
    exchanges = [
        entrepot.chat(model, f"count these tokens 数一数 {number}", stream=stream)[1]["x-entrepot-exchange"]
        for number, (model, stream) in enumerate(
            (model, stream) for model in ("cheap/small", "dear/large", "yuan/middle") for stream in (False, True)
        )
    ]
    # What another test's client left behind may be booked meanwhile.
    booked = [row for row in entrepot.simulator.books.rows[before:] if row.state == "completed" and row.fault is None]
    for exchange, row in zip(exchanges, booked, strict=True):
        entry = find_entry(entrepot.directory, exchange)
        assert entry is not None
        assert entry.usage is not None
        told = entry.usage
        assert (told.input_tokens, told.cache_read_tokens, told.output_tokens, told.reasoning_tokens) == (
            row.tokens.input_tokens,
            row.tokens.cache_read_tokens,
            row.tokens.output_tokens,
            row.tokens.reasoning_tokens,
        )
        assert entry.attempts[0].cost_nano == row.cost_nano
        assert entry.attempts[0].currency == row.currency


def test_no_secret_is_anywhere_on_disk(entrepot: World) -> None:
    entrepot.chat()
    for path in entrepot.directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert KEY.encode() not in content
            assert b"sk-secret-of-the-provider" not in content
