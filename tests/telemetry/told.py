"""Entries for tests of what is exported of them."""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.response import Usage
from entrepot.exchange.records import AttemptRecord, Baseline, Entry, Grounds, Served, Trace
from entrepot.telemetry.genai import Hosts
from tests.exchange.things import a_deployment

ID = "01a202ef-f84a-7916-affa-ebdc3d382150"
TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1, recorded=True)
HOSTS = Hosts(
    [
        a_deployment("mistral/large", base_url="https://api.mistral.test/v1", upstream_name="mistral-large-2512"),
        a_deployment("own/small", base_url="http://[::1]:8000/v1", upstream_name="small-q4"),
    ]
)
SERVED = Served("mistral/large", "large", "mistral", "FR", "mistral", "FR", "EU", False, True, None)


def an_attempt(number: int = 0, deployment: str = "mistral/large", **facts: Any) -> AttemptRecord:
    provider, _, model = deployment.partition("/")
    usual: dict[str, Any] = {
        "usage": Usage(100, 20, 3, 40, 5),
        "cost_nano_usd": 1_234_567,
        "claimed_model": "mistral-large-2512",
        "answered": True,
        "first_byte_ms": 250.0,
        "started_ms": 0.5,
    }
    return AttemptRecord(number, deployment, model, provider, facts.pop("status", 200), 1500.0, **{**usual, **facts})


def an_entry(*attempts: AttemptRecord, **facts: Any) -> Entry:
    usual: dict[str, Any] = {
        "state": "completed",
        "status": 200,
        "dialect": "openai-chat",
        "asked_model": "auto",
        "stream": True,
        "key": "alice",
        "team": "red",
        "route": "auto",
        "first_token_ms": 251.0,
        "served": SERVED,
        "usage": Usage(100, 20, 3, 40, 5),
        "cost_nano_usd": 1_234_567,
        "baseline": Baseline("dear/m", "m", 9_000_000, 5, measured=False),
        "trace": TRACE,
        "grounds": Grounds(100, session=77),
    }
    times = {"duration_ms": 1501.0, "added_ms": 0.75}
    entry = Entry(ID, 1_000_000_000_000, attempts=attempts, **{**usual, **times, **facts})
    return msgspec.msgpack.decode(msgspec.msgpack.encode(entry), type=Entry)  # as it comes out of a spool
