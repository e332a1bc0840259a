"""Clients that read slowly or not at all, over real sockets: their providers wait, and the gateway's memory does not grow."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import msgspec
import pytest

from entrepot.exchange.plan import Deadlines
from tests.end_to_end.world import (
    CHEAP,
    KEY,
    PLAN,
    World,
    deployment,
    eventually,
    settings_for,
    simulator_in_thread,
    world_of,
)
from tests.soak.measure import held

pytestmark = pytest.mark.end_to_end

CLIENTS = 12
TEXT = "One after the other ships come in, land what they have brought, are sorted, and go on. 一船一船。" * 4
MOST_MB = 40.0
"""What all of them may hold together, of answers that never end: 256 KiB each are ours, and some more on the way."""


def ask(running: World, text: str) -> socket.socket:
    """A stream that is asked for and not read."""
    connection = socket.create_connection((running.installation.host, running.installation.port), timeout=20)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    body = json.dumps({"model": "flood", "stream": True, "messages": [{"role": "user", "content": text}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
    connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def read(connection: socket.socket, size: int) -> int:
    """Read so much."""
    count = 0
    while count < size:
        piece = connection.recv(1024 * 1024)
        assert piece
        count += len(piece)
    return count


def test_a_client_that_reads_nothing_holds_its_provider_back_and_no_memory(tmp_path: Path) -> None:
    deadlines = Deadlines(connect_s=5, first_byte_s=60, idle_s=60, total_s=100)
    with simulator_in_thread(PLAN) as simulator:
        flood = deployment(simulator, "cheap", "flood", CHEAP, upstream_name="small~endless:0", id="cheap/flood")
        settings = settings_for(simulator, tmp_path, deadlines=deadlines)
        settings = msgspec.structs.replace(settings, deployments=(*settings.deployments, flood))
        with world_of(simulator, settings) as running:
            assert running.chat("cheap/small", stream=True)[0] == 200
            before = held(running).memory_mb
            connections = [ask(running, TEXT) for _ in range(CLIENTS)]
            assert eventually(lambda: simulator.under_way == CLIENTS, 40.0)

            def delivered() -> int:
                return sum(connection.sent_bytes for connection in list(simulator.connections))

            last = -1
            while last != (last := delivered()):  # until nothing moves any more
                time.sleep(1.0)
            assert simulator.under_way == CLIENTS
            assert held(running).memory_mb - before < MOST_MB
            assert read(connections[0], 20_000_000)  # and who reads on gets on
            assert held(running).memory_mb - before < MOST_MB
            for connection in connections:
                connection.close()
            assert eventually(lambda: simulator.under_way == 0, 20.0)
            assert running.chat("cheap/small")[0] == 200
