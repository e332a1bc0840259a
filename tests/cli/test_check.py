from __future__ import annotations

import json

import pytest

from tests.certificates import Authority
from tests.cli.promised import write_promised
from tests.cli.run import Command
from tests.settings.servers import closed_port, serve

KEY = "sk-very-secret"


def write(entrepot: Command, base_url: str, more: str = "") -> None:
    """Settings with one deployment at a test's own address."""
    document = f"""\
[[deployments]]
id = "我的/模型"
provider = "openai-compatible"
model = "qwen3:8b"
base_url = "{base_url}"
key = "env:MY_KEY"
on_premises = true
{more}
"""
    (entrepot.directory / "entrepot.toml").write_text(document, encoding="utf-8")


@pytest.mark.sockets
def test_all_is_well_when_every_deployment_answers(entrepot: Command) -> None:
    with serve(body=b'{"data":[{"id":"qwen3:8b"}]}') as served:
        write(entrepot, served.base_url)
        result = entrepot("check", environ={"MY_KEY": KEY})
    assert result.exit_code == 0
    assert "1 deployment, 1 route, 0 keys, 0 rules" in result.output
    assert "我的/模型" in result.output
    assert "yes" in result.output
    assert KEY not in result.output
    assert served.asked == [("/v1/models", f"Bearer {KEY}")]


@pytest.mark.sockets
def test_a_deployment_that_cannot_be_reached_exits_with_3(entrepot: Command) -> None:
    write(entrepot, closed_port())
    result = entrepot("check", environ={"MY_KEY": KEY})
    assert result.exit_code == 3
    assert "is the server started?" in " ".join(result.output.split())


@pytest.mark.sockets
def test_a_refused_key_is_told_without_repeating_it(entrepot: Command) -> None:
    with serve(status=401, body=KEY.encode()) as served:
        write(entrepot, served.base_url)
        result = entrepot("check", "--json", environ={"MY_KEY": KEY})
    assert result.exit_code == 3
    shown = json.loads(result.output)
    assert shown["well"] is False
    assert shown["deployments"][0]["status"] == 401
    assert "the key was refused" in shown["deployments"][0]["hint"]
    assert KEY not in result.output


def test_wrong_settings_exit_with_2_and_one_message(entrepot: Command) -> None:
    write(entrepot, "http://127.0.0.1:1/v1", "prcie = 1")
    result = entrepot("check")
    assert result.exit_code == 2
    assert result.stderr.startswith("entrepot: entrepot.toml, line 8: deployments[0].prcie: there is no such setting;")
    assert "Traceback" not in result.output


def test_offline_opens_no_connection_and_reports_the_secrets_that_are_missing(entrepot: Command) -> None:
    write(entrepot, "http://127.0.0.1:1/v1", "[[keys]]\nname = 'k'\nsecret = 'env:CLIENT_KEY'")
    result = entrepot("check", "--offline")
    assert result.exit_code == 3
    assert "我的/模型: secret env:MY_KEY has no value" in result.output
    assert "client key 'k' lets nobody in" in result.output
    assert entrepot("check", "--offline", environ={"MY_KEY": "x", "CLIENT_KEY": "y"}).exit_code == 0


def test_a_client_key_that_is_missing_alone_is_not_well(entrepot: Command) -> None:
    write(entrepot, "http://127.0.0.1:1/v1", "[[keys]]\nname = 'k'\nsecret = 'env:CLIENT_KEY'")
    result = entrepot("check", "--offline", "--json", environ={"MY_KEY": "x"})
    assert result.exit_code == 3
    assert json.loads(result.output)["deployments"] == []


def test_a_file_that_is_named_and_not_there_exits_with_2(entrepot: Command) -> None:
    result = entrepot("check", "--config", "other.toml")
    assert result.exit_code == 2
    assert "other.toml: No such file" in result.stderr


def test_what_init_writes_is_checked_without_any_key(entrepot: Command) -> None:
    entrepot("init")
    result = entrepot("check", "--offline")
    assert result.exit_code == 3
    assert "openai/gpt-6.1-sol: secret env:OPENAI_API_KEY has no value: the variable is not set" in result.output


@pytest.mark.sockets
def test_without_a_file_what_is_found_is_checked(entrepot: Command) -> None:
    with serve(body=b'{"data":[{"id":"qwen3:8b"}]}') as served:
        host = served.base_url.removeprefix("http://").removesuffix("/v1")
        result = entrepot("check", "--json", environ={"OLLAMA_HOST": host})
    shown = json.loads(result.output)
    assert shown["settings"] == "found in the environment"
    assert "ollama/qwen3-8b" in [one["deployment"].replace(":", "-") for one in shown["deployments"]]


def test_a_file_that_is_no_router_is_told_before_anything_is_reached(entrepot: Command) -> None:
    (entrepot.directory / "不是路由器").write_bytes(b"\x00\xff")
    (entrepot.directory / "entrepot.toml").write_text(
        '[router]\nartifact = "不是路由器"\n\n[[deployments]]\nprovider = "ollama"\nmodel = "m"\n', encoding="utf-8"
    )
    for words in (("check", "--offline"), ("up", "--port", "0")):
        result = entrepot(*words)
        assert result.exit_code == 2
        assert "不是路由器 is not a router's file" in result.stderr


def test_what_each_route_promises_is_told(entrepot: Command) -> None:
    write_promised(entrepot.directory)
    told = entrepot("check", "--offline").output
    assert "route promised: at most 30 points below strong on average, with 90% confidence" in told
    assert "for want of outcomes never chosen first: new" in told
    assert "route 不可能: no promise of at most 0.1 points" in told
    assert "route unpromised: promises nothing; with it" in told
    routes = json.loads(entrepot("check", "--offline", "--json").output)["routes"]
    assert [route["name"] for route in routes] == ["promised", "不可能", "unpromised"]
    assert routes[0]["promise"]["data"] == "票据.jsonl"
    assert routes[1]["promise"]["setting"] is None
    assert routes[2]["promise"] is None


@pytest.mark.sockets
def test_certificates_are_looked_at_and_one_that_cannot_be_used_exits_with_3(entrepot: Command) -> None:
    authority = Authority(entrepot.directory)
    authority.issue("server", "gateway.test")
    with serve(body=b'{"data":[{"id":"qwen3:8b"}]}') as served:
        write(entrepot, served.base_url, "[gateway.tls]\ncertificate = 'server.pem'\nkey = 'server.key'")
        good = entrepot("check", environ={"MY_KEY": KEY})
        (entrepot.directory / "server.key").unlink()
        bad = entrepot("check", environ={"MY_KEY": KEY})
        shown = json.loads(entrepot("check", "--json", environ={"MY_KEY": KEY}).output)
    assert good.exit_code == 0
    assert "[gateway.tls]: certificates are good until" in good.output
    assert bad.exit_code == 3
    assert "[gateway.tls] key:" in bad.output
    assert shown["certificates"][0]["usable"] is False


def test_a_key_for_content_that_is_none_is_told_of(entrepot: Command) -> None:
    write(entrepot, "http://127.0.0.1:9", '[content]\nencrypt_with = "env:CONTENT_KEY"')
    result = entrepot("check", "--offline", environ={"MY_KEY": KEY, "CONTENT_KEY": "passphrase"})
    assert result.exit_code == 2
    assert "env:CONTENT_KEY is not a key for content" in result.output
    assert "passphrase" not in result.output
