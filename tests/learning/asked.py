"""An asker over a provider that answers as a test says, and what a collection takes besides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from entrepot.catalog.pricing import Tariff
from entrepot.drive.driver import Driver, Notebook
from entrepot.drive.recorder import SpoolRecorder
from entrepot.exchange.commands import CallUpstream
from entrepot.exchange.events import Event, UpstreamChunk, UpstreamEnded, UpstreamHead
from entrepot.exchange.planning import Planner
from entrepot.exchange.records import Entry
from entrepot.exchange.sensing import SensingSettings, Sensor
from entrepot.learning.collection import Forecast
from entrepot.learning.prompt_lines import PromptLine, read_prompt_lines
from entrepot.ledger.spool import list_spools, read_spool
from entrepot.policy.numbers import load_numbers
from entrepot.policy.rules import Principal
from entrepot.server.authenticate import Keyring
from entrepot.server.endpoints import Gateway
from entrepot.server.in_process import InProcess, TappedSpool
from entrepot.server.inspection import Inspector
from entrepot.server.kept_responses import KeptResponses
from entrepot.server.outcomes import Outcomes
from entrepot.server.verdicts import Verdicts
from entrepot.settings.client_key import make_key
from entrepot.settings.schema import GatewaySettings, KeySettings
from tests.exchange.planners import DEPLOYMENTS, Even, a_planner
from tests.exchange.things import an_exchange_rate

CHEAP, DEAR = DEPLOYMENTS[0], DEPLOYMENTS[1]

Said = str | tuple[int, dict[str, str]]
"""What a provider says: a text, or an error's status and headers."""


class Call:
    """A call whose answer is on its way."""

    def cancel(self) -> None:
        """Nothing to drop."""

    def pause(self) -> None:
        """Nothing to pause."""

    def resume(self) -> None:
        """Nothing to go on with."""


class Provider:
    """Every deployment's provider: `says` is given the deployment, the last message and how often it was called so far."""

    def __init__(self, says: Callable[[str, str, int], Said], *, takes_turns: int = 1) -> None:
        self._says = says
        self._turns = takes_turns
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.at_once = self.most_at_once = 0

    def start(self, command: CallUpstream, sink: Callable[[Event], None]) -> Call:
        body = json.loads(command.request.body)
        prompt = body["messages"][-1]["content"]
        said = self._says(command.deployment.id, prompt, len(self.asked))
        self.asked.append((command.deployment.id, prompt))
        self.bodies.append(body)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        loop = asyncio.get_running_loop()

        def answer(turns: int) -> None:
            if turns:
                loop.call_soon(answer, turns - 1)
                return
            self.at_once -= 1
            for event in _events(command.attempt, said):
                sink(event)

        loop.call_soon(answer, self._turns)
        return Call()


def _events(attempt: int, said: Said) -> list[Event]:
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(said, str):
        message = {"role": "assistant", "content": said}
        body: dict[str, Any] = {
            "id": "c-1",
            "object": "chat.completion",
            "created": 1,
            "model": "small",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
        }
        status = 200
    else:
        status = said[0]
        headers = tuple((name.encode(), value.encode()) for name, value in said[1].items())
        body = {"error": {"message": "SECRET of the provider", "type": "x"}}
    head = ((b"content-type", b"application/json"), *headers)
    return [
        UpstreamHead(attempt, status, head),
        UpstreamChunk(attempt, json.dumps(body).encode()),
        UpstreamEnded(attempt),
    ]


def an_asker(
    provider: Provider, directory: Path, planner: Planner | None = None, tags: tuple[str, ...] = ()
) -> InProcess:
    """A gateway over this provider, asked as the key `alice`; what is written down is in the spool below `directory`."""
    planner = planner or a_planner()
    made = make_key(bytes(32))
    spool = TappedSpool(directory / "ledger", "in-process")
    gateway = Gateway(
        settings=GatewaySettings(),
        keyring=Keyring([KeySettings("alice", made.sha256, tags=tags)]),
        inspector=Inspector(Sensor(SensingSettings(), frozenset(), {}, load_numbers)),
        planner=planner,
        driver=Driver(provider, Notebook(spool.append)),
        recorder=SpoolRecorder(spool.append, str),
        find_entry=lambda _id: None,
        outcomes=Outcomes(GatewaySettings(), lambda _id: None, Verdicts((), str, spool.append), spool.append),
        responses=KeptResponses(None, 1000),
    )
    principal = Principal(key="alice", tags=frozenset(tags))
    return InProcess(gateway, spool, planner, made.text, principal, frozenset({"collect"}))


def entries_in(directory: Path) -> list[Entry]:
    """What was written down below `directory`."""
    found: list[Entry] = []
    for path in list_spools(directory / "ledger"):
        found += [record for record, _ in read_spool(path) if isinstance(record, Entry)]
    return found


def a_forecast() -> Forecast:
    tariffs = {one.id: Tariff(one.price, an_exchange_rate()) for one in DEPLOYMENTS if one.price is not None}
    return Forecast(tariffs, Even(sorted({one.model for one in DEPLOYMENTS})), 0.0)


def prompts_in(folder: Path, *lines: dict[str, Any]) -> tuple[PromptLine, ...]:
    """These lines, written and read."""
    file = folder / "mine.jsonl"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return read_prompt_lines(file)
