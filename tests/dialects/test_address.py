from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.dialects.address import join_address, without_call


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        ("https://api.example/v1", "/chat/completions", "https://api.example/v1/chat/completions"),
        ("https://api.example/v1/", "/chat/completions", "https://api.example/v1/chat/completions"),
        ("https://api.deepseek.com", "/chat/completions", "https://api.deepseek.com/chat/completions"),
    ],
)
def test_a_path_follows_the_base_address(base_url: str, path: str, url: str) -> None:
    assert join_address(base_url, path) == url


def test_a_query_of_the_base_address_is_kept_at_the_end() -> None:
    base = "https://acme.openai.azure.com/openai/deployments/{model}?api-version=2024-10-21"
    assert join_address(base, "/chat/completions", "gpt-5") == (
        "https://acme.openai.azure.com/openai/deployments/gpt-5/chat/completions?api-version=2024-10-21"
    )


def test_the_queries_of_both_are_kept() -> None:
    url = join_address("https://g.example/v1beta?tenant=7", "/models/x:streamGenerateContent?alt=sse")
    assert url == "https://g.example/v1beta/models/x:streamGenerateContent?tenant=7&alt=sse"


def test_a_models_name_is_percent_encoded_where_the_address_wants_it() -> None:
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/模型"
    assert join_address("https://b.example", "/model/{model}/converse", arn) == (
        "https://b.example/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2F%E6%A8%A1%E5%9E%8B/converse"
    )


def test_a_models_date_stays_readable_as_google_writes_it() -> None:
    url = join_address("https://v.example/publishers/anthropic", "/models/{model}:rawPredict", "claude-x@20260101")
    assert url == "https://v.example/publishers/anthropic/models/claude-x@20260101:rawPredict"


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        ("https://api.example/v1/chat/completions", "https://api.example/v1"),
        ("https://api.example/v1/chat/completions/", "https://api.example/v1"),
        ("https://api.example/v1/responses", "https://api.example/v1"),
        ("https://api.example/v1/embeddings", "https://api.example/v1"),
        ("https://api.example/anthropic/v1/messages", "https://api.example/anthropic/v1"),
        ("https://g.example/v1beta/models/gemini-3:generateContent", "https://g.example/v1beta"),
        ("https://b.example/model/x/converse-stream", "https://b.example"),
        ("http://127.0.0.1:11434/api/chat", "http://127.0.0.1:11434"),
        (
            "https://a.example/openai/deployments/d/chat/completions?api-version=1",
            "https://a.example/openai/deployments/d?api-version=1",
        ),
    ],
)
def test_quirk_61_an_address_pasted_with_its_call_loses_the_call(pasted: str, meant: str) -> None:
    assert without_call(pasted) == meant
    assert join_address(pasted, "/responses") == join_address(meant, "/responses")


@pytest.mark.parametrize("base_url", ["https://chat.example/v1", "https://x.example/messages-api", "https://r.example"])
def test_what_only_resembles_a_call_is_kept(base_url: str) -> None:
    assert without_call(base_url) == base_url


@pytest.mark.parametrize("base_url", ["https://api.anthropic.com", "https://api.anthropic.com/v1"])
def test_a_version_is_said_once(base_url: str) -> None:
    assert join_address(base_url, "/v1/messages") == "https://api.anthropic.com/v1/messages"


@given(query=st.dictionaries(st.text("abcü模", min_size=1), st.text("xyz0", min_size=1), max_size=3), model=st.text())
def test_whatever_the_model_is_called_host_and_query_stay(query: dict[str, str], model: str) -> None:
    text = "&".join(f"{key}={value}" for key, value in query.items())
    url = urlsplit(join_address(f"https://h.example/{{model}}?{text}", "/chat/completions", model))
    assert url.netloc == "h.example"
    assert url.path.endswith("/chat/completions")
    assert dict(parse_qsl(url.query)) == query
