"""The admin API of a running installation: over real sockets, beside the gateways, with everything that clients may do to it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, run
from typing import Any

import pytest

from entrepot.control import members
from entrepot.control.sqlite import open_control
from entrepot.control.store import Actor
from entrepot.settings.schema import ControlSettings
from tests.end_to_end.world import World, eventually, world

pytestmark = pytest.mark.end_to_end


class Admin:
    """An installation with an admin API, and the key of its admin."""

    def __init__(self, entrepot: World) -> None:
        self.world = entrepot
        self.address = entrepot.installation.admin or ""
        store = open_control(entrepot.directory)
        with store.change(Actor("test", "command line"), time.time_ns()) as book:
            self.key = members.make_first_admin(book, os.urandom(32))
        store.close()

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {key or self.key}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/admin/v1/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def raw(self, data: bytes) -> bytes:
        """The head of what comes back where a client sends this and waits."""
        host, _, port = self.address.removeprefix("http://").rpartition(":")
        received = b""
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(data)
            with contextlib.suppress(ConnectionError):
                while b"\r\n\r\n" not in received and (piece := connection.recv(65536)):
                    received += piece
        return received


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    with world(tmp_path_factory.mktemp("admin"), control=ControlSettings(port=0)) as installation:
        found = Admin(installation)
        assert eventually(lambda: alive(found))
        yield found


def alive(admin: Admin) -> bool:
    with contextlib.suppress(OSError):
        return admin.ask("GET", "whoami")[0] == 200
    return False


def test_what_is_made_over_the_api_is_in_force_at_the_gateway(admin: Admin) -> None:
    status, made = admin.ask("POST", "keys", {"name": "网站", "team": "商店"})
    assert status == 200
    assert eventually(lambda: bool(admin.world.chat("cheap/small", key=made["key"])[0] == 200), 3)
    rule = {"when": {"teams": ["商店"]}, "deny": {"provider": ["cheap"]}}
    assert admin.ask("PUT", "rules/no-cheap", rule)[0] == 200
    assert eventually(lambda: bool(admin.world.chat("cheap/small", key=made["key"])[0] == 403), 3)
    assert admin.ask("DELETE", "rules/no-cheap")[0] == 200
    assert admin.ask("PATCH", "keys/%E7%BD%91%E7%AB%99", {"disabled": True})[0] == 200
    assert eventually(lambda: bool(admin.world.chat("cheap/small", key=made["key"])[0] == 401), 3)


def test_one_kind_of_key_does_not_open_the_other_door(admin: Admin) -> None:
    _, made = admin.ask("POST", "keys", {"name": "client"})
    assert admin.ask("GET", "whoami", key=made["key"])[0] == 401
    assert admin.world.chat("cheap/small", key=admin.key)[0] == 401


def test_the_admin_api_comes_back_at_its_address_with_the_control_process(admin: Admin) -> None:
    admin.world.installation.supervisor._control.process.kill()
    assert admin.world.chat("cheap/small")[0] == 200
    assert eventually(lambda: alive(admin))


def test_an_oversize_body_is_refused_before_it_is_sent(admin: Admin) -> None:
    head = f"POST /admin/v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {admin.key}\r\n"
    declared = admin.raw(f"{head}content-length: 999999999\r\nconnection: close\r\n\r\n".encode() + b"x" * 1000)
    assert b" 413 " in declared.split(b"\r\n")[0]
    chunked = b"".join(b"10000\r\n" + b"x" * 0x10000 + b"\r\n" for _ in range(8))
    grown = admin.raw(f"{head}transfer-encoding: chunked\r\n\r\n".encode() + chunked + b"0\r\n\r\n")
    assert b" 413 " in grown.split(b"\r\n")[0]
    assert b" 431 " in admin.raw(f"{head}x-long: {'x' * 200_000}\r\n\r\n".encode()).split(b"\r\n")[0]


def test_a_slow_client_holds_nobody_up(admin: Admin) -> None:
    host, _, port = admin.address.removeprefix("http://").rpartition(":")
    with contextlib.ExitStack() as slow:
        for _ in range(50):
            connection = slow.enter_context(socket.create_connection((host, int(port)), timeout=5))
            connection.sendall(b"POST /admin/v1/keys HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        assert admin.ask("GET", "whoami")[0] == 200
    assert b" 400 " in admin.raw(b"NONSENSE\r\n\r\n").split(b"\r\n")[0]


SETTINGS = "[[deployments]]\nprovider = 'ollama'\nmodel = 'm'\n[gateway]\nport = 0\n"


@contextlib.contextmanager
def up(directory: Path, *words: str) -> Iterator[list[str]]:
    """What `entrepot up` says until it serves."""
    (directory / "entrepot.toml").write_text(f"{SETTINGS}{' '.join(words)}", encoding="utf-8")
    command = [sys.executable, "-m", "entrepot", "up"]
    with Popen(command, cwd=directory, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, text=True) as process:
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if "Ctrl-C" in line:
                break
        try:
            yield said
        finally:
            process.terminate()
            process.stderr.read()


def test_the_first_admins_key_is_printed_once_and_kept_nowhere(tmp_path: Path) -> None:
    with up(tmp_path, "[control]\nport = 0") as said:
        (key,) = re.findall(r"the first admin's key .*: (ent-\w+)", "".join(said))
        (address,) = re.findall(r"admin API at (http://\S+)", "".join(said))
        request = urllib.request.Request(f"{address}whoami", headers={"authorization": f"Bearer {key}"})

        def knows() -> bool:
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=10) as answer:
                return bool(json.load(answer)["role"] == "admin")
            return False

        assert eventually(knows)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes(), path
    with up(tmp_path, "[control]\nport = 0") as said:
        assert "ent-" not in "".join(said)


def test_no_admins_key_is_made_where_it_would_be_written_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "entrepot.toml").write_text(f"{SETTINGS}[control]\nport = 0\n", encoding="utf-8")
    log = tmp_path / "up.log"
    with log.open("w") as output:
        process = Popen([sys.executable, "-m", "entrepot", "up"], cwd=tmp_path, stdin=DEVNULL, stderr=output)
    try:
        assert eventually(lambda: "Ctrl-C" in log.read_text(encoding="utf-8"), 30)
    finally:
        process.terminate()
        process.wait()
    assert "ent-" not in log.read_text(encoding="utf-8")
    assert "entrepot members new NAME --role admin" in log.read_text(encoding="utf-8")
    command = [sys.executable, "-m", "entrepot", "members", "new", "root", "--role", "admin"]
    assert run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
