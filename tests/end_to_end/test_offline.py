"""Nothing is downloaded at run time: an installation starts, routes and reports where there is no network but loopback.

The kernel counts what was tried all the same: packets for which there was no way, and questions to a name server that is none.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(300)]

PROGRAM = """
import fcntl, json, os, socket, struct, subprocess, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_:
    fcntl.ioctl(any_, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS: up
def tried():
    found = {}
    for names, values in zip(*[iter(open("/proc/net/snmp"))] * 2):
        found.update({names.split()[0] + n: int(v) for n, v in zip(names.split()[1:], values.split()[1:])})
    for line in open("/proc/net/snmp6") if os.path.exists("/proc/net/snmp6") else ():
        name, value = line.split()
        found[name] = int(value)
    return {n: found.get(n, 0) for n in ("Ip:OutNoRoutes", "Ip6OutNoRoutes", "Udp:NoPorts", "Udp6NoPorts")}
before = tried()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
after = tried()
if sys.argv[1] == sys.executable and done.returncode:
    sys.exit(done.stdout + done.stderr)
print(json.dumps({"tried": {n: after[n] - before[n] for n in after}, "said": done.stdout}))
"""


def run_alone(*command: str) -> tuple[dict[str, int], str]:
    """What a command tried to reach without a network, and what it said; the test skips where there is no such place."""
    try:
        can = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        can = False
    if not can:
        pytest.skip("no network of its own can be had")
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", PROGRAM, *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["tried"], found["said"]


def test_an_installation_starts_answers_and_reports_without_a_network() -> None:
    tried, said = run_alone(sys.executable, "-m", "entrepot", "demo", "--json", "--requests", "40")
    report = json.loads(said)
    assert report["ledger_agrees_with_providers"] is True
    assert set(tried.values()) == {0}, tried


def test_what_is_tried_without_a_network_is_seen(tmp_path: Path) -> None:
    script = tmp_path / "reach.py"
    script.write_text(
        "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 443), timeout=1)\nexcept OSError:\n    pass\n"
    )
    tried, _ = run_alone(sys.executable, str(script))
    assert tried["Ip:OutNoRoutes"] > 0
