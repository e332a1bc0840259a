"""The running gateway under hostile and broken requests: each is answered, none with our defect, and memory stays bounded."""

from __future__ import annotations

import contextlib
import copy
import json
import socket
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.end_to_end.world import KEY, World

pytestmark = pytest.mark.end_to_end

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}
TOOL = {"name": "f", "description": "天气", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BLOCKS = [
    {"type": "text", "text": "你好", "cache_control": {"type": "ephemeral"}},
    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "tool_reference", "tool_name": "f"}]},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
]
VALID: dict[str, dict[str, Any]] = {
    "/chat/completions": {
        "model": "auto",
        "messages": [
            {"role": "system", "content": "简短"},
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "晴"},
        ],
        "tools": [{"type": "function", "function": TOOL}],
        "tool_choice": "auto",
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": CLOSED}},
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
        "temperature": 0.5,
        "stop": ["x"],
        "n": 1,
    },
    "/messages": {
        "model": "auto",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "简短"}],
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": "b"}}]},
            {"role": "user", "content": BLOCKS},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": CLOSED}},
        "metadata": {"user_id": "u"},
    },
    "/responses": {
        "model": "auto",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "想"}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "namespace": "n", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "晴"},
            {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "g"}]},
        ],
        "instructions": "简短",
        "tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function", **TOOL}]}],
        "text": {"format": {"type": "json_schema", "name": "x", "schema": CLOSED}},
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    },
    "//v1beta/models/auto:generateContent": {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": "b"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "晴"}}}]},
        ],
        "systemInstruction": {"parts": [{"text": "简短"}]},
        "tools": [{"functionDeclarations": [TOOL]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {"maxOutputTokens": 9, "responseMimeType": "text/plain", "thinkingConfig": {}},
    },
}
VALID["//v1beta/models/auto:countTokens"] = {"generateContentRequest": VALID["//v1beta/models/auto:generateContent"]}
VALID["/messages/count_tokens"] = VALID["/messages"]
VALID["/completions"] = {
    "model": "auto",
    "prompt": "从前",
    "max_tokens": 9,
    "stop": ["\n"],
    "temperature": 0.5,
    "logit_bias": {"50256": -100},
    "echo": False,
}
CONTENT = {"content": {"parts": [{"text": "你好"}]}, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 4}
REFUSED: dict[str, dict[str, Any]] = {
    "/embeddings": {"model": "auto", "input": ["你好", "hi"], "dimensions": 4, "encoding_format": "base64"},
    "//v1beta/models/auto:embedContent": CONTENT,
    "//v1beta/models/auto:batchEmbedContents": {"requests": [{"model": "models/auto", **CONTENT}]},
}
"""Good requests that nothing here can answer: they are read, and then there is no model."""
ALL = {**VALID, **REFUSED}
CODES = {200, 400, 403, 404, 408, 413}
NUMBERS = st.sampled_from([0, -1, 2**63, -(2**64), 10**400, 1e308, 5e-324, 0.1])
WORDS = st.sampled_from(["", "auto", "none", "\ud800", "\x00", "data:,", "🚀" * 50, "assistant", "tool_use", "{", "-1"])
JUNK = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.sampled_from(["type", "text"]), inner, max_size=3)
    ),
    max_leaves=6,
)
BOUNDED = settings(
    max_examples=120,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


SCHEMAS = (
    "schema",
    "parameters",
    "input_schema",
)  # what is in one is passed on, and a stand-in takes it for a good one


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything inside a value, but for schemas."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        if name in SCHEMAS:
            continue
        yield (*path, name)
        yield from places(inner, (*path, name))


@st.composite
def nearly_valid(draw: st.DrawFn, body: dict[str, Any]) -> dict[str, Any]:
    """The body with one to three of its places replaced by junk, taken out, or doubled."""
    made = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        left = sorted(places(made), key=repr)
        if not left:
            break
        *way, last = draw(st.sampled_from(left))
        inside: Any = made
        for name in way:
            inside = inside[name]
        match draw(st.sampled_from(["replace", "replace", "remove", "double"])):
            case "replace":
                inside[last] = draw(JUNK)
            case "remove":
                del inside[last]
            case _ if isinstance(last, int):
                inside.append(copy.deepcopy(inside[last]))
            case _:
                inside[f"{last}_"] = inside[last]
    return made


def sent(entrepot: World, path: str, body: bytes, **headers: str) -> int:
    """The status that a body gets; whatever it is, the answer is complete and is JSON or events."""
    status, told, data = entrepot.request(path, body, **headers)
    assert status in CODES, (status, body[:2000], data[:500])
    if told["content-type"] == "application/json":
        json.loads(data)
    return status


@pytest.mark.parametrize("path", ALL)
@BOUNDED
@given(data=st.data())
def test_a_body_that_is_nearly_valid_is_answered(entrepot: World, path: str, data: st.DataObject) -> None:
    body = data.draw(nearly_valid(ALL[path]))
    sent(entrepot, path, json.dumps(body).encode())


@pytest.mark.parametrize("path", ALL)
def test_what_the_others_are_made_of_is_valid(entrepot: World, path: str) -> None:
    assert sent(entrepot, path, json.dumps(ALL[path]).encode()) == (200 if path in VALID else 400)


@pytest.mark.parametrize("path", ALL)
@BOUNDED
@given(data=st.data())
def test_bytes_that_are_broken_are_answered(entrepot: World, path: str, data: st.DataObject) -> None:
    body = bytearray(json.dumps(ALL[path], ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    kind = data.draw(
        st.sampled_from(["application/json", "text/plain", "multipart/form-data", "", "a/b; charset=utf-16"])
    )
    sent(entrepot, path, bytes(body), content_type=kind)


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"tools":[{"function":', b'{"model":"auto","input":[{"a":'])
def test_depth_without_end_is_refused(entrepot: World, path: str, opening: bytes) -> None:
    assert sent(entrepot, path, opening * 40_000) == 400
    inner = opening.rsplit(b"[{", 1)[-1].strip(b"{") or b"["
    body = json.dumps(ALL[path]).encode()
    assert sent(entrepot, path, body[:-1] + b',"deep":' + b"[" * 90_000 + inner) == 400
    sent(entrepot, path, body[:-1] + b',"deep":' + b"[" * 700 + b"]" * 700 + b"}")


@contextlib.contextmanager
def connection(entrepot: World) -> Iterator[socket.socket]:
    installation = entrepot.installation
    with socket.create_connection((installation.host, installation.port), timeout=20) as opened:
        yield opened


def head(path: str, *lines: str) -> bytes:
    named = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
    return (named + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


def whole_answer(opened: socket.socket) -> bytes:
    """All that is said until the gateway closes."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := opened.recv(65536):
            said += piece
    return said


@BOUNDED
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    end=st.booleans(),
    path=st.sampled_from(sorted(ALL)),
)
def test_a_chunked_upload_that_is_cut_off_is_let_go(entrepot: World, pieces: list[bytes], end: bool, path: str) -> None:
    url = path[1:] if path.startswith("//") else f"/v1{path}"
    with connection(entrepot) as opened:
        opened.sendall(head(url, "transfer-encoding: chunked", "connection: close"))
        for piece in pieces:
            opened.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        if not end:
            return  # it goes in the middle of its body
        opened.sendall(b"0\r\n\r\n")
        assert whole_answer(opened).startswith(b"HTTP/1.1 400")


@BOUNDED
@given(garbage=st.binary(min_size=1, max_size=60))
def test_chunks_that_are_none_do_no_harm(entrepot: World, garbage: bytes) -> None:
    with connection(entrepot) as opened:
        opened.sendall(head("/v1/messages", "transfer-encoding: chunked", "connection: close"))
        opened.sendall(garbage)
        opened.shutdown(socket.SHUT_WR)
        said = whole_answer(opened)
    assert b"HTTP/1.1 500" not in said


def gateways() -> list[psutil.Process]:
    """The processes that this one has started to answer; the simulator is a thread."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "entrepot.app" in child.cmdline()]


def test_an_upload_without_end_is_refused_and_not_kept(entrepot: World) -> None:
    before = sum(process.memory_info().rss for process in gateways())
    for _ in range(5):
        with connection(entrepot) as opened, contextlib.suppress(ConnectionError):
            opened.sendall(head("/v1/chat/completions", "transfer-encoding: chunked"))
            for _ in range(300):  # 30 MB, where the limit is 2
                opened.sendall(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
    after = sum(process.memory_info().rss for process in gateways())
    assert after - before < 40_000_000
    assert entrepot.request("//livez", key=None)[0] == 200
