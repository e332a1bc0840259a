from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from entrepot.catalog.deployment import build_deployment
from entrepot.catalog.schema import Deployment
from entrepot.settings.reach import check_secrets, judge, reach_all
from tests.settings.servers import closed_port, serve, serve_silence
from tests.settings.small_catalog import SMALL
from tests.upstream.cloud_servers import SECRET, azure_identity, cloud_server, no_cloud

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


def speaking(base_url: str, dialect: str, name: str, auth: str) -> Deployment:
    """A deployment at a test's own address that speaks a dialect."""
    return msgspec.structs.replace(at(base_url), dialect=dialect, upstream_name=name, auth=auth)


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("dialect", "path", "asked", "listing"),
    [
        ("openai-responses", "/v1", "/v1/models", '{"data":[{"id":"通义"}]}'),
        ("anthropic-messages", "", "/v1/models", '{"data":[{"id":"通义"}],"has_more":false}'),
        ("anthropic-messages", "/v1", "/v1/models", '{"data":[{"id":"通义"}],"has_more":false}'),
        ("gemini-generate", "/v1beta", "/v1beta/models", '{"models":[{"name":"models/通义"}]}'),
        ("ollama-chat", "", "/v1/models", '{"data":[{"id":"通义"}]}'),
    ],
)
def test_each_dialects_list_is_asked_for_where_it_is_and_read_as_it_is(
    dialect: str, path: str, asked: str, listing: str
) -> None:
    with serve(body=listing.encode()) as served:
        base_url = served.base_url.removesuffix("/v1") + path
        there = speaking(base_url, dialect, "通义", "bearer")
        absent = speaking(base_url, dialect, "文心", "bearer")
        reaches = reach_all([there, absent], ENVIRON)
    assert [reach.hint for reach in reaches] == ["", "answers, but does not list 文心"]
    assert [asking for asking, _ in served.asked] == [asked]


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("status", "reachable", "word"), [(404, True, "no list of models"), (403, False, "refused"), (500, False, "500")]
)
def test_a_dialect_without_a_list_shows_that_somebody_answers(status: int, reachable: bool, word: str) -> None:
    with serve(status=status) as served:
        base_url = served.base_url.removesuffix("/v1")
        (reach,) = reach_all([speaking(base_url, "bedrock-converse", "nova", "bearer")], ENVIRON)
    assert (reach.reachable, reach.status) == (reachable, status)
    assert word in reach.hint


@pytest.mark.sockets
def test_a_cloud_that_gives_no_credentials_is_said_and_nothing_is_asked(tmp_path: Path) -> None:
    with no_cloud(tmp_path), serve(body=LISTING) as served:
        deployment = msgspec.structs.replace(
            at(served.base_url), auth="aws", auth_scope="us-east-1/bedrock", secret=None
        )
        (reach,) = reach_all([deployment], {})
    assert not reach.reachable
    assert "no credentials from AWS for us-east-1/bedrock: SettingsError: none found; set AWS_PROFILE" in reach.hint
    assert served.asked == []


@pytest.mark.sockets
def test_a_deployment_in_a_cloud_is_asked_with_the_clouds_credentials(tmp_path: Path) -> None:
    with no_cloud(tmp_path) as cloud, cloud_server(azure_identity) as identity, serve(body=LISTING) as served:
        cloud.setenv("IDENTITY_ENDPOINT", f"http://{identity.address}/msi/token")
        cloud.setenv("IDENTITY_HEADER", "me")
        scope = "https://cognitiveservices.azure.com/.default"
        deployment = msgspec.structs.replace(at(served.base_url), auth="azure", auth_scope=scope, secret=None)
        (reach,) = reach_all([deployment], {})
    assert (reach.reachable, reach.hint) == (True, "")
    assert served.asked == [("/v1/models", f"Bearer {SECRET}-1")]


def test_a_clouds_missing_library_is_checked_without_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    deployment = msgspec.structs.replace(at("http://x/v1"), auth="aws", auth_scope="us-east-1/bedrock", secret=None)
    assert "pip install 'entrepot[clouds]'" in check_secrets([deployment], {})["openai/gpt-large"]
