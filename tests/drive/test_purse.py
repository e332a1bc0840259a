from __future__ import annotations

import pytest

from entrepot.drive.purse import MOST_AT_ONCE, Claim, Purse, give_back, move_of
from entrepot.ledger.counters import AccountKind, Move

NOW_S = 1_800_000_000.0


def purse(kind: AccountKind = "money", amount: int | None = 100, free: int = 0) -> Purse:
    made = Purse("a", kind, amount)
    made.free, made.touched_s = free, NOW_S
    return made


def test_money_that_was_taken_is_spent_or_free_again() -> None:
    one = purse(free=50)
    one.take(30, 7)
    assert (one.free, one.taken) == (20, 30)
    one.settle(30, 12)
    assert (one.free, one.taken) == (38, 0)
    assert move_of(one, 0, NOW_S, closing=False) == Move("a", "money", 100, ((0, 12),), returned=12)


def test_what_is_spent_beyond_what_was_taken_makes_the_lease_less() -> None:
    one = purse(free=50)
    one.take(30, 7)
    one.settle(30, 40)
    assert one.free == 10


def test_a_window_counts_what_is_taken_in_its_second() -> None:
    one = purse("window", free=5)
    one.take(3, 7)
    assert move_of(one, 0, NOW_S, closing=False) == Move("a", "window", 100, ((7, 3),), returned=3)


def test_a_slot_is_held_and_never_spent() -> None:
    one = purse("slots", free=2)
    one.take(1, 7)
    one.settle(1, 0)
    assert one.free == 2
    assert one.spent == {}


def test_a_soft_account_gives_whatever_is_asked_and_counts_it() -> None:
    one = purse(amount=None)
    assert one.has(10**9)
    one.take(10, 7)
    one.settle(10, 4)
    assert (one.free, one.taken, one.spent) == (0, 0, {0: 4})


def test_what_was_taken_in_vain_is_given_back() -> None:
    money, window = purse(free=10), purse("window", free=10)
    for one in (money, window):
        one.take(4, 7)
        give_back(Claim(one, 4, 0.0), 7)
    assert (money.free, money.taken) == (10, 0)
    assert window.spent == {7: 0}


def test_what_lies_idle_is_returned_and_at_once_where_another_waits() -> None:
    idle, wanted, busy = purse(free=10), purse(free=10), purse(free=10)
    idle.touched_s = NOW_S - 5
    wanted.wanted = True
    moves = [move_of(one, 0, NOW_S, closing=False) for one in (idle, wanted, busy)]
    assert [move.returned if move else None for move in moves] == [10, 10, 0]
    assert [one.free for one in (idle, wanted, busy)] == [0, 0, 10]


def test_who_waits_here_keeps_what_it_has_unless_an_older_one_waits_elsewhere() -> None:
    one = purse(free=10)
    one.waiting = 1
    move = move_of(one, 30, NOW_S, closing=False)
    assert move is not None
    assert (move.returned, move.need) == (0, 20)
    one.wanted = True
    move = move_of(one, 30, NOW_S, closing=False)
    assert move is not None
    assert (move.returned, move.need) == (10, 30)


def test_where_nothing_happened_nothing_is_said() -> None:
    assert move_of(purse(), 0, NOW_S, closing=False) is None


@pytest.mark.parametrize("claimed", [10**30, -(10**30)])
def test_an_absurd_number_is_not_believed(claimed: int) -> None:
    one = purse()
    one.spend(claimed, 0)
    assert abs(one.spent[0]) == MOST_AT_ONCE


def test_what_could_still_be_had_is_without_what_was_spent_and_not_yet_told() -> None:
    one = purse(free=50)
    one.used = 30
    one.take(20, 7)
    one.settle(20, 5)
    assert one.left == 65
