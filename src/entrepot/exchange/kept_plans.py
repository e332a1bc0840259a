"""Plans of requests that come again and again: a caller, a model's name, and nothing but texts.

Rules of this file: a plan is kept only where nothing that is said, no lot and no moment has a part in it: one deployment is
eligible, and whatever rules look at is the caller's own. It holds for as long as its planner does, which goes with the rules,
keys and prices it was made of, and is passed over while anything is known of a deployment's health. What a request brings
itself is put into it; everything else is as it was when the plan was made in full.
"""

from __future__ import annotations

from msgspec.structs import replace

from entrepot.canonical.capabilities import Gist
from entrepot.canonical.request import Request
from entrepot.dialects.base import Asked
from entrepot.exchange.board import Board
from entrepot.exchange.circumstance import UNSEEN, Seen, language_in
from entrepot.exchange.plan import Plan
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Principal

_MOST = 4096


class KeptPlans:
    """The plans that one planner has made and may make again."""

    def __init__(self, book: Rulebook, board: Board, *, by_price: bool) -> None:
        self._board = board
        self._may_keep = by_price and not book.reads
        self._plans: dict[tuple[str, Principal], tuple[Plan, float]] = {}

    def find(self, asked: Asked, principal: Principal, seen: Seen, gist: Gist) -> Plan | None:
        """The plan of such a request, with what this one says in it; None where it has to be made.

        Its id, client and times are another's still.
        """
        found = self._plans.get((asked.request.model, principal))
        if found is None or not gist.only_text or seen is not UNSEEN or not self._board.is_calm:
            return None
        plan, most_tokens = found
        if gist.input_tokens > most_tokens or plan.grounds is None:
            return None
        request, input_tokens = asked.request, gist.input_tokens
        grounds = replace(plan.grounds, input_tokens=input_tokens, max_output_tokens=request.max_output_tokens)
        language = language_in(request)
        return replace(plan, asked=asked, input_tokens=input_tokens, language=language, grounds=grounds)

    def keep(self, plan: Plan, principal: Principal, seen: Seen, gist: Gist, most_tokens: float) -> None:
        """Keep a plan that was made for this caller, if it holds for others of his requests, as long as `most_tokens` each."""
        bare = gist.only_text and seen is UNSEEN and gist.input_tokens <= most_tokens
        sole = len(plan.eligible) == 1 and plan.route is None and plan.session is None
        if bare and sole and self._may_keep and self._board.is_calm:
            if len(self._plans) >= _MOST:
                self._plans.clear()
            asked = Asked(Request(plan.asked.request.model, ()), plan.asked.dialect, {})  # nobody's words stay here
            self._plans[asked.request.model, principal] = (replace(plan, asked=asked), most_tokens)
