"""SIGHUP to `entrepot up`, as an operator sends it; under load: `soak/test_reload.py`."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from entrepot.exchange.circuit import CircuitSettings
from entrepot.simulator.provider import Simulator
from tests.end_to_end.world import KEY, PLAN, PROVIDER_SECRET, World, eventually, simulator_in_thread, world
from tests.telemetry.collector import collector

pytestmark = pytest.mark.end_to_end

EXPORT = """
[telemetry]
export = ["traces", "metrics"]
endpoint = {url!r}
"""


def settings_text(simulator: Simulator, directory: Path, model: str, more: str = "") -> str:
    return (
        f"[gateway]\nsocket = {str(directory / 'gateway.sock')!r}\ngrace_s = 5\n[control]\nport = 0\n"
        f"[ledger]\ndirectory = {str(directory / 'data')!r}\n"
        f"[[keys]]\nname = 'alice'\nsha256 = {hashlib.sha256(KEY.encode()).hexdigest()!r}\n"
        f"[[deployments]]\nid = {'cheap/' + model!r}\nprovider = 'cheap'\nprovider_country = 'CN'\nregion = 'CN'\n"
        f"model = {model!r}\nmaker = 'm'\nmaker_country = 'CN'\ndialect = 'openai-chat'\nupstream_name = 'small'\n"
        f"base_url = {simulator.base_url('cheap')!r}\nkey = 'env:TEST_PROVIDER_KEY'\n{more}"
    )


@contextlib.contextmanager
def entrepot_up(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    environ = {
        **os.environ,
        "TEST_PROVIDER_KEY": PROVIDER_SECRET,
        "OTEL_METRIC_EXPORT_INTERVAL": "200",
        "ENTREPOT_CONFIG": str(directory / "entrepot.toml"),
    }
    command = [sys.executable, "-m", "entrepot", "up"]
    with (directory / "said").open("wb") as said:
        running = subprocess.Popen(command, env=environ, cwd=directory, stdin=subprocess.DEVNULL, stderr=said)
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(60)


def ask(directory: Path, path: str, body: dict[str, Any] | None = None) -> Any:
    """An answer over the Unix socket; None where nobody answers."""

    async def asked() -> Any:
        connector = aiohttp.UnixConnector(str(directory / "gateway.sock"))
        headers = {"authorization": f"Bearer {KEY}"}
        async with (
            aiohttp.ClientSession(connector=connector, headers=headers) as session,
            session.request("GET" if body is None else "POST", f"http://entrepot{path}", json=body) as answer,
        ):
            return json.loads(await answer.read())

    try:
        return asyncio.run(asked())
    except aiohttp.ClientError:
        return None


def models(directory: Path) -> set[str]:
    listed = ask(directory, "/v1/models")
    return set() if listed is None else {one["id"] for one in listed.get("data", ())}


def test_a_file_that_is_read_again_brings_models_and_export_on_the_same_unix_socket(tmp_path: Path) -> None:
    file = tmp_path / "entrepot.toml"

    def said() -> str:
        return (tmp_path / "said").read_text()

    with simulator_in_thread(PLAN) as simulator, collector() as sink:
        file.write_text(settings_text(simulator, tmp_path, "one"))
        with entrepot_up(tmp_path) as running:
            assert eventually(lambda: running.poll() is not None or "cheap/one" in models(tmp_path), 60.0), said()
            assert running.poll() is None, said()
            file.write_text(settings_text(simulator, tmp_path, "two", EXPORT.format(url=sink.url)))
            running.send_signal(signal.SIGHUP)
            assert eventually(lambda: "the settings were reloaded" in said(), 60.0), said()
            assert eventually(lambda: "cheap/two" in models(tmp_path), 30.0), said()
            assert eventually(lambda: "cheap/one" not in models(tmp_path), 30.0)
            chat = {"model": "cheap/two", "messages": [{"role": "user", "content": "hi"}]}
            assert ask(tmp_path, "/v1/chat/completions", chat)["choices"]
            assert eventually(lambda: len(sink.spans) == 2, 30.0), said()
            assert eventually(lambda: sink.count("gen_ai.client.operation.duration") == 1, 30.0)
            file.write_text("no settings")
            running.send_signal(signal.SIGHUP)
            assert eventually(lambda: "the settings were not reloaded, and stay as they were" in said(), 60.0)
            assert ask(tmp_path, "/v1/chat/completions", chat)["choices"]
        assert running.returncode == 0
        assert not (tmp_path / "gateway.sock").exists()
        assert "Traceback" not in said()


def attempts(own: World) -> list[str]:
    status, headers, _ = own.chat("after-status:500")
    assert status == 200
    return [one["deployment"] for one in own.decision(headers["x-entrepot-exchange"])["attempts"]]


@pytest.mark.parametrize("by", ["reload", "death"])
def test_who_is_ill_stays_so_for_gateways_that_come(tmp_path: Path, by: str) -> None:
    with world(tmp_path, circuit=CircuitSettings(open_s=600.0, longest_open_s=600.0)) as own:
        assert eventually(lambda: attempts(own) == ["dear/large"])  # the first's circuit is open

        def reported() -> bool:
            found = list((tmp_path / "health").glob("*.json"))
            return any(b'"state":"open"' in one.read_bytes() for one in found)

        assert eventually(reported)
        gateway = own.installation.supervisor._gateways[0]
        pid = gateway.process.pid
        if by == "death":
            gateway.process.kill()
        else:
            assert own.installation.crew is not None
            again = msgspec.structs.replace(own.installation.crew._settings)
            own.installation.reload(lambda: again)
        assert eventually(lambda: own.installation.supervisor._gateways[0].process.pid != pid, 60.0)
        assert eventually(lambda: is_ready(own), 60.0)
        assert [attempts(own) for _ in range(3)] == [["dear/large"]] * 3


def is_ready(own: World) -> bool:
    try:
        return own.request("//readyz", key=None)[0] == 200
    except OSError:
        return False
