"""Nothing that is secret is written anywhere: looked for in all that an installation says, answers and keeps after a run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import pytest
from click.testing import CliRunner

from entrepot.cli.main import main
from tests.end_to_end.world import PLAN, PROVIDER_SECRET, eventually, simulator_in_thread

pytestmark = pytest.mark.end_to_end

PROMPT = "合同编号 QX-7781 的全部内容"
CLIENT_SECRET_OF_OIDC = "oidc-secret-of-ours"
SECRET_OF_A_FILE_KEY = "ent-file-key-of-dave"
MISTAKEN = "sk-proj-somebody-elses-key-0123456789"


COMMANDS = (
    ("report", "--json"),
    ("audit", "--json"),
    ("keys", "list", "--json"),
    ("members", "list", "--json"),
    ("policy", "show"),
)


class Run:
    """An installation that was used well and badly; every text that came out of it."""

    def __init__(self, directory: Path, said: list[str]) -> None:
        self.directory = directory
        self.said = said
        self.secrets: set[str] = {PROVIDER_SECRET, CLIENT_SECRET_OF_OIDC, SECRET_OF_A_FILE_KEY, MISTAKEN}
        (self.admin_key,) = re.findall(r"the first admin's key .*: (ent-\w+)", said[-1])
        (self.admin,) = re.findall(r"admin API at (http://\S+)", said[-1])
        (self.gateway,) = re.findall(r"at (http://\S+/v1)$", said[-1], re.MULTILINE)
        said[-1] = said[-1].replace(self.admin_key, "")  # where it is meant to be, once
        self.secrets.add(self.admin_key)

    def ask(
        self, url: str, body: Any = None, *, key: str, method: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """One request. What comes back is kept, but for a key that is made by it, which becomes a secret to look for."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        request = urllib.request.Request(url, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, names, text = answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, names, text = error.code, error.headers, error.read().decode()
        found = json.loads(text)
        if isinstance(found, dict) and str(found.get("key")).startswith("ent-"):
            self.secrets.add(found.pop("key"))
        self.said += [json.dumps(found, ensure_ascii=False), str(names)]
        return status, found

    def make_key(self, name: str, **asked: Any) -> str:
        before = set(self.secrets)
        assert self.ask(f"{self.admin}keys", {"name": name, **asked}, key=self.admin_key)[0] == 200
        (made,) = self.secrets - before
        return made

    def chat(self, key: str, model: str = "cheap/small", **headers: str) -> int:
        body = {"model": model, "messages": [{"role": "user", "content": PROMPT}]}
        return self.ask(f"{self.gateway}/chat/completions", body, key=key, **headers)[0]


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The run, once it is over."""
    directory = tmp_path_factory.mktemp("secrets")
    with simulator_in_thread(PLAN) as simulator:
        address = simulator.base_url("cheap")
        (directory / "entrepot.toml").write_text(settings(address), encoding="utf-8")
        environ = {
            **os.environ,
            "TEST_PROVIDER_KEY": PROVIDER_SECRET,
            "OIDC_SECRET": CLIENT_SECRET_OF_OIDC,
            "DAVES_KEY": SECRET_OF_A_FILE_KEY,
        }
        command = [sys.executable, "-m", "entrepot", "up"]
        with Popen(command, cwd=directory, env=environ, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, text=True) as up:
            assert up.stderr is not None
            assert up.stdout is not None
            try:
                begun = ""
                while "Ctrl-C" not in begun:
                    line = up.stderr.readline()
                    assert line, begun
                    begun += line
                found = Run(directory, [begun])
                use(found)
            finally:
                up.terminate()
                rest = [up.stderr.read(), up.stdout.read()]
            found.said += rest
        for words in COMMANDS:
            told = CliRunner().invoke(main, [*words, "--config", str(directory / "entrepot.toml")])
            assert told.exit_code == 0, told.output
            found.said += [told.stdout, told.stderr]
        yield found


def settings(address: str) -> str:
    deployments = "".join(
        f"""
[[deployments]]
id = "{id_}"
provider = "openai-compatible"
model = "{model}"
upstream_name = "{upstream}"
base_url = "{base_url}"
key = "env:TEST_PROVIDER_KEY"
on_premises = true
"""
        for id_, model, upstream, base_url in (
            ("cheap/small", "small", "small", address),
            ("cheap/broken", "broken", "small~status:500", address),
            ("cheap/refused", "refused", "small~status:401", address),
            ("cheap/gone", "gone", "small", "http://127.0.0.1:9/v1"),
        )
    )
    return f"""
[gateway]
port = 0
[control]
port = 0
[control.oidc]
issuer = "http://127.0.0.1:9/realm"
client_id = "us"
client_secret = "env:OIDC_SECRET"
admin_groups = ["admins"]
[[keys]]
name = "dave"
secret = "env:DAVES_KEY"
{deployments}"""


def use(found: Run) -> None:
    """Everything that leaves traces, done well and badly."""
    with contextlib.suppress(OSError):
        assert eventually(lambda: found.ask(f"{found.admin}whoami", key=found.admin_key)[0] == 200, 20)
    alice, bob = found.make_key("爱丽", team="法务"), found.make_key("bob", team="商店", tags=["public"])
    assert eventually(lambda: found.chat(bob) == 200)
    assert found.chat(SECRET_OF_A_FILE_KEY) == 200
    exchange = re.findall(r"x-entrepot-exchange: (\S+)", found.said[-1], re.IGNORECASE)[-1]
    assert found.ask(f"{found.gateway}/decisions/{exchange}", key=SECRET_OF_A_FILE_KEY)[1]["key"] == "dave"
    assert found.ask(f"{found.gateway}/decisions/{exchange}", key=alice)[0] == 404
    for model in ("broken", "refused", "gone", "nothing"):
        assert found.chat(alice, model) >= 400
    for forged in (alice[:-1], alice[:-6] + "000000", alice + "x", alice.swapcase(), MISTAKEN, PROVIDER_SECRET):
        found.secrets.add(forged)
        assert found.chat(forged) == 401
    found.ask(f"{found.gateway}/models?key={alice}", key="-")
    found.chat(alice, x_entrepot_tags="a%0D%0Aset-cookie: x=y")
    found.ask(f"{found.admin}keys/bob/rotate", {"overlap_s": 60}, key=found.admin_key)
    found.ask(f"{found.admin}keys/bob", {"scope": {"routes": [alice]}}, key=found.admin_key, method="PATCH")
    found.ask(f"{found.admin}keys", {"name": "x", "extra": alice}, key=found.admin_key)
    found.ask(f"{found.admin}login", {"key": MISTAKEN}, key="-")
    found.ask(f"{found.admin}keys", {"name": "y"}, key=alice)
    found.ask(f"{found.admin}members", {"name": "m", "role": "viewer"}, key=found.admin_key)
    found.ask(f"{found.admin}members/m/rotate", {}, key=found.admin_key)
    for path in ("keys", "keys/bob", "members", "audit", "rules", "oidc/login"):
        found.ask(f"{found.admin}{path}", key=found.admin_key)


def test_no_secret_is_in_what_was_said_and_answered(after: Run) -> None:
    text = "\n".join(after.said)
    assert [secret for secret in after.secrets if secret in text] == []


def test_no_secret_is_in_what_is_kept(after: Run) -> None:
    kept = [path for path in after.directory.rglob("*") if path.is_file() and path.name != "entrepot.toml"]
    assert {"control.sqlite", "ledger.db"} <= {path.name for path in kept}
    for path in kept:
        data = path.read_bytes()
        assert [secret for secret in after.secrets if secret.encode() in data] == [], path


def test_no_prompt_is_in_what_is_kept_or_logged(after: Run) -> None:
    logged = after.said[-12:]  # of `up` after it served, and of the commands
    assert not any(PROMPT in text for text in logged)
    for path in after.directory.rglob("*"):
        assert not path.is_file() or PROMPT.encode() not in path.read_bytes(), path


def test_what_begins_a_key_is_shown_so_that_it_can_be_recognized(after: Run) -> None:
    text = "\n".join(after.said)
    of_clients = [secret for secret in after.secrets if re.fullmatch(r"ent-\w{49}", secret)]
    assert any(f"{secret[:8]}…" in text for secret in of_clients)


def test_nothing_broke_on_the_way(after: Run) -> None:
    assert "Traceback" not in "\n".join(after.said)
    assert not any("internal_error" in text for text in after.said)
