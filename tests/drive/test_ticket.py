from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from entrepot.canonical.response import Usage
from entrepot.drive.admit import Admission, WhenUnreachable
from entrepot.drive.leases import Leases
from entrepot.drive.ticket import ExchangeTicket, open_ticket
from entrepot.errors import BudgetExceeded, CountersUnreachable, RateLimited
from entrepot.exchange.commands import AskLeave
from entrepot.exchange.entries import entry_of
from entrepot.exchange.events import Event, LeaveGiven, LeaveRefused
from entrepot.exchange.plan import Candidate, Plan
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.ledger.reservations import Journal, Reserved, read_remains
from entrepot.ledger.sqlite_counters import open_sqlite_counters
from entrepot.policy.budgets import Budget, BudgetBook
from entrepot.policy.limits import Limit, LimitBook, Limits
from tests.drive.test_leases import begin, bring_back, hide, until
from tests.exchange.transcript import candidate, plan_for
from tests.policy.test_budgets import budget, zone_of

CHEAP, DEAR = candidate("a/m", "1", "2"), candidate("b/m", "1", "20")


def plan(*candidates: Candidate, **more: Any) -> Plan:
    return msgspec.structs.replace(plan_for(*(candidates or (CHEAP,))), max_output_tokens=100, **more)


@asynccontextmanager
async def admitting(
    directory: Path,
    *budgets: Budget,
    limits: tuple[Limit, ...] = (),
    deployments: dict[str, Limits] | None = None,
    when_unreachable: WhenUnreachable = "refuse",
) -> AsyncIterator[Admission]:
    begin(directory)
    open_: dict[str, Reserved] = {}
    journal = Journal(directory, "g")
    leases = Leases(open_sqlite_counters(directory), journal, lambda: tuple(open_.values()))
    book = BudgetBook(budgets, zone_of)
    admission = Admission(book, LimitBook(limits, deployments), leases, journal, open_, when_unreachable)
    leases.start()
    await until(lambda: leases.trouble is None)
    try:
        yield admission
    finally:
        await leases.close()


async def enter(admission: Admission, asked: Plan) -> ExchangeTicket:
    ticket = open_ticket(admission, asked)
    assert ticket is not None
    if not ticket.try_enter():
        await ticket.enter()
    return ticket


def ask(
    ticket: ExchangeTicket, number: int, of: Candidate, *before: AttemptRecord, body_bytes: int = 400
) -> list[Event]:
    heard: list[Event] = []
    ticket.ask(AskLeave(number, of, body_bytes, before), heard.append)
    return heard


def attempt(number: int, cost: int | None, *, estimated: bool = False, tokens: int = 10) -> AttemptRecord:
    usage = Usage(input_tokens=tokens, estimated=estimated)
    return AttemptRecord(number, "a/m", "m", "a", 200, 1.0, usage=usage, cost_nano_usd=cost)


def end(ticket: ExchangeTicket, asked: Plan, *attempts: AttemptRecord) -> Entry:
    entry = ticket.charge(entry_of(asked, attempts, "failed", 502, asked.started_s))
    ticket.settle(entry)
    ticket.close()
    return entry


def used(directory: Path) -> dict[str, int]:
    counters = open_sqlite_counters(directory)
    try:
        return {state.account.split("\t")[1]: state.used for state in counters.states(0.0) if state.used}
    finally:
        counters.close()


async def test_where_nothing_holds_there_is_no_ticket(tmp_path: Path) -> None:
    async with admitting(tmp_path, budget(key="somebody else")) as admission:
        assert open_ticket(admission, plan()) is None


async def test_what_was_reserved_is_journaled_before_and_settled_after(tmp_path: Path) -> None:
    async with admitting(tmp_path, budget("all"), budget("soft", kind="soft")) as admission:
        asked = plan()
        ticket = await enter(admission, asked)
        (reserved,) = read_remains([admission.journal.path], "", 0).open
        assert reserved.nano_usd > 200_000
        assert len(reserved.accounts) == 2
        assert (reserved.key, reserved.team, reserved.route) == ("k", "t", "auto")
        entry = end(ticket, asked, attempt(0, 1234))
        assert entry.charged_nano_usd is None
        assert read_remains([admission.journal.path], "", 0).open == ()
    assert used(tmp_path) == {"all": 1234, "soft": 1234}


async def test_a_further_call_extends_the_reservation_by_its_worst_case(tmp_path: Path) -> None:
    async with admitting(tmp_path, budget("all")) as admission:
        asked = plan(CHEAP, DEAR)
        ticket = await enter(admission, asked)
        assert ask(ticket, 0, CHEAP) == [LeaveGiven(0)]
        first = admission.open[asked.id].nano_usd
        async with asyncio.timeout(5):
            heard: list[Event] = []
            ticket.ask(AskLeave(1, DEAR, 400, (attempt(0, None),)), heard.append)
            while not heard:
                await asyncio.sleep(0.01)
        assert heard == [LeaveGiven(1)]
        worst_of_cheap, worst_of_dear = 656 * 1000 + 100 * 2000, 656 * 1000 + 100 * 20_000
        assert admission.open[asked.id].nano_usd == worst_of_cheap + worst_of_dear > first
        end(ticket, asked, attempt(0, 0), attempt(1, 5))


async def test_calls_at_the_same_time_are_reserved_together(tmp_path: Path) -> None:
    async with admitting(tmp_path, budget("all")) as admission:
        asked = plan(CHEAP, CHEAP)
        ticket = await enter(admission, asked)
        for number in (0, 1, 2):
            heard: list[Event] = []
            ticket.ask(AskLeave(number, CHEAP, 400), heard.append)
            await until(lambda heard=heard: bool(heard))  # type: ignore[misc]  # this round's list
        assert admission.open[asked.id].nano_usd == 3 * (656 * 1000 + 100 * 2000)
        end(ticket, asked)


async def test_an_attempt_that_no_provider_has_reported_is_charged_its_worst_case(tmp_path: Path) -> None:
    async with admitting(tmp_path, budget("all")) as admission:
        asked = plan()
        ticket = await enter(admission, asked)
        ask(ticket, 0, CHEAP)
        entry = end(ticket, asked, attempt(0, 5, estimated=True))
        assert entry.charged_nano_usd == 656 * 1000 + 100 * 2000
        assert entry.cost_nano_usd == 5
    assert used(tmp_path) == {"all": 656 * 1000 + 100 * 2000}


async def test_under_a_soft_budget_an_estimate_is_charged_as_it_is(tmp_path: Path) -> None:
    async with admitting(tmp_path, budget("all", kind="soft")) as admission:
        asked = plan()
        ticket = await enter(admission, asked)
        assert not ticket.meters_attempts
        assert end(ticket, asked, attempt(0, 5, estimated=True)).charged_nano_usd is None
    assert used(tmp_path) == {"all": 5}


async def test_an_exchange_that_called_nobody_costs_nothing_and_one_that_vanished_stays_charged(tmp_path: Path) -> None:
    async with admitting(tmp_path, budget("all")) as admission:
        (await enter(admission, plan())).close()
        await asyncio.sleep(0.1)
        assert used(tmp_path) == {}
        ticket = await enter(admission, plan())
        ask(ticket, 0, CHEAP)
        ticket.close()
    assert used(tmp_path)["all"] >= 656 * 1000 + 100 * 2000


async def test_a_candidate_that_nobody_can_bound_is_passed_over(tmp_path: Path) -> None:
    async with admitting(tmp_path, budget("all")) as admission:
        unpriced = msgspec.structs.replace(DEAR, tariff=None)
        asked = plan(unpriced, CHEAP)
        ticket = await enter(admission, asked)
        (refused,) = ask(ticket, 0, unpriced)
        assert isinstance(refused, LeaveRefused)
        assert "price is unknown" in refused.failure.message
        assert ask(ticket, 1, CHEAP) == [LeaveGiven(1)]
        end(ticket, asked, attempt(1, 1))
        with pytest.raises(BudgetExceeded, match="price is unknown"):
            open_ticket(admission, plan(unpriced))


async def test_a_team_at_its_limit_is_told_and_the_slot_comes_back(tmp_path: Path) -> None:
    limit = Limit("l", Limits(concurrent=1), team="t")
    async with admitting(tmp_path, limits=(limit,)) as admission:
        asked = plan()
        ticket = await enter(admission, asked)
        with pytest.raises(RateLimited, match="1 requests at once of team 't'"):
            await enter(admission, plan())
        end(ticket, asked)
        end(await enter(admission, asked), asked)


async def test_a_full_deployment_is_refused_and_free_again_once_its_attempt_is_over(tmp_path: Path) -> None:
    async with admitting(tmp_path, deployments={"a/m": Limits(concurrent=1)}) as admission:
        asked = plan()
        one, two = await enter(admission, asked), await enter(admission, asked)
        heard: list[Event] = []
        one.ask(AskLeave(0, CHEAP, 9), heard.append)
        await until(lambda: heard == [LeaveGiven(0)])
        refused: list[Event] = []
        two.ask(AskLeave(0, CHEAP, 9), refused.append)
        await until(lambda: bool(refused))
        assert isinstance(refused[0], LeaveRefused)
        assert refused[0].failure.kind == "our_limit"
        one.leave(0)
        again: list[Event] = []
        two.ask(AskLeave(1, CHEAP, 9), again.append)
        await until(lambda: again == [LeaveGiven(1)])
        for ticket in (one, two):
            end(ticket, asked)


async def test_tokens_are_counted_on_an_estimate_and_put_right(tmp_path: Path) -> None:
    limit = Limit("l", Limits(tokens_per_minute=1000), key="k")
    async with admitting(tmp_path, limits=(limit,)) as admission:
        asked = plan()
        ticket = await enter(admission, asked)
        before = dict(ticket.announce("openai-chat"))[b"x-ratelimit-remaining-tokens"]
        assert before == str(1000 - 10 - 100).encode()
        end(ticket, asked, attempt(0, 1, tokens=700))
        following = await enter(admission, asked)
        left = dict(following.announce("openai-chat"))[b"x-ratelimit-remaining-tokens"]
        assert left == str(1000 - 700 - 110).encode()
        end(following, asked, attempt(0, 1, tokens=110))


async def test_without_counters_the_operators_choice_applies(tmp_path: Path) -> None:
    limit = Limit("l", Limits(requests_per_minute=100), key="k")
    choices: tuple[WhenUnreachable, ...] = ("refuse", "serve")
    for choice in choices:
        directory = tmp_path / choice
        directory.mkdir()
        async with admitting(directory, budget("all"), limits=(limit,), when_unreachable=choice) as admission:
            asked = plan()
            end(await enter(admission, asked), asked)
            await until(lambda admission=admission: _in_hand(admission) > 2 * 10**6)  # type: ignore[misc]  # this round's
            hide(directory)
            await until(lambda admission=admission: admission.trouble is not None)  # type: ignore[misc]  # this round's
            if choice == "refuse":
                with pytest.raises(CountersUnreachable):
                    await enter(admission, asked)
                assert "(refusing)" in str(admission.trouble)
            else:
                end(await enter(admission, asked), asked)
                assert "(serving from the leases in hand)" in str(admission.trouble)
            bring_back(directory)
            await until(lambda admission=admission: admission.trouble is None)  # type: ignore[misc]  # this round's


def _in_hand(admission: Admission) -> int:
    (claim,) = admission.money_claims(admission.holds_for(plan())[0], 0)
    return claim.purse.free


async def test_a_plan_that_was_let_in_asks_leave_only_where_that_matters(tmp_path: Path) -> None:
    limit = Limit("l", Limits(requests_per_minute=100), key="k")
    async with admitting(tmp_path, limits=(limit,)) as admission:
        asked = plan()
        ticket = await enter(admission, asked)
        stamped = ticket.stamp(asked)
        assert not stamped.metered
        assert (b"x-ratelimit-remaining-requests", b"99") in stamped.announced
        end(ticket, asked)


async def test_a_client_that_leaves_before_all_of_several_answers_have_ended_is_charged_the_worst_case(
    tmp_path: Path,
) -> None:
    async with admitting(tmp_path, budget("all")) as admission:
        asked = plan()
        asked = plan(asked=replace(asked.asked, request=replace(asked.asked.request, n=2)))
        ticket = await enter(admission, asked)
        ask(ticket, 0, CHEAP)
        entry = ticket.charge(entry_of(asked, (attempt(0, 5),), "client_gone", 499, asked.started_s))
        assert entry.charged_nano_usd == 656 * 1000 + 2 * 100 * 2000
        ticket.settle(entry)
        ticket.close()
