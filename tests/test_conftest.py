"""Tests of what `conftest.py` promises to every other test."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from pytest_socket import SocketBlockedError, SocketConnectBlockedError


def test_an_unmarked_test_cannot_open_a_socket() -> None:
    with pytest.raises(SocketBlockedError):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def test_an_unmarked_test_may_use_unix_pairs() -> None:
    left, right = socket.socketpair(socket.AF_UNIX)
    with left, right:
        left.sendall("港".encode())
        assert right.recv(8) == "港".encode()


async def test_an_unmarked_test_may_run_an_event_loop() -> None:
    assert await asyncio.sleep(0, result="awake") == "awake"


@pytest.mark.sockets
def test_a_marked_test_reaches_loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.sockets
def test_a_marked_test_reaches_no_other_machine() -> None:
    # 192.0.2.0/24 is kept for documentation (RFC 5737) and answers nobody.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client, pytest.raises(SocketConnectBlockedError):
        client.connect(("192.0.2.1", 9))


def test_data_folders_hold_what_their_readme_says(outcomes_dir: Path, wire_dir: Path) -> None:
    assert (outcomes_dir / "zeroeval_prompts.parquet").is_file()
    assert (wire_dir / "exchanges.jsonl.gz").is_file()
