"""The way out: what the loss of each provider would cost, one at a time.

Rules of this file: a provider that is lost is one that a rule denies to everybody. Those come first whose loss leaves most
exchanges without anybody, then those whose loss costs most.
"""

from __future__ import annotations

import msgspec

from entrepot.policy.rules import Facts, Rule
from entrepot.reports.scenario.compare import Comparison, Replay, Segment


class Exit(msgspec.Struct, frozen=True, eq=False):
    """The loss of one provider. `share` of today's exchanges are its own."""

    provider: str
    share: float
    comparison: Comparison

    @property
    def stranded(self) -> int:
        """Exchanges that nobody would be left for, beyond those for whom nobody is today."""
        return sum(one.exchanges for one in self.comparison.stranded)


def lost(provider: str) -> Rule:
    """The rule that stands for the loss."""
    return Rule(f"without {provider}", deny=Facts(provider=(provider,)))


def rank_exits(replay: Replay, confidence: float = 0.95) -> tuple[Exit, ...]:
    """The loss of every provider that answers anything today, or could, worst first."""
    found = []
    for provider in sorted(replay.todays_providers):
        comparison = replay.compare([Segment(replay.today.barring(lost(provider)))], confidence)
        today = comparison.today
        share = today.by_provider.get(provider, 0.0) / today.exchanges if today.exchanges else 0.0
        found.append(Exit(provider, share, comparison))
    return tuple(sorted(found, key=lambda one: (-one.stranded, -one.comparison.cost_difference.estimate, one.provider)))
