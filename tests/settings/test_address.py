from __future__ import annotations

import pytest

from entrepot.settings.address import check_base_url, is_own_machine


@pytest.mark.parametrize("base_url", ["https://api.deepseek.com", "http://[::1]:8000/v1", "http://gpu:8000/v1"])
def test_an_address_is_one(base_url: str) -> None:
    assert check_base_url(base_url) is None


@pytest.mark.parametrize(
    "base_url",
    ["", "api.deepseek.com", "ftp://x/v1", "https://", "http://x:99999/v1", "http://x:0", "http://[::1", "http://a b/"],
)
def test_what_is_no_address_is_refused(base_url: str) -> None:
    assert check_base_url(base_url) == "not an address; write it as https://host/v1"


def test_an_address_may_have_a_query() -> None:
    assert check_base_url("https://x/openai/deployments/d?api-version=2024-10-21") is None


def test_a_fragment_is_refused() -> None:
    assert "fragment" in (check_base_url("https://x/v1#top") or "")


@pytest.mark.parametrize("name", ["key", "api_key", "subscription-key", "access_token", "sig"])
def test_a_key_in_a_query_is_refused_without_repeating_it(name: str) -> None:
    wrong = check_base_url(f"https://x/v1?{name}=hush-hush") or ""
    assert "by reference" in wrong
    assert "hush" not in wrong


@pytest.mark.parametrize(
    ("base_url", "own"),
    [
        ("http://127.0.0.1:11434/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://10.0.0.7/v1", True),
        ("http://172.20.0.3:8000", True),
        ("http://localhost:1234/v1", True),
        ("http://ollama:11434/v1", True),
        ("http://vllm.models.svc.cluster.local/v1", True),
        ("http://gpu.intern.internal/v1", True),
        ("https://ollama.com/v1", False),
        ("http://8.8.8.8/v1", False),
        ("https://localhost.example.com/v1", False),
        ("https://模型.example.cn/v1", False),
    ],
)
def test_only_an_address_that_can_be_nobody_elses_is_ones_own(base_url: str, own: bool) -> None:
    assert is_own_machine(base_url) is own
