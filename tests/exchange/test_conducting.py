"""What the settings and the board come to for one request."""

from __future__ import annotations

import pytest

from entrepot.exchange.balancing import Balance
from entrepot.exchange.board import Board
from entrepot.exchange.conduct import Conduct, Hedge
from entrepot.exchange.conducting import condition_of, hedge_after_s, retries_of
from entrepot.exchange.plan import Route
from entrepot.exchange.retrying import Retries
from tests.exchange.test_board import attempt, down, streamed

ORDER = ("a/m", "b/m")


def route(retries: int | None = None, balance: Balance | None = None, hedge: Hedge | None = None) -> Route:
    return Route("auto", ORDER, retries=retries, balance=balance, hedge=hedge)


def test_a_route_may_balance_otherwise_than_everywhere() -> None:
    board, conduct = Board(), Conduct(balance="weight")
    assert condition_of(board, conduct, ORDER, None, 0.0).how == "weight"
    assert condition_of(board, conduct, ORDER, route(balance="load"), 0.0).how == "load"


def test_a_host_stands_as_the_board_and_the_settings_know_it() -> None:
    board, conduct = Board(), Conduct(balance="latency", weights={"a/m": 2.0})
    board.begin("a/m")
    standing = condition_of(board, conduct, ORDER, None, 0.0).standing_of("a/m")
    assert (standing.load, standing.answer_s, standing.weight) == (1, None, 2.0)


@pytest.mark.parametrize("balance", ["price", "load"])
def test_who_is_ill_is_said_however_hosts_are_balanced(balance: Balance) -> None:
    board = Board()
    assert condition_of(board, Conduct(balance=balance), ORDER, None, 1001.0).unhealthy == {}
    down(board, "a/m")
    assert condition_of(board, Conduct(balance=balance), ORDER, None, 1001.0).unhealthy.keys() == {"a/m"}
    for at_s in (1006.0, 1007.0):
        board.learn(attempt("a/m"), at_s)
    assert condition_of(board, Conduct(balance=balance), ORDER, None, 1008.0).returning.keys() == {"a/m"}


def test_a_deployments_own_number_of_retries_comes_before_the_routes() -> None:
    conduct = Conduct(Retries(most=1, each={"a/m": 3}))
    retries = retries_of(conduct, route(retries=0))
    assert (retries.most_of("a/m"), retries.most_of("b/m")) == (3, 0)
    assert retries_of(conduct, None) is conduct.retries


def test_a_hedge_comes_after_its_delay_or_the_95th_percentile_and_never_sooner_than_its_least() -> None:
    board = Board()
    assert hedge_after_s(board, route(hedge=Hedge(after_s=2.0)), ORDER) == 2.0
    assert hedge_after_s(board, route(hedge=Hedge()), ORDER) is None  # nothing is known of the first yet
    board.learn(streamed("a/m", 3.0), 1000.0)
    assert hedge_after_s(board, route(hedge=Hedge()), ORDER) == 3.0
    assert hedge_after_s(board, route(hedge=Hedge(least_s=5.0)), ORDER) == 5.0
    assert hedge_after_s(board, route(hedge=Hedge()), ("a/m",)) is None
    assert hedge_after_s(board, route(), ORDER) is None
