"""An exchange as a transcript: what happens (`>>` in the stories) and what it must do (`<<`), with a clock that is set.

`Story.happens(event)` feeds an event and returns the commands that follow up to the next `Wait`; what is learnt of attempts is
kept apart.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from entrepot.catalog.pricing import Tariff
from entrepot.dialects.base import Target
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.exchange.commands import CallUpstream, Command, Learn, Record, SendHead, SendToClient, Wait
from entrepot.exchange.course import course_of
from entrepot.exchange.events import Event
from entrepot.exchange.plan import BaselinePlan, Candidate, Deadlines, Plan
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.policy.rules import Principal
from entrepot.routing.utility import Decision
from tests.exchange.things import a_deployment, a_price, an_exchange_rate

DIALECT = OpenAIChat()


def candidate(id_: str, input_per_mtok: str = "1", output_per_mtok: str = "2") -> Candidate:
    deployment = a_deployment(id_)
    target = Target(deployment.base_url, deployment.upstream_name)
    return Candidate(deployment, target, DIALECT, Tariff(a_price(input_per_mtok, output_per_mtok), an_exchange_rate()))


def plan_for(
    *candidates: Candidate,
    stream: bool = True,
    baseline: BaselinePlan | None = None,
    deadlines: Deadlines | None = None,
    text: str = "hi",
    **asked: Any,
) -> Plan:
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], "stream": stream, **asked}
    return Plan(
        id="0197-id",
        started_ns=1_000_000_000,
        started_s=100.0,
        asked=DIALECT.parse_request(json.dumps(body).encode()),
        client=DIALECT,
        principal=Principal(key="k", team="t", tags=frozenset({"b", "a"})),
        decision=Decision(order=tuple(c.deployment.id for c in candidates), candidates=(), reason="test"),
        candidates=candidates,
        eligible=frozenset(c.deployment.id for c in candidates),
        deadlines=deadlines or Deadlines(connect_s=1, first_byte_s=10, idle_s=5, total_s=60),
        input_tokens=10,
        route="auto",
        baseline=baseline,
    )


class Story:
    """One exchange, told step by step."""

    def __init__(self, plan: Plan) -> None:
        self.now_s = plan.started_s
        self.commands: list[Command] = []
        self.learnt: list[AttemptRecord] = []
        self.over = False
        self.waiting_until_s = 0.0
        self._course = course_of(plan, lambda: self.now_s)
        self.begun = self._advance(lambda: next(self._course))

    def happens(self, *events: Event, after_s: float = 0.0) -> list[Command]:
        """Let time pass, then let these happen; the commands that follow the last one."""
        self.now_s += after_s
        commands: list[Command] = []
        for event in events:
            assert not self.over, f"{event} came after the exchange was over"
            commands = self._advance(partial(self._course.send, event))
        return commands

    def _advance(self, step: Any) -> list[Command]:
        commands: list[Command] = []
        try:
            command: Command = step()
            while not isinstance(command, Wait):
                if isinstance(command, Learn):
                    self.learnt.append(command.attempt)
                else:
                    commands.append(command)
                command = next(self._course)
            self.waiting_until_s = command.until_s
        except StopIteration:
            self.over = True
        self.commands.extend(commands)
        return commands

    @property
    def called(self) -> list[str]:
        return [c.deployment.id for c in self.commands if isinstance(c, CallUpstream)]

    @property
    def sent(self) -> bytes:
        return b"".join(c.data for c in self.commands if isinstance(c, SendToClient))

    @property
    def heads(self) -> list[SendHead]:
        return [c for c in self.commands if isinstance(c, SendHead)]

    @property
    def entry(self) -> Entry:
        (record,) = [c for c in self.commands if isinstance(c, Record)]
        return record.entry
