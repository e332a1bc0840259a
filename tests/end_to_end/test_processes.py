"""Processes of an installation that die, are told to stop, or cannot start: what was acknowledged is written down."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from subprocess import run as run_process
from typing import Any

import pytest

from entrepot.app import start
from entrepot.errors import EntrepotError, LedgerError, SettingsError, Unavailable
from entrepot.exchange.plan import Deadlines
from entrepot.ledger.lookup import find_entry
from entrepot.ledger.sqlite import open_sqlite_reader
from entrepot.server.supervisor import Child
from entrepot.settings.schema import GatewaySettings, LedgerSettings
from tests.end_to_end.world import (
    KEY,
    PLAN,
    PROVIDER_SECRET,
    World,
    eventually,
    settings_for,
    simulator_in_thread,
    world,
)

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def own(tmp_path: Path) -> Iterator[World]:
    """An installation that a test may break."""
    with world(tmp_path) as installation:
        yield installation


def gateways(entrepot: World) -> list[Child]:
    return list(entrepot.installation.supervisor._gateways)


def control(entrepot: World) -> Child:
    return entrepot.installation.supervisor._control


def in_ledger(entrepot: World, exchange: str) -> bool:
    with open_sqlite_reader(entrepot.directory) as reader:
        return reader.find(exchange) is not None


def answered(entrepot: World) -> bool:
    with contextlib.suppress(OSError):
        return bool(entrepot.chat()[0] == 200)
    return False


def opened_stream(entrepot: World, model: str) -> tuple[socket.socket, str]:
    """A stream that has begun, and its exchange. `slow` takes a second or two for its answer."""
    text = "tell " * 40
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": text}]}).encode()
    connection = socket.create_connection((entrepot.installation.host, entrepot.installation.port), timeout=20)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
    connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    received = b""
    while received.count(b"data: ") < 2:
        received += connection.recv(65536)
    return connection, received.split(b"x-entrepot-exchange: ")[1].split(b"\r\n")[0].decode()


def rest_of(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return received


def test_a_killed_gateway_comes_back_and_what_it_acknowledged_is_in_the_ledger(own: World) -> None:
    exchanges = [own.chat("cheap/small", f"hi {number}")[1]["x-entrepot-exchange"] for number in range(20)]
    gateways(own)[0].process.kill()
    assert eventually(lambda: answered(own))
    assert eventually(lambda: all(in_ledger(own, exchange) for exchange in exchanges))


def test_gateways_answer_without_the_control_process_and_it_catches_up(own: World) -> None:
    os.kill(control(own).process.pid, signal.SIGSTOP)
    _, headers, _ = own.chat()
    assert own.decision(headers["x-entrepot-exchange"])["state"] == "completed"  # still in the spool
    assert not in_ledger(own, headers["x-entrepot-exchange"])
    control(own).process.kill()
    assert own.chat()[0] == 200
    assert eventually(lambda: in_ledger(own, headers["x-entrepot-exchange"]))


def test_two_gateways_share_the_port_and_one_is_enough(tmp_path: Path) -> None:
    with world(tmp_path, gateway=GatewaySettings(port=0, processes=2, grace_s=5)) as entrepot:
        gateways(entrepot)[0].process.kill()
        exchanges = [entrepot.chat("cheap/small")[1]["x-entrepot-exchange"] for _ in range(5)]
        assert eventually(lambda: all(in_ledger(entrepot, exchange) for exchange in exchanges))


def test_a_stop_lets_a_stream_come_to_its_end(own: World) -> None:
    connection, exchange = opened_stream(own, "slow")
    with connection:
        own.installation.supervisor.request_stop()
        assert rest_of(connection).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert eventually(lambda: gateways(own)[0].process.poll() is not None)
    entry = find_entry(own.directory, exchange)
    assert entry is not None
    assert entry.state == "completed"


def test_a_stop_takes_no_further_connection(own: World) -> None:
    connection, _ = opened_stream(own, "slow")
    with connection:
        own.installation.supervisor.request_stop()

        def refused() -> bool:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection((own.installation.host, own.installation.port), timeout=1).close()
                return False
            return True

        assert eventually(refused)
        assert rest_of(connection).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_a_stream_longer_than_the_grace_is_cut_off_and_written_down(tmp_path: Path) -> None:
    patient = Deadlines(idle_s=60)
    with world(tmp_path, gateway=GatewaySettings(port=0, grace_s=1), deadlines=patient) as entrepot:
        connection, exchange = opened_stream(entrepot, "faulty/hang-midway")
        with connection:
            entrepot.installation.supervisor.request_stop()
            assert b"[DONE]" not in rest_of(connection)
    assert eventually(lambda: in_ledger(entrepot, exchange))  # the control process ended after the gateway
    entry = find_entry(entrepot.directory, exchange)
    assert entry is not None
    assert entry.state == "client_gone"
    assert entry.cost_nano_usd


def test_an_answer_longer_than_the_grace_is_refused_in_words(tmp_path: Path) -> None:
    with world(tmp_path, gateway=GatewaySettings(port=0, grace_s=1)) as entrepot:
        got: list[Any] = []
        asking = threading.Thread(target=lambda: got.extend(entrepot.chat("faulty/hang")))
        asking.start()
        assert eventually(lambda: entrepot.simulator.under_way == 1)
        entrepot.installation.supervisor.request_stop()
        asking.join()
    status, headers, body = got
    assert status == 503
    assert "stopping" in body["error"]["message"]
    assert find_entry(entrepot.directory, headers["x-entrepot-exchange"]) is not None


def refusal_of(**changes: Any) -> EntrepotError:
    """Why an installation with these settings does not start."""
    with simulator_in_thread(PLAN) as simulator:
        settings = settings_for(simulator, Path(changes.pop("directory")), **changes)
        with pytest.raises(EntrepotError) as caught:
            start(settings, {**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET})
    return caught.value


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refusal_of(directory=tmp_path, gateway=GatewaySettings(port=port))
    assert isinstance(error, SettingsError)
    assert f"127.0.0.1:{port}" in error.message
    assert "--port" in error.message


def test_a_ledger_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = refusal_of(directory=tmp_path, ledger=LedgerSettings(str(tmp_path / "file" / "ledger")))
    assert isinstance(error, LedgerError)
    assert "file/ledger" in error.message


def test_a_gateway_that_cannot_start_is_told_and_leaves_no_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "router").write_bytes(b"not a router")
    error = refusal_of(directory=tmp_path, router=str(tmp_path / "router"))
    assert isinstance(error, Unavailable)
    said = capfd.readouterr().err
    assert "the gateway process cannot run" in said
    assert "Traceback" not in said


def listening(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def test_children_of_a_killed_supervisor_stop_and_free_the_port(tmp_path: Path) -> None:
    environ = {**os.environ, "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "entrepot", "up", "--simulate", "--port", "0"]
    with Popen(command, env=environ, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, text=True) as up:
        assert up.stderr is not None
        address = next(line for line in up.stderr if "/v1" in line)
        port = int(address.rpartition(":")[2].split("/")[0])
        assert listening(port)
        up.kill()
    assert eventually(lambda: not listening(port))


def test_up_ends_well_when_it_is_asked_to() -> None:
    command = [sys.executable, "-m", "entrepot", "up", "--simulate", "--port", "0"]
    with Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, text=True) as up:
        assert up.stderr is not None
        for line in up.stderr:
            if "Ctrl-C" in line:
                break
        up.terminate()
        rest = up.stderr.read()
    assert (up.returncode, rest) == (0, "")


def test_up_says_what_is_wrong_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "entrepot", "up", "--simulate", "--port", port]
        ended = run_process(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "Address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr
