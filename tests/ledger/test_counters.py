"""What every implementation of the shared counters must do. Redis is a real one, started for the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import EpochMissing
from entrepot.ledger.counters import AccountKind, Counters, Move, Report, Standing, grant
from entrepot.ledger.redis_counters import open_redis_counters
from entrepot.ledger.sqlite_counters import open_sqlite_counters
from tests.redis_server import RedisServer

NOW_S = 1_800_000_000.0


class Process:
    """One process as the counters see it."""

    def __init__(self, counters: Counters, owner: str) -> None:
        self.counters = counters
        self.owner = owner
        self.number = 0
        self.epoch = ""

    def report(self, *moves: Move, at_s: float = NOW_S, open_: tuple[str, ...] = ()) -> tuple[Standing, ...]:
        report = Report(self.owner, self.number + 1, f"{self.owner}.1", 0, self.epoch, moves, open_)
        reply = self.counters.report(report, at_s)
        self.number, self.epoch = self.number + 1, reply.epoch
        return reply.standings

    def want(self, need: int, amount: int, *, like: int = 0, kind: AccountKind = "money", at_s: float = NOW_S) -> int:
        (standing,) = self.report(Move("a", kind, amount, need=need, like=like), at_s=at_s)
        return standing.granted


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture(params=["sqlite", "redis"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Counters]:
    """Counters that nobody has used."""
    if request.param == "redis":
        opened: Counters = open_redis_counters(request.getfixturevalue("server").url, f"{{{tmp_path.name}}}:")
    else:
        opened = open_sqlite_counters(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def counters(fresh: Counters) -> Counters:
    """Counters in an active epoch."""
    fresh.begin("first")
    fresh.activate("first", "", {})
    return fresh


@pytest.fixture
def process(counters: Counters) -> Callable[[str], Process]:
    def introduced(owner: str) -> Process:
        one = Process(counters, owner)
        one.report()
        return one

    return introduced


def test_what_is_granted_never_adds_up_to_more_than_the_amount(process: Callable[[str], Process]) -> None:
    first, second = process("a"), process("b")
    assert first.want(60, 100) == 60
    assert second.want(60, 100) == 0
    assert second.want(40, 100) == 40
    assert first.want(1, 100) == 0


def test_where_there_is_plenty_more_is_granted_than_is_needed(process: Callable[[str], Process]) -> None:
    first, _ = process("a"), process("b")
    assert first.want(1, 1000, like=100) == 100
    assert first.want(1, 1000, like=10_000) == 900 // 4


def test_what_was_spent_is_gone_and_what_is_returned_is_free(process: Callable[[str], Process]) -> None:
    first, second = process("a"), process("b")
    first.want(100, 100)
    (standing,) = first.report(Move("a", "money", 100, ((0, 30),), returned=90))
    assert (standing.used, standing.leased) == (30, 10)
    assert second.want(61, 100) == 0
    assert second.want(60, 100) == 60


def test_whoever_waits_is_told_to_whoever_has_a_lease(process: Callable[[str], Process]) -> None:
    first, second = process("a"), process("b")
    first.want(100, 100)
    second.want(10, 100)
    (standing,) = first.report(Move("a", "money", 100))
    assert standing.wanted
    (standing,) = first.report(Move("a", "money", 100), at_s=NOW_S + 5)
    assert not standing.wanted


def test_whoever_has_waited_longest_is_served_first(process: Callable[[str], Process]) -> None:
    first, second, third = process("a"), process("b"), process("c")
    first.want(100, 100)
    assert second.want(80, 100) == 0
    assert third.want(10, 100, at_s=NOW_S + 0.1) == 0
    first.report(Move("a", "money", 100, returned=50), at_s=NOW_S + 0.2)
    assert third.want(10, 100, at_s=NOW_S + 0.3) == 0
    first.report(Move("a", "money", 100, returned=30), at_s=NOW_S + 0.4)
    assert third.want(10, 100, at_s=NOW_S + 0.5) == 0
    assert second.want(80, 100, at_s=NOW_S + 0.6) == 80
    first.report(Move("a", "money", 100, returned=20), at_s=NOW_S + 0.7)
    assert third.want(10, 100, at_s=NOW_S + 0.8) == 10


def test_the_same_report_twice_is_one_report(counters: Counters, process: Callable[[str], Process]) -> None:
    first = process("a")
    report = Report("a", 2, "j", 5, first.epoch, (Move("a", "money", 100, ((0, 7),), need=50),))
    assert counters.report(report, NOW_S) == counters.report(report, NOW_S)
    (state,) = counters.states(NOW_S)
    assert (state.used, state.leased) == (7, 50)


def test_a_soft_account_is_counted_without_a_lease(process: Callable[[str], Process]) -> None:
    (standing,) = process("a").report(Move("a", "money", None, ((0, 10**12),)))
    assert (standing.used, standing.leased) == (10**12, 0)


def test_a_window_forgets_after_a_minute_and_never_before(process: Callable[[str], Process]) -> None:
    first = process("a")
    assert first.want(10, 10, kind="window") == 10
    first.report(Move("a", "window", 10, ((int(NOW_S), 10),), returned=10))
    (standing,) = first.report(Move("a", "window", 10, need=1), at_s=NOW_S + 30)
    assert standing.granted == 0
    assert standing.fits_s == pytest.approx(31)
    assert first.want(1, 10, kind="window", at_s=NOW_S + 60) == 0
    assert first.want(1, 10, kind="window", at_s=NOW_S + 61) == 1


def test_a_correction_gives_a_windows_room_back(process: Callable[[str], Process]) -> None:
    first = process("a")
    first.want(10, 10, kind="window")
    first.report(Move("a", "window", 10, ((int(NOW_S), 10),), returned=10))
    assert first.want(4, 10, kind="window") == 0
    first.report(Move("a", "window", 10, ((int(NOW_S), -4),)))
    assert first.want(4, 10, kind="window") == 4


def test_slots_are_held_by_leases_alone(process: Callable[[str], Process]) -> None:
    first, second = process("a"), process("b")
    assert first.want(2, 2, kind="slots") == 2
    assert second.want(1, 2, kind="slots") == 0
    first.report(Move("a", "slots", 2, returned=1))
    assert second.want(1, 2, kind="slots") == 1


def test_a_process_that_is_buried_is_charged_and_its_leases_are_free(
    counters: Counters, process: Callable[[str], Process]
) -> None:
    first, second = process("a"), process("b")
    first.want(100, 100)
    assert counters.bury("a", {"a": 25}, NOW_S)
    assert not counters.bury("a", {"a": 25}, NOW_S)
    assert second.want(76, 100) == 0
    assert second.want(75, 100) == 75


def test_without_an_epoch_nothing_is_granted(fresh: Counters) -> None:
    assert fresh.epoch() is None
    with pytest.raises(EpochMissing):
        Process(fresh, "a").report()
    with pytest.raises(EpochMissing):
        fresh.bury("a", {}, NOW_S)


def test_an_epoch_that_is_not_active_takes_leases_in_and_grants_none(fresh: Counters) -> None:
    assert fresh.begin("one")
    assert not fresh.begin("two")
    first = Process(fresh, "a")
    first.report(Move("a", "money", 100, returned=-30), open_=("x", "y"))
    assert first.want(1, 100) == 0
    (owner,) = fresh.owners()
    assert owner.open == ("x", "y")
    fresh.activate("one", "here", {"a": 50}, parts=2)
    assert first.want(20, 100) == 0
    fresh.activate("one", "here", {"a": 50}, parts=2)  # said twice, counted once
    fresh.activate("one", "there", {"a": 0}, parts=2)
    assert first.want(21, 100) == 0
    assert first.want(20, 100) == 20


def test_counters_that_have_forgotten_a_process_lose_their_epoch(
    counters: Counters, process: Callable[[str], Process]
) -> None:
    first = process("a")
    first.want(10, 100)
    counters.bury("a", {}, NOW_S)
    with pytest.raises(EpochMissing):
        first.want(10, 100)
    assert counters.epoch() is None


def test_a_process_of_another_epoch_has_to_introduce_itself(fresh: Counters) -> None:
    fresh.begin("one")
    stale = Process(fresh, "a")
    stale.number, stale.epoch = 7, "zero"
    with pytest.raises(EpochMissing):
        stale.report()
    assert fresh.epoch() is not None


def test_a_mark_is_noted_once(counters: Counters) -> None:
    assert counters.note_once("预算 80")
    assert not counters.note_once("预算 80")


@given(
    st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 500), st.integers(0, 500), st.integers(1, 600),
    st.integers(0, 2000), st.integers(1, 9), st.booleans(),
)  # fmt: skip
def test_a_grant_fits_and_is_enough_or_is_nothing(
    amount: int, used: int, others: int, lease: int, need: int, like: int, owners: int, others_wait: bool
) -> None:
    granted = grant(
        Move("a", "money", amount, need=need, like=like), used, others, lease, owners, others_wait=others_wait
    )
    assert granted == 0 or (granted >= need and used + others + lease + granted <= amount)
    if used + others + lease + need <= amount and not others_wait:
        assert granted >= need
