"""Ways of choosing a model, side by side on the same prompts: quality and cost of each, from answers that came back.

Rules of this file: pure. A way that always asks one model, or one drawn by lot, is read off the answers which that model
gave when it was asked for every prompt by name; nothing is taken from the record.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from entrepot.simulator.judge import judge
from entrepot.simulator.replay import RecordedPrompt
from entrepot.simulator.verdict import Quality, quality_of
from entrepot.simulator.workload import Got
from entrepot.statistics.intervals import proportion_interval


class Entrant(msgspec.Struct, frozen=True):
    """One way on all prompts, in their order: right or wrong, what each answer cost, and which model gave it.

    `nano_usd` has 0 where no answer came; `unpriced` counts answers that came without a cost. `sent` is False for a way
    that was read off the answers of others.
    """

    name: str
    setting: str
    quality: Quality
    nano_usd: tuple[int, ...]
    models: tuple[str, ...]
    unpriced: int = 0
    sent: bool = True

    @property
    def cost_nano_usd(self) -> int:
        """What all answers cost together."""
        return sum(self.nano_usd)

    @property
    def largest_share(self) -> float:
        """The part of the answers that came from the model which gave most of them."""
        ((_, count),) = Counter(self.models).most_common(1)
        return count / len(self.models)


def entrant_of(name: str, setting: str, prompts: Sequence[RecordedPrompt], got: Sequence[Got]) -> Entrant:
    """What came back of one way of asking, judged from the text and priced as the answers' headers say."""
    costs = [_cost(each) for each in got]
    return Entrant(
        name=name,
        setting=setting,
        quality=quality_of(prompts, got, lambda prompt, text: judge(prompt.benchmark, prompt.answer_key, text)),
        nano_usd=tuple(cost or 0 for cost in costs),
        models=tuple(each.headers.get("x-entrepot-model", "") for each in got),
        unpriced=sum(each.ok and cost is None for each, cost in zip(got, costs, strict=True)),
    )


def always(name: str, single: Entrant) -> Entrant:
    """The way of always asking one model."""
    return msgspec.structs.replace(single, name=name, sent=False)


def at_random(singles: Sequence[Entrant], seed: int) -> Entrant:
    """The way of asking a model drawn by lot for each prompt."""
    draw = random.Random(seed)  # noqa: S311 - not for secrets
    chosen = [draw.choice(singles) for _ in singles[0].models]
    right = tuple(single.quality.right[at] for at, single in enumerate(chosen))
    return Entrant(
        name="random",
        setting="",
        quality=Quality(right, 0, proportion_interval(sum(right), len(right))),
        nano_usd=tuple(single.nano_usd[at] for at, single in enumerate(chosen)),
        models=tuple(single.models[at] for at, single in enumerate(chosen)),
        sent=False,
    )


def stated_nano_usd(entrants: Sequence[Entrant]) -> int:
    """What the gateway said that everything cost which was sent."""
    return sum(entrant.cost_nano_usd for entrant in entrants if entrant.sent)


def best_and_cheapest(quality: Mapping[str, float], cost: Mapping[str, float]) -> tuple[str, str]:
    """The model of the highest quality and the one of the lowest cost, by what was seen in training."""
    return max(quality, key=lambda model: (quality[model], -cost[model])), min(cost, key=lambda model: cost[model])


def _cost(got: Got) -> int | None:
    stated = got.headers.get("x-entrepot-cost-usd")
    if stated is None:
        return None
    try:
        return int(Decimal(stated) * 1_000_000_000)
    except InvalidOperation:
        return None
