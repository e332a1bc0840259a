from __future__ import annotations

import pytest

from entrepot.settings.probe import LocalServer, Port, probe, usual_ports
from tests.settings.servers import closed_port, serve, serve_silence

USUAL = {"ollama": "http://127.0.0.1:11434", "vllm": "http://127.0.0.1:8000/v1"}
LISTING = '{"object":"list","data":[{"id":"qwen3:8b","owned_by":"library"},{"id":"本地模型"}]}'.encode()


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("gpu:9000", "http://gpu:9000"),
        ("https://ollama.example.com", "https://ollama.example.com:443"),
        ("http://[::]:11500/", "http://127.0.0.1:11500"),
        ("::1", "http://127.0.0.1:11434"),
        ("[::1]:7", "http://[::1]:7"),
        ("gpu:many", "http://gpu:11434"),
        ("http://proxy/ollama", "http://proxy:11434/ollama"),
    ],
)
def test_ollama_is_asked_where_it_says_it_is(host: str, base_url: str) -> None:
    assert usual_ports(USUAL, {"OLLAMA_HOST": host}) == [
        Port("ollama", base_url),
        Port("vllm", "http://127.0.0.1:8000/v1"),
    ]


@pytest.mark.sockets
def test_a_server_is_found_with_its_models_and_sent_no_credential() -> None:
    with serve(body=LISTING) as served:
        found = probe([Port("vllm", closed_port()), Port("ollama", served.base_url)])
    assert found == [LocalServer("ollama", served.base_url, ("qwen3:8b", "本地模型"))]
    assert served.asked == [("/v1/models", None)]


@pytest.mark.sockets
def test_a_server_whose_address_has_no_version_lists_its_models_below_v1_all_the_same() -> None:
    with serve(body=LISTING) as served:
        root = served.base_url.removesuffix("/v1")
        assert probe([Port("ollama", root)]) == [LocalServer("ollama", root, ("qwen3:8b", "本地模型"))]
    assert served.asked == [("/v1/models", None)]


@pytest.mark.sockets
def test_a_server_that_wants_a_key_is_locked() -> None:
    with serve(status=401) as served:
        assert probe([Port("vllm", served.base_url)]) == [LocalServer("vllm", served.base_url, (), locked=True)]


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("status", "body"), [(404, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"data":[{"name":1}]}'), (302, b"")]
)
def test_a_server_of_something_else_is_none(status: int, body: bytes) -> None:
    with serve(status=status, body=body) as served:
        assert probe([Port("vllm", served.base_url)]) == []


@pytest.mark.sockets
def test_a_server_without_models_has_none() -> None:
    with serve(body=b'{"object":"list","data":null}') as served:
        assert probe([Port("ollama", served.base_url)]) == [LocalServer("ollama", served.base_url, ())]


@pytest.mark.sockets
def test_silence_is_waited_out_and_means_nothing_there() -> None:
    with serve_silence() as silent:
        assert probe([Port("vllm", silent.base_url)]) == []


def test_nothing_to_ask_finds_nothing() -> None:
    assert probe([]) == []
