from __future__ import annotations

from pathlib import Path

import msgspec

from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry, Shadow
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.documents import documents_of
from entrepot.ledger.pairs import Paired, Shadowed
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.reading import RelationalStore
from entrepot.ledger.rollups import DAY_NS
from entrepot.ledger.sqlite import ledger_path, open_sqlite
from entrepot.ledger.store import Period
from tests.postgres_server import PostgresServer

NANO_USD, ASKED = 400, "bailian/qwen3-max"


def a_shadow(number: int, of: int, **changes: object) -> Entry:
    """The `number`th entry, which is the shadow of that of number `of`."""
    shadow = Shadow(sample_entry(of).id, 0.1, of, "openai/gpt-5", sent_nano_usd=1000)
    entry = sample_entry(number)
    return msgspec.structs.replace(
        entry, key="shadow", team=None, baseline=None, cost_nano_usd=NANO_USD, shadow=shadow, **changes
    )


def said(number: int, who: str, score: float | None, label: str = "pair", weight: float = 1.0) -> Outcome:
    id_ = f"{number} {who}"
    return Outcome(id_, sample_entry(number).id, FIRST_NS + number, "judge", who, score, label, weight)


def hold(store: RelationalStore) -> None:
    sent = [sample_entry(number) for number in range(3)]
    failed = a_shadow(14, 0, state="failed", served=None)
    beside = [a_shadow(10, 0), a_shadow(11, 1), a_shadow(12, 2), a_shadow(13, 2), failed]
    store.insert_documents(
        documents_of([*sent, *beside]),
        [
            said(12, "b", 1.0),
            said(10, "a", 0.0, weight=0.5),
            said(10, "b", 1.0, weight=0.5),
            said(11, "tools", None, "same_calls"),
            said(0, "user", 1.0, "thumb"),
        ],
    )
    assert store.pairs() == (Paired("auto", ASKED, 2, 1.0), Paired("auto", ASKED, 0, 0.5))
    assert store.shadowed() == (
        Shadowed("auto", ASKED, 5, 4, 5 * NANO_USD, 4, 4 * NANO_USD, 4000, calls=1, same_calls=1),
    )
    assert store.shadowed(Period(until_ns=FIRST_NS + 5_000_000_000)) == ()
    totals = store.totals()
    assert (totals.exchanges, totals.completed, totals.shadows, totals.shadow_nano_usd) == (3, 3, 5, 5 * NANO_USD)
    assert totals.cost_nano_usd == sum(one.cost_nano_usd or 0 for one in sent)
    assert {group.values for group in store.totals_by(("key",))} == {(sent[0].key,)}
    (apart,) = [group for group in store.totals_by(("key",), shadows=True) if group.values == ("shadow",)][:1]
    assert apart.sums.exchanges == 0
    assert sum(part.exchanges for part in store.comparisons()) == 3
    assert sum(store.added_time().values()) == 3
    assert [(one.exchange, one.who) for one in store.told()] == [(sent[0].id, "user")]
    assert sum(one.count for one in store.judged()) == 1
    spent = {one.key: one.nano_usd for one in store.spending()}
    assert spent["shadow"] == 5 * NANO_USD, "a budget counts whatever is spent"
    assert store.verify().sound


def test_what_is_asked_beside_is_in_no_sum_of_what_clients_asked(tmp_path: Path) -> None:
    with open_sqlite(ledger_path(tmp_path)) as store:
        hold(store)


def test_postgres_tells_the_same_of_it(postgres: PostgresServer, tmp_path: Path) -> None:
    with LedgerPlace(tmp_path, postgres.make_database()).open_store() as store:
        hold(store)


def forget_one_of_two(store: RelationalStore) -> None:
    first = sample_entry(0)
    other = msgspec.structs.replace(sample_entry(1), key="another", team=None)
    late = a_shadow(12, 0)
    store.insert_documents(documents_of([first, other, a_shadow(10, 0), a_shadow(11, 1)]), [said(10, "a", 1.0)])
    assert store.forget("key", first.key or "", FIRST_NS + DAY_NS) == 2
    store.insert_documents(documents_of([late]), [said(12, "a", 1.0)])
    totals = store.totals()
    assert (totals.exchanges, totals.shadows) == (1, 1)
    assert store.pairs() == ()
    assert store.find(late.id) is None
    assert store.verify().sound


def test_who_is_forgotten_is_forgotten_with_the_shadows_of_their_exchanges(tmp_path: Path) -> None:
    with open_sqlite(ledger_path(tmp_path)) as store:
        forget_one_of_two(store)


def test_and_so_on_postgres(postgres: PostgresServer, tmp_path: Path) -> None:
    with LedgerPlace(tmp_path, postgres.make_database()).open_store() as store:
        forget_one_of_two(store)
