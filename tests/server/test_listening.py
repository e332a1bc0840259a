from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from entrepot.errors import SettingsError
from entrepot.server.listening import (
    address_of,
    admits_others,
    authority,
    listen_on_path,
    listen_on_port,
    stop_listening,
)

pytestmark = pytest.mark.sockets


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_a_port_is_listened_on_over_either_family(host: str, url: str) -> None:
    with listen_on_port(host, 0, "x") as listening:
        assert address_of(listening) == f"{url}{listening.getsockname()[1]}"
        assert address_of(listening, tls=True).startswith("https://")
        socket.create_connection((host, listening.getsockname()[1])).close()


def test_the_unspecified_address_takes_both_families() -> None:
    with listen_on_port("::", 0, "x") as listening:
        port = listening.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()


def test_a_name_is_looked_up() -> None:
    with listen_on_port("localhost", 0, "x") as listening:
        assert listening.getsockname()[0] in ("127.0.0.1", "::1")
    with pytest.raises(
        SettingsError, match=r"cannot listen on no\.such\.invalid: .*; name one of this machine with \[x\]"
    ):
        listen_on_port("no.such.invalid", 0, "[x]")


def test_a_port_that_is_taken_is_told() -> None:
    with listen_on_port("::1", 0, "x") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"cannot listen on \[::1\]:{port}: .*; choose another with \[x\]"):
            listen_on_port("::1", port, "[x]")


def test_a_unix_socket_admits_its_group_and_goes_with_us(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    listening = listen_on_path(str(path), "x")
    assert address_of(listening) == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    stop_listening(listening)
    assert not path.exists()


def test_what_a_killed_process_left_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    listen_on_path(str(path), "x").close()
    assert path.is_socket()
    with listen_on_path(str(path), "x"), pytest.raises(SettingsError, match="another program listens there"):
        listen_on_path(str(path), "x")


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("kept")
    with pytest.raises(SettingsError, match="another program listens there; choose another with"):
        listen_on_path(str(path), "[gateway] socket")
    assert path.read_text() == "kept"
    with pytest.raises(SettingsError, match="No such file or directory"):
        listen_on_path(str(tmp_path / "absent" / "x.sock"), "x")


@pytest.mark.parametrize(
    ("host", "others"),
    [("127.0.0.1", False), ("127.8.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("::", True)],
)
def test_an_address_that_admits_others_is_told_apart(host: str, others: bool) -> None:
    assert admits_others(host) is others


def test_an_ipv6_address_is_bracketed_beside_its_port() -> None:
    assert authority("::1", 80) == "[::1]:80"
    assert authority("a.test", 80) == "a.test:80"
