"""What one process knows of all deployments together."""

from __future__ import annotations

from typing import Any

from entrepot.canonical.stream import FailureKind
from entrepot.exchange.board import Board
from entrepot.exchange.circuit import CircuitSettings
from entrepot.exchange.health import Health
from entrepot.exchange.records import AttemptRecord

HOSTS = ("a/m", "b/m", "c/m")
SIBLINGS = dict.fromkeys(HOSTS, HOSTS)


def attempt(deployment: str, failure: FailureKind | None = None, **more: Any) -> AttemptRecord:
    given = {"duration_ms": 10.0, "failure": failure, "answered": not failure, **more}
    return AttemptRecord(0, deployment, "m", "a", 200, **given)


def streamed(deployment: str, first_s: float) -> AttemptRecord:
    return attempt(deployment, first_byte_ms=1000 * first_s, duration_ms=2000 * first_s)


def down(board: Board, deployment: str, at_s: float = 1000.0) -> None:
    for _ in range(2):
        board.learn(attempt(deployment, "server_error"), at_s)


def test_a_board_knows_each_deployment_by_itself() -> None:
    board = Board()
    down(board, "a/m")
    assert board.of("b/m") == Health()
    assert board.unhealthy(["a/m", "b/m"], 1001.0) == {"a/m": "failed lately more often than not"}
    assert board.unhealthy(["b/m"], 1001.0) == {}


def test_whoever_asked_to_be_left_alone_is_unhealthy_until_then() -> None:
    board = Board()
    board.learn(attempt("a/m", "rate_limit", retry_after_s=30.0), 1000.0)
    assert board.unhealthy(["a/m"], 1029.0) == {"a/m": "asked to be left alone for a while"}
    assert board.unhealthy(["a/m"], 1031.0) == {}


def test_half_open_it_is_tried_by_so_many_at_once_and_no_more() -> None:
    board = Board(CircuitSettings(trials=2))
    down(board, "a/m")
    at_s = 1006.0
    for _ in range(2):
        assert board.unhealthy(["a/m"], at_s) == {}
        board.begin("a/m")
    assert board.unhealthy(["a/m"], at_s) == {"a/m": "failed lately more often than not, and is being tried"}
    board.end("a/m")
    assert board.unhealthy(["a/m"], at_s) == {}


def test_what_is_under_way_is_counted_and_nothing_is_left_of_what_is_over() -> None:
    board = Board()
    for _ in range(3):
        board.begin("a/m")
    assert (board.load("a/m"), board.load("b/m")) == (3, 0)
    for _ in range(4):
        board.end("a/m")
    assert board.load("a/m") == 0


def test_after_its_trials_it_returns_with_a_part_that_grows() -> None:
    board = Board()
    down(board, "a/m")
    for at_s in (1006.0, 1007.0):
        board.learn(attempt("a/m"), at_s)
    assert board.returning(HOSTS, 1012.0) == {"a/m": 0.25}
    assert board.returning(HOSTS, 1030.0) == {}


def test_a_host_that_fails_far_more_often_than_the_others_is_ejected() -> None:
    board = Board(siblings=SIBLINGS)
    for n in range(40):
        for host in HOSTS:
            fails = host == "c/m" and n % 3 == 0
            board.learn(attempt(host, "server_error" if fails else None), 1000.0 + n)
    assert board.unhealthy(HOSTS, 1039.0).keys() <= {"c/m"}
    assert board.of("c/m").circuit.openings >= 1


def test_a_host_that_is_far_slower_than_the_others_is_ejected_and_one_slow_answer_is_chance() -> None:
    board = Board(siblings=SIBLINGS)
    for n in range(6):
        for host in HOSTS:
            board.learn(streamed(host, 0.5), 1000.0 + n)
    board.learn(streamed("c/m", 20.0), 1006.0)
    board.learn(streamed("c/m", 0.5), 1007.0)
    assert board.unhealthy(HOSTS, 1007.0) == {}
    for at_s in (1008.0, 1009.0):
        board.learn(streamed("c/m", 20.0), at_s)
    told = "was lately far slower to begin than the other hosts of its model"
    assert board.unhealthy(HOSTS, 1009.0) == {"c/m": told}


def test_never_more_than_half_of_the_hosts_are_ejected_and_never_all() -> None:
    board = Board(CircuitSettings(failures=10**6, share=1.0), SIBLINGS)
    for n in range(60):
        for host in HOSTS:
            board.learn(attempt(host, "server_error" if host != "a/m" and n % 2 else None), 1000.0 + n)
    assert len(board.unhealthy(HOSTS, 1059.0)) <= 1
    alone = Board(siblings={"a/m": ("a/m",)})
    for n in range(60):
        alone.learn(attempt("a/m", "server_error" if n % 3 == 0 else None), 1000.0 + n)
    assert alone.unhealthy(["a/m"], 1060.0) == {}


def test_models_that_are_slow_by_nature_are_no_outliers() -> None:
    board = Board(siblings={"a/m": ("a/m",), "b/n": ("b/n",)})
    for n in range(20):
        board.learn(streamed("a/m", 0.1), 1000.0 + n)
        board.learn(streamed("b/n", 30.0), 1000.0 + n)
    assert board.unhealthy(["a/m", "b/n"], 1020.0) == {}


def test_probes_are_for_those_that_are_open() -> None:
    board = Board()
    down(board, "a/m")
    assert board.open(HOSTS, 1001.0) == ["a/m"]
    board.probed("a/m", 1002.0, well=True)
    assert board.open(HOSTS, 1002.0) == []
    assert board.unhealthy(HOSTS, 1002.0) == {}  # and may be tried


def test_operators_see_the_state_the_reason_and_the_load() -> None:
    board = Board()
    down(board, "a/m")
    board.begin("b/m")
    ill, well = board.view(["a/m", "b/m"], 1001.0)
    assert (ill.state, ill.why, ill.until_s) == ("open", "failed lately more often than not", 1005.0)
    assert (well.state, well.why, well.until_s, well.under_way) == ("closed", None, None, 1)


def test_one_that_begins_with_what_another_knows_goes_on_where_it_was() -> None:
    known, fresh = Board(), Board()
    down(known, "a/m")
    fresh.recall({"a/m": known.of("a/m")})
    assert not fresh.is_calm
    assert (
        fresh.unhealthy(HOSTS, 1001.0) == known.unhealthy(HOSTS, 1001.0) == {"a/m": "failed lately more often than not"}
    )
    assert fresh.unhealthy(HOSTS, 1006.0) == {}  # half open
