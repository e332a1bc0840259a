from __future__ import annotations

import msgspec
import pytest

from entrepot.catalog.deployment import build_deployment
from entrepot.catalog.schema import Deployment
from entrepot.settings.reach import check_secrets, judge, reach_all
from tests.settings.servers import closed_port, serve, serve_silence
from tests.settings.small_catalog import SMALL

LISTING = b'{"data":[{"id":"gpt-large"},{"id":"gpt-small-2026"}]}'
ENVIRON = {"OPENAI_API_KEY": "sk-very-secret"}


def at(base_url: str, model: str = "gpt-large", provider: str = "openai") -> Deployment:
    """A deployment at a test's own address."""
    secret = "env:OPENAI_API_KEY" if provider == "openai" else None
    return build_deployment(SMALL, provider, model, base_url=base_url, secret=secret)


@pytest.mark.sockets
def test_a_deployment_that_answers_is_reachable_and_was_sent_its_key() -> None:
    with serve(body=LISTING) as served:
        (reach,) = reach_all([at(served.base_url)], ENVIRON)
    assert (reach.deployment, reach.reachable, reach.status, reach.hint) == ("openai/gpt-large", True, 200, "")
    assert reach.latency_ms is not None
    assert served.asked == [("/v1/models", "Bearer sk-very-secret")]


@pytest.mark.sockets
def test_one_address_with_one_key_is_asked_once_for_all_its_deployments() -> None:
    with serve(body=LISTING) as served:
        reaches = reach_all([at(served.base_url), at(served.base_url, "gpt-small")], ENVIRON)
    assert [reach.deployment for reach in reaches] == ["openai/gpt-large", "openai/gpt-small"]
    assert len(served.asked) == 1


@pytest.mark.sockets
def test_a_missing_key_is_said_and_nothing_is_asked() -> None:
    with serve(body=LISTING) as served:
        (reach,) = reach_all([at(served.base_url)], {})
    assert not reach.reachable
    assert "env:OPENAI_API_KEY has no value" in reach.hint
    assert served.asked == []


@pytest.mark.sockets
def test_an_address_where_nothing_listens_is_not_reachable() -> None:
    (reach,) = reach_all([at(closed_port(), "本地", "ollama")], {})
    assert (reach.reachable, reach.status) == (False, None)
    assert reach.hint.endswith("is the server started?")


@pytest.mark.sockets
def test_an_address_that_is_silent_is_given_up() -> None:
    with serve_silence() as silent:
        (reach,) = reach_all([at(silent.base_url)], ENVIRON, timeout_s=0.1)
    assert (reach.reachable, reach.hint) == (False, "no answer within 0.1 s")


@pytest.mark.sockets
def test_a_secret_is_in_nothing_that_is_reported() -> None:
    with serve(status=401, body=b'{"error":"bad key sk-very-secret"}') as served:
        reaches = reach_all([at(served.base_url), at(closed_port())], ENVIRON)
    assert "very-secret" not in repr(reaches)
    assert "very-secret" not in msgspec.json.encode(reaches).decode()


@pytest.mark.parametrize(
    ("status", "reachable", "word"),
    [
        (401, False, "the key was refused"),
        (402, False, "out of credit"),
        (403, False, "the key was refused"),
        (404, True, "is the base_url right?"),
        (405, True, "the key is not proven"),
        (429, True, "a limit is reached"),
        (500, False, "status 500"),
        (302, False, "status 302"),
    ],
)
def test_a_status_has_a_hint(status: int, reachable: bool, word: str) -> None:
    reach = judge(at("http://x/v1"), status, b"", 1.0)
    assert reach.reachable is reachable
    assert word in reach.hint


def test_a_model_that_a_local_server_does_not_list_is_not_there() -> None:
    reach = judge(at("http://x/v1", "qwen3:8b", "ollama"), 200, LISTING, 1.0)
    assert (reach.reachable, reach.hint) == (False, "answers, but does not list qwen3:8b")


def test_a_hosts_list_may_leave_a_model_out() -> None:
    reach = judge(at("http://x/v1", "gpt-middle"), 200, LISTING, 1.0)
    assert (reach.reachable, reach.hint) == (True, "answers, but does not list gpt-middle")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"models":[]}', b'{"data":[]}'])
def test_an_answer_that_is_no_list_of_models_proves_nothing_against_a_model(body: bytes) -> None:
    assert judge(at("http://x/v1"), 200, body, 1.0).hint == ""


def test_secrets_are_checked_without_a_connection() -> None:
    assert check_secrets([at("http://x/v1")], ENVIRON) == {}
    assert list(check_secrets([at("http://x/v1"), at("http://x/v1", "m", "ollama")], {})) == ["openai/gpt-large"]
