"""A fleet on loopback: machines of their own directories and addresses behind nginx, with one PostgreSQL and one Redis.

A machine is `entrepot up` with its settings file, in a process of its own; it is killed as a machine dies, all processes at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil
import psycopg
import pytest

from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.redis_counters import open_redis_counters
from entrepot.simulator.provider import Simulator
from tests.end_to_end.race import MOST_TOKENS, SIMULATED
from tests.end_to_end.world import KEY, OTHER_KEY, PROVIDER_SECRET, eventually, simulator_in_thread
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer

SETTINGS = """
[gateway]
port = {port}
processes = 2
grace_s = 20

[control]
port = 0

[ledger]
directory = "{directory}"
database = "env:FLEET_DATABASE"

[counters]
redis = "env:FLEET_REDIS"

[circuit]
failures = 1000000

[[keys]]
name = "alice"
secret = "env:FLEET_ALICE"

[[keys]]
name = "bob"
secret = "env:FLEET_BOB"

[[budgets]]
name = "race"
amount_usd = {budget_usd}
period = "once"
key = "alice"

[[deployments]]
id = "racing/echo"
provider = "openai-compatible"
provider_country = "CN"
model = "echo"
maker = "maker"
maker_country = "CN"
region = "CN"
base_url = "{base_url}"
key = "env:FLEET_PROVIDER"
price = {{ input_per_mtok = 0.1, output_per_mtok = 10 }}
"""

NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream machines {{ least_conn; {servers} }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://machines; proxy_buffering off; proxy_http_version 1.1; proxy_read_timeout 600s;
      proxy_next_upstream error timeout; add_header x-machine $upstream_addr always;
    }}
  }}
}}
"""


class Machine:
    """One installation: two gateway processes and a control process, with a directory of their own."""

    def __init__(self, folder: Path, name: str, settings: dict[str, object], environ: dict[str, str]) -> None:
        self.directory = folder / name
        self.directory.mkdir()
        self.port = free_port()
        self._environ = environ
        self._log = self.directory / "log"
        text = SETTINGS.format(port=self.port, directory=self.directory / "data", **settings)
        (self.directory / "entrepot.toml").write_text(text, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens, as nginx says it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return once it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "entrepot", "up"],
                cwd=self.directory,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        assert eventually(self._ready, 60), self._log.read_text()

    def kill(self) -> None:
        """As when the machine loses its power: every process at once, none is told."""
        if self._process is not None and self._process.poll() is None:
            processes = psutil.Process(self._process.pid).children(recursive=True)
            for each in (self._process, *processes):
                each.kill()
            self._process.wait()
            psutil.wait_procs(processes)
            self._process = None

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(f"http://{self.address}/readyz", timeout=30) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Proxy:
    """An nginx before machines."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            pytest.skip("nginx and wrk are not installed")
        self._program = program
        self._folder = folder / "nginx"
        self._folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def serve(self, machines: Sequence[Machine]) -> None:
        """Send requests to these from now on; what is under way ends where it is."""
        servers = " ".join(f"server {machine.address} max_fails=1 fail_timeout=2s;" for machine in machines)
        text = NGINX.format(folder=self._folder, port=self.port, servers=servers)
        (self._folder / "nginx.conf").write_text(text, encoding="utf-8")
        command = [self._program, "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
        if self._process is None:
            self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            assert eventually((self._folder / "pid").exists)
        else:
            subprocess.run([*command, "-s", "reload"], check=True, capture_output=True)

    def stop(self) -> None:
        """Stop it at once."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)


class Answered(msgspec.Struct, frozen=True):
    """What became of a request: `machine` is that which had it, `exchange` its id; `whole` if it ended as answers do."""

    key: str
    status: int
    machine: str
    exchange: str
    whole: bool
    begun: int
    ended: int


class Load:
    """Clients that ask one request after the other, through nginx, until told to stop. Moments are counted, not timed."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/v1/chat/completions"
        self._stopping = False
        self._moment = 0
        self.answers: list[Answered] = []

    async def ask(self, key: str, number: int) -> None:
        """One client, who opens a connection for each request."""
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, headers={"authorization": f"Bearer {key}"}) as session:
            while not self._stopping:
                number += 1
                body = {
                    "model": "racing/echo",
                    "messages": [{"role": "user", "content": f"{number} " + "alpha " * (number % 60)}],
                    "max_tokens": MOST_TOKENS,
                    "stream": number % 2 == 0,
                }
                self.answers.append(await self._send(session, key, body))
                if self.answers[-1].status in (402, 429):
                    await asyncio.sleep(0.1)

    async def _send(self, session: aiohttp.ClientSession, key: str, body: dict[str, Any]) -> Answered:
        begun, status, machine, exchange, whole = self.now(), 0, "", "", False
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(self._url, json=body, timeout=aiohttp.ClientTimeout(120)) as answer:
                status, machine = answer.status, answer.headers.get("x-machine", "")
                exchange = answer.headers.get("x-entrepot-exchange", "")
                data = await answer.read()
                whole = status == 200 and (not body["stream"] or data.endswith(b"data: [DONE]\n\n"))
        return Answered(key, status, machine, exchange, whole, begun, self.now())

    def now(self) -> int:
        """A moment, after all those before it."""
        self._moment += 1
        return self._moment

    def stop(self) -> None:
        """Every client ends with the answer that it waits for."""
        self._stopping = True

    async def until(self, holds: Any) -> None:
        """Wait until it holds."""
        async with asyncio.timeout(120):
            while not holds():
                await asyncio.sleep(0.01)

    def whole(self, machine: str | None = None) -> list[Answered]:
        """Requests that were answered wholly, by the machine at this address if one is named."""
        return [one for one in self.answers if one.whole and machine in (None, one.machine)]


class Fleet:
    """What the machines share, and how to make one more."""

    def __init__(
        self, folder: Path, simulator: Simulator, postgres: PostgresServer, redis: RedisServer, budget_usd: str
    ) -> None:
        self.simulator = simulator
        self.database = postgres.make_database()
        self.redis_url = redis.url
        self.proxy = Proxy(folder)
        self.machines: list[Machine] = []
        self._folder = folder
        self._settings: dict[str, object] = {"base_url": simulator.base_url("racing"), "budget_usd": budget_usd}
        self._environ = {
            **os.environ,
            "FLEET_DATABASE": self.database,
            "FLEET_REDIS": self.redis_url,
            "FLEET_ALICE": KEY,
            "FLEET_BOB": OTHER_KEY,
            "FLEET_PROVIDER": PROVIDER_SECRET,
        }

    def start(self) -> Machine:
        """One more machine, which answers."""
        machine = Machine(self._folder, f"machine-{len(self.machines)}", self._settings, self._environ)
        self.machines.append(machine)
        machine.start()
        return machine

    def place(self) -> LedgerPlace:
        """The ledger of all."""
        return LedgerPlace(self._folder, self.database)

    def ledger_ids(self) -> list[str]:
        """The ids of all entries."""
        with psycopg.connect(self.database) as connection:
            return [str(id_) for (id_,) in connection.execute("SELECT id FROM entries").fetchall()]

    def leased_nano_usd(self, now_s: float) -> int:
        """What machines hold of budgets and have not accounted for."""
        with contextlib.closing(open_redis_counters(self.redis_url)) as counters:
            return sum(state.leased for state in counters.states(now_s))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def a_fleet(folder: Path, postgres: PostgresServer, budget_usd: str) -> Iterator[Fleet]:
    """Two machines behind nginx, for as long as the block lasts."""
    with simulator_in_thread(SIMULATED) as simulator, RedisServer(folder) as redis:
        fleet = Fleet(folder, simulator, postgres, redis, budget_usd)
        try:
            fleet.proxy.serve([fleet.start(), fleet.start()])
            yield fleet
        finally:
            fleet.proxy.stop()
            for machine in fleet.machines:
                machine.kill()
