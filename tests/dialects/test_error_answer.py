"""Our errors have their status, and tell a client when to come back."""

from __future__ import annotations

import pytest

from entrepot.dialects.error_answer import error_answer, whole_seconds
from entrepot.errors import InvalidRequest, RateLimited


def test_the_status_is_the_errors_and_the_body_the_dialects() -> None:
    answer = error_answer(InvalidRequest("no"), {"说": 1}, b"application/x")
    assert (answer.status, answer.body) == (400, '{"说":1}'.encode())
    assert answer.headers == ((b"content-type", b"application/x"),)


@pytest.mark.parametrize(("delay_s", "told"), [(0.0, 1), (0.2, 1), (1.0, 1), (2.5, 3)])
def test_a_client_that_waits_what_it_is_told_is_never_early(delay_s: float, told: int) -> None:
    assert whole_seconds(delay_s) == told
    headers = dict(error_answer(RateLimited("slow down", retry_after_s=delay_s), {}).headers)
    assert headers[b"retry-after"] == str(told).encode()
