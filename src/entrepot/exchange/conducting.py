"""What the settings and the board come to for one request: how its candidates are, how often and how soon others are asked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from entrepot.exchange.balancing import Standing
from entrepot.exchange.board import Board
from entrepot.exchange.conduct import Conduct
from entrepot.exchange.plan import Route
from entrepot.exchange.retrying import Retries
from entrepot.exchange.steadying import CALM, Condition


def condition_of(board: Board, conduct: Conduct, order: Sequence[str], route: Route | None, at_s: float) -> Condition:
    """How those who may be asked are at this moment."""
    how = conduct.balance if route is None or route.balance is None else route.balance
    if how == "price" and board.is_calm:
        return CALM

    def standing_of(id_: str) -> Standing:
        return Standing(board.load(id_), board.of(id_).peak_now_s(at_s), conduct.weights.get(id_, 1.0))

    return Condition(board.unhealthy(order, at_s), board.returning(order, at_s), how, standing_of)


def retries_of(conduct: Conduct, route: Route | None) -> Retries:
    """How often a deployment may be asked again: its own number, else the route's, else that for all."""
    retries = conduct.retries
    if route is None or route.retries is None:
        return retries
    return msgspec.structs.replace(retries, most=route.retries)


def hedge_after_s(board: Board, route: Route | None, order: Sequence[str]) -> float | None:
    """After how long without content a second candidate is asked, None for never."""
    hedge = None if route is None else route.hedge
    if hedge is None or len(order) < 2:
        return None
    after_s = board.of(order[0]).slowest_first_s if hedge.after_s is None else hedge.after_s
    return None if after_s is None else max(after_s, hedge.least_s)
