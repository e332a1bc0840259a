"""Exchanges that were lived through in a world whose truth is known: decisions, chance, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from entrepot.exchange.records import Grounds, Served
from entrepot.learning.live_outcomes import Exchange, LiveEntry
from entrepot.routing.correction import NOTHING, Correction
from entrepot.routing.explore import Exploration, explore
from entrepot.routing.goals import Option
from entrepot.routing.logistic import sigmoid
from entrepot.routing.utility import Decision, Goal, Weighed, first_choice

VERSION = "ensemble/2026-11-20/abc"
GOAL = Goal("weighted", worth_usd=0.05)
COSTS = {"cheap": 0.001, "middle": 0.004, "dear": 0.012}
EXPLORING = Exploration("epsilon", share=0.5)
SECOND_NS = 1_000_000_000


def fit_logits(hard: float) -> dict[str, float]:
    """What the file's fit makes of a prompt."""
    return {"cheap": 0.6 - 1.2 * hard, "middle": 1.1 - 1.0 * hard, "dear": 1.6 - 0.7 * hard}


def p_under(correction: Correction, model: str, hard: float) -> float:
    return float(sigmoid(np.array(correction.of(model).apply(fit_logits(hard)[model], -hard))))


def decide(hard: float, running: Correction, version: str = VERSION, goal: Goal = GOAL) -> Decision:
    """What the goal chooses under a correction, before anything is drawn."""
    options = [
        Option(f"x/{name}", name, p_under(running, name, hard), 0.1, 100.0, cost, "outcomes")
        for name, cost in COSTS.items()
    ]
    first = first_choice(options, goal, None, None)
    order = (first, *(one.deployment for one in options if one.deployment != first))
    candidates = tuple(Weighed(*option, 1.0 if option.deployment == first else 0.0) for option in options)
    return Decision(order, candidates, "", goal, router=version, worth_usd=goal.worth_usd)


def lived(
    truth: Correction,
    count: int,
    seed: int,
    *,
    running: Correction = NOTHING,
    exploring: Exploration | None = EXPLORING,
    version: str = VERSION,
) -> list[Exchange]:
    """So many exchanges, one a second, each with an outcome."""
    chance = np.random.default_rng(seed)
    found = []
    for number in range(count):
        hard = float(chance.normal(0, 1))
        decision = decide(hard, running, version)
        if exploring is not None:
            decision = explore(decision, exploring, float(chance.random()))
        model = decision.chosen.removeprefix("x/")
        right = float(chance.random() < p_under(truth, model, hard))
        entry = LiveEntry(
            id=f"{seed}-{number}",
            started_ns=number * SECOND_NS,
            route="auto",
            served=served_by(decision.chosen),
            cost_nano_usd=round(COSTS[model] * 1e9),
            decision=decision,
            grounds=Grounds(100, traits=(0, 0, round(-1000 * hard))),
        )
        found.append(Exchange(entry, (number + 1) * SECOND_NS, right, 1.0))
    return found


def served_by(deployment: str) -> Served:
    return Served(
        deployment=deployment, model=deployment.removeprefix("x/"), maker="m", maker_country="CN", provider="x",
        provider_country="CN", region="CN", on_premises=False, open_weights=None, accelerator=None,
    )  # fmt: skip


def worth_of(correction: Correction, truth: Correction, prompts: int = 4000) -> float:
    """What deciding by a correction is worth an exchange, in dollars, in a world of this truth."""
    chance = np.random.default_rng(7)
    total = 0.0
    for hard in chance.normal(0, 1, prompts).tolist():
        model = decide(hard, correction).chosen.removeprefix("x/")
        total += 0.05 * p_under(truth, model, hard) - COSTS[model]
    return total / prompts


def changed(one: Exchange, **fields: object) -> Exchange:
    """The exchange with another entry."""
    return msgspec.structs.replace(one, entry=msgspec.structs.replace(one.entry, **fields))


RAN: Mapping[str, Correction] = {VERSION: NOTHING}
