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


def test_a_query_is_refused() -> None:
    assert "query" in (check_base_url("https://x/v1?api-version=1") or "")


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
