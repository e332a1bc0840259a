"""What a request asks for beside its model name, which can only narrow what its key allows.

Rules of this file: values, and what they make of a principal and of a goal.
"""

from __future__ import annotations

import msgspec

from entrepot.policy.rules import Principal
from entrepot.routing.utility import Goal


class Steering(msgspec.Struct, frozen=True):
    """What a request asks for beside its model name. Tags are added to the key's: they can only narrow.

    Requests of one `session` are drawn for a holdout together or not at all.
    """

    max_loss: float | None = None
    max_cost_usd: float | None = None
    tags: frozenset[str] = frozenset()
    session: str | None = None

    def tag(self, principal: Principal) -> Principal:
        """The principal with this request's own tags."""
        if self.tags <= principal.tags:
            return principal
        return msgspec.structs.replace(principal, tags=principal.tags | self.tags)

    def narrow_goal(self, goal: Goal) -> Goal:
        """The route's goal as this request wants it."""
        if self.max_loss is not None:
            goal = msgspec.structs.replace(goal, kind="cheapest_within", max_loss=self.max_loss, each_request=True)
        if self.max_cost_usd is not None:
            limit = self.max_cost_usd if goal.max_cost_usd is None else min(goal.max_cost_usd, self.max_cost_usd)
            goal = msgspec.structs.replace(goal, max_cost_usd=limit)
        return goal


UNSTEERED = Steering()
"""That of a request which asks for nothing beside its model."""
