from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import ProviderError
from entrepot.upstream.request import (
    Origin,
    parse_address,
    render_length,
    render_line,
    render_lines,
    render_request_line,
)


@pytest.mark.parametrize(
    ("url", "origin", "authority", "target"),
    [
        ("https://api.test/v1/chat", Origin("https", "api.test", 443), "api.test", "/v1/chat"),
        ("https://api.test:443/v1", Origin("https", "api.test", 443), "api.test", "/v1"),
        ("http://API.test", Origin("http", "api.test", 80), "api.test", "/"),
        ("http://127.0.0.1:11434/api", Origin("http", "127.0.0.1", 11434), "127.0.0.1:11434", "/api"),
        ("http://[::1]:8000/v1?a=b&c", Origin("http", "::1", 8000), "[::1]:8000", "/v1?a=b&c"),
        ("https://[2001:db8::1]/", Origin("https", "2001:db8::1", 443), "[2001:db8::1]", "/"),
        ("http://vllm_1.local?x#part", Origin("http", "vllm_1.local", 80), "vllm_1.local", "/?x"),
        ("https://a.test/m/gemini:generateContent", Origin("https", "a.test", 443), "a.test", "/m/gemini:generateContent"),
        ("https://a.test/%E6%A8%A1%E5%9E%8B", Origin("https", "a.test", 443), "a.test", "/%E6%A8%A1%E5%9E%8B"),
    ],
)  # fmt: skip
def test_addresses_are_parsed(url: str, origin: Origin, authority: str, target: str) -> None:
    address = parse_address(url)

    assert (address.origin, address.target) == (origin, target)
    assert origin.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.test/v1",
        "ftp://api.test/",
        "file:///etc/passwd",
        "http://",
        "http:///v1",
        "http://user@api.test/",
        "http://user:word@api.test/",
        "http://api.test:word/",
        "http://api.test:0/",
        "http://api.test:65536/",
        "http://api.test/a b",
        "http://api.test/\r\nx: y",
        "http://api.test\0/",
        "http://api.test/模型",
        "http://模型.test/",
        "http://a..test/",
        "http://" + "a" * 64 + ".test/",
        "http://" + "a." * 127 + "test/",
        "http://[::1",
        "http://[::1%25eth0]/",
        "http://a,b/",
    ],
)
def test_addresses_that_could_mean_something_else_are_refused(url: str) -> None:
    with pytest.raises(ProviderError, match="the address to call"):
        parse_address(url)


def test_a_password_in_an_address_is_not_repeated() -> None:
    for url in ("http://me:hunter2@api.test/", "http://me:hunter2", "http://me:hunter2/path"):
        with pytest.raises(ProviderError) as caught:
            parse_address(url)
        assert "hunter2" not in str(caught.value)


def test_header_lines_have_our_defaults_and_ask_for_no_coding() -> None:
    lines = render_lines(((b"content-type", b"application/json"), (b"accept-encoding", b"br")))

    assert lines.startswith(b"content-type: application/json\r\nuser-agent: entrepot/")
    assert lines.endswith(b"\r\naccept: */*\r\naccept-encoding: identity\r\n")
    assert b"br\r\n" not in lines


def test_a_caller_may_name_its_agent_and_what_it_accepts() -> None:
    lines = render_lines(((b"User-Agent", b"mine/1"), (b"accept", b"text/event-stream")))

    assert lines == b"User-Agent: mine/1\r\naccept: text/event-stream\r\naccept-encoding: identity\r\n"


@pytest.mark.parametrize(
    "name",
    [
        "host",
        "Content-Length",
        "transfer-encoding",
        "connection",
        "upgrade",
        "expect",
        "te",
        "authorization",
        "X-Api-Key",
        "x-goog-api-key",
        "api-key",
        "proxy-authorization",
    ],
)
def test_framing_and_credentials_are_written_by_nobody_else(name: str) -> None:
    with pytest.raises(ProviderError, match="written by the upstream client alone"):
        render_lines(((name.encode(), b"x"),))


@pytest.mark.parametrize("name", [b"", b"a b", b"a:b", b"a\r\nb", b"a\0", "名".encode()])
def test_header_names_must_be_tokens(name: bytes) -> None:
    with pytest.raises(ProviderError, match="malformed"):
        render_line(name, b"x")


@given(before=st.binary(), bad=st.sampled_from([b"\r", b"\n", b"\0", b"\r\nx: y"]), after=st.binary())
def test_no_header_value_can_end_its_line(before: bytes, bad: bytes, after: bytes) -> None:
    with pytest.raises(ProviderError, match="line end or NUL"):
        render_line(b"x-name", before + bad + after)


def test_the_request_line() -> None:
    assert render_request_line("POST", "/v1/chat?a=b") == b"POST /v1/chat?a=b HTTP/1.1\r\n"
    for method in ("", "GET /", "GET\r\n", "取"):
        with pytest.raises(ProviderError, match="method"):
            render_request_line(method, "/")


def test_a_body_has_its_length_and_a_get_without_one_has_none() -> None:
    assert render_length("POST", "货".encode()) == b"content-length: 3\r\n\r\n"
    assert render_length("POST", b"") == b"content-length: 0\r\n\r\n"
    assert render_length("GET", b"") == b"\r\n"
    assert render_length("GET", b"x") == b"content-length: 1\r\n\r\n"
