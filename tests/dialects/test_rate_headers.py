from __future__ import annotations

from entrepot.dialects.rate_headers import Allowance, render_rate_headers

REQUESTS, TOKENS = Allowance(60, 59, 60.0), Allowance(1000, 0, 12.2)


def test_openais_dialects_have_openais_names() -> None:
    for dialect in ("openai-chat", "openai-responses", "openai-embeddings"):
        assert dict(render_rate_headers(dialect, REQUESTS, TOKENS, 0.0)) == {
            b"x-ratelimit-limit-requests": b"60",
            b"x-ratelimit-remaining-requests": b"59",
            b"x-ratelimit-reset-requests": b"60s",
            b"x-ratelimit-limit-tokens": b"1000",
            b"x-ratelimit-remaining-tokens": b"0",
            b"x-ratelimit-reset-tokens": b"13s",
        }


def test_anthropics_says_at_which_moment() -> None:
    assert dict(render_rate_headers("anthropic-messages", None, TOKENS, 1_800_000_000.0)) == {
        b"anthropic-ratelimit-tokens-limit": b"1000",
        b"anthropic-ratelimit-tokens-remaining": b"0",
        b"anthropic-ratelimit-tokens-reset": b"2027-01-15T08:00:13Z",
    }


def test_gemini_has_none() -> None:
    assert render_rate_headers("gemini-generate", REQUESTS, TOKENS, 0.0) == ()
