"""Traffic of an installation, decided as its gateway would and written into its ledger: prompts made of a few words."""

from __future__ import annotations

import itertools
from pathlib import Path

from entrepot.assembly import build_planner
from entrepot.canonical.request import Message, Request, Text
from entrepot.canonical.response import Usage
from entrepot.exchange.entries import served_by
from entrepot.exchange.planning import Considered
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.exchange.steering import Steering
from entrepot.ledger.sqlite import open_sqlite
from entrepot.policy.teams import parents_of
from entrepot.settings.principals import principal_of
from entrepot.settings.schema import Settings

FIRST_NS = 1_790_000_000_000_000_000  # in September 2026
_NS = 1_000_000_000
WORDS = (
    "prove",
    "that",
    "the",
    "sum",
    "of",
    "cubes",
    "is",
    "translate",
    "合同",
    "第三条",
    "into",
    "French",
    "def f(x):",
    "haiku",
)


def entries_of(settings: Settings, count: int) -> list[Entry]:
    """As many exchanges, a minute apart, of every key in turn; every tenth asks for a model by name, every fifth for `batch`."""
    planner, parents = build_planner(settings), parents_of(settings.teams)
    hosts = {one.id: one for one in settings.deployments}
    words = itertools.cycle(WORDS)
    found = []
    for number in range(count):
        asked = "gpt-6.1-sol" if number % 10 == 9 else "batch" if number % 5 == 4 else "auto"
        text = " ".join(itertools.islice(words, 3 + number % 29)) + f" {number % 7}"
        request = Request(asked, (Message("user", (Text(text),)),))
        principal = principal_of(settings.keys[number % len(settings.keys)], parents)
        started_ns = FIRST_NS + number * 60 * _NS
        considered = planner.consider(request, principal, Steering(), f"exchange-{number}", started_ns / _NS)
        if isinstance(considered, Considered):
            found.append(_entry(number, asked, considered, hosts[considered.decision.chosen].id, settings, started_ns))
    return found


def _entry(number: int, asked: str, considered: Considered, by: str, settings: Settings, started_ns: int) -> Entry:
    host = next(one for one in settings.deployments if one.id == by)
    usage = Usage(considered.input_tokens, output_tokens=150 + 37 * (number % 11))
    attempt = AttemptRecord(
        0, by, host.model, host.provider, 200, 900.0, usage=usage, cost_nano_usd=1000, answered=True
    )
    return Entry(
        id=f"019b0000-0000-7000-8000-{number:012x}",
        started_ns=started_ns,
        state="completed",
        status=200,
        dialect="openai-chat",
        asked_model=asked,
        stream=False,
        duration_ms=1000.0,
        added_ms=1.0,
        key=considered.principal.key,
        team=considered.principal.team,
        tags=tuple(sorted(considered.principal.tags)),
        route=None if considered.route is None else considered.route.name,
        served=served_by(host),
        usage=usage,
        cost_nano_usd=1000,
        attempts=(attempt,),
        decision=considered.decision,
        data_classes=tuple(sorted(considered.circumstances.data_classes)),
        grounds=considered.grounds,
    )


def write_traffic(settings: Settings, directory: Path, count: int) -> None:
    """The same, in the ledger of `directory`."""
    with open_sqlite(directory) as store:
        store.insert(entries_of(settings, count))


def copy_settings(example: Path, directory: Path) -> Path:
    """An example's settings in a directory of its own, where its ledger will lie."""
    file = directory / "entrepot.toml"
    file.write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    return file
