"""What every implementation of a ledger must pass.

`check_ledger(open_store)` raises AssertionError with a sentence that says which promise was broken. `open_store` is given
a name and opens the ledger of that name: an empty one at first, later the same one again.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from entrepot.canonical.response import Usage
from entrepot.errors import LedgerError
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import AttemptRecord, Baseline, Entry, Served
from entrepot.ledger.documents import documents_of
from entrepot.ledger.store import DIMENSIONS, LedgerStore, Period, SpoolProgress, Sums, Unfinished
from entrepot.routing.utility import Decision, Weighed

OpenStore = Callable[[str], LedgerStore]

FIRST_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
_SECOND_NS = 1_000_000_000


def sample_entry(number: int) -> Entry:
    """A plausible completed exchange: the `number`th, begun `number` seconds after FIRST_NS, answered by qwen3-max."""
    usage = Usage(input_tokens=100 + number, cache_read_tokens=7, output_tokens=50, reasoning_tokens=3)
    cost = 1_000 + number
    attempt = AttemptRecord(
        number=1,
        deployment="bailian/qwen3-max",
        model="qwen3-max",
        provider="bailian",
        status=200,
        duration_ms=812.5,
        usage=usage,
        cost_nano_usd=cost,
        cost_nano=cost * 7,
        currency="CNY",
        answered=True,
    )
    return Entry(
        id=f"019b0000-0000-7000-8000-{number:012x}",
        started_ns=FIRST_NS + number * _SECOND_NS,
        state="completed",
        status=200,
        dialect="openai_chat",
        asked_model="auto",
        stream=bool(number % 2),
        duration_ms=813.0,
        added_ms=0.25,
        key="财务部-报表",
        team="财务",
        tags=("internal",),
        route="auto",
        served=SAMPLE_SERVED,
        usage=usage,
        cost_nano_usd=cost,
        baseline=Baseline("openai/gpt-5", "gpt-5", cost_nano_usd=9_000, error_nano_usd=900, measured=False),
        attempts=(attempt,),
        decision=Decision(
            order=("bailian/qwen3-max", "openai/gpt-5"),
            candidates=(
                Weighed("bailian/qwen3-max", "qwen3-max", p_correct=0.9, cost_usd=1e-6, propensity=1.0),
                Weighed("openai/gpt-5", "gpt-5", p_correct=0.91, cost_usd=9e-6),
            ),
            reason="the cheapest within 2 points of gpt-5",
            router="linear-2026-01",
        ),
    )


SAMPLE_SERVED = Served(
    deployment="bailian/qwen3-max",
    model="qwen3-max",
    maker="alibaba",
    maker_country="CN",
    provider="bailian",
    provider_country="CN",
    region="CN",
    on_premises=False,
    open_weights=None,
    accelerator=None,
)


def check_ledger(open_store: OpenStore) -> None:
    """Hold an implementation to every promise of `LedgerStore`."""
    for check in (
        _keeps_what_it_is_given,
        _writes_an_entry_once,
        _moves_a_spool_with_its_entries_or_neither,
        _never_adds_the_unknown_as_zero,
        _sums_by_every_dimension,
        _cuts_periods_half_open,
        _compares_with_the_baseline,
        _counts_added_time,
        _reads_documents_in_order,
        _keeps_what_is_said_of_exchanges,
        _forgets_what_arrives_later_too,
    ):
        check(open_store)


def _keeps_what_it_is_given(open_store: OpenStore) -> None:
    entry = sample_entry(1)
    store = open_store("kept")
    _require(store.find(entry.id) is None, "an empty ledger finds nothing")
    _require(store.totals() == Sums(), "an empty ledger's totals are zero")
    store.insert([entry])
    store.close()
    again = open_store("kept")
    _require(again.find(entry.id) == entry, "an entry is found again as it was written, after the ledger was closed")
    again.close()


def _writes_an_entry_once(open_store: OpenStore) -> None:
    store = open_store("once")
    entries = [sample_entry(number) for number in range(5)]
    _require(store.insert(entries) == 5, "insert returns how many entries were new")
    _require(store.insert([*entries, sample_entry(5), sample_entry(5)]) == 1, "an id is written once, in a batch too")
    _require(store.totals().exchanges == 6, "entries written twice count once")
    changed = msgspec.structs.replace(sample_entry(0), cost_nano_usd=1)
    store.insert([changed])
    _require(store.find(changed.id) == sample_entry(0), "the ledger only appends: a known id is never overwritten")
    store.close()


def _moves_a_spool_with_its_entries_or_neither(open_store: OpenStore) -> None:
    store = open_store("spools")
    first = SpoolProgress("gateway-0.spool", offset=100, entries=1)
    store.insert([sample_entry(0)], after=first)
    _require(store.spool_progress() == {first.name: first}, "progress is kept by the spool's name")
    stale = SpoolProgress(first.name, offset=40)
    refused = False
    try:
        store.insert([sample_entry(1)], before=stale, after=msgspec.structs.replace(first, offset=200))
    except LedgerError:
        refused = True
    _require(refused, "a spool that was moved meanwhile is refused")
    _require(store.find(sample_entry(1).id) is None, "a refused batch leaves nothing behind")
    _require(store.spool_progress() == {first.name: first}, "a refused batch does not move the spool")
    second = msgspec.structs.replace(first, offset=200, damaged=1, damaged_bytes=20)
    store.insert([], before=first, after=second)
    _require(store.spool_progress()[first.name] == second, "a spool may move without entries")
    store.close()


def _never_adds_the_unknown_as_zero(open_store: OpenStore) -> None:
    store = open_store("unknown")
    known = sample_entry(0)
    unknown = msgspec.structs.replace(sample_entry(1), cost_nano_usd=None, usage=None)
    refused = msgspec.structs.replace(
        sample_entry(2), state="refused", status=403, cost_nano_usd=None, usage=None, served=None, attempts=()
    )
    store.insert([known, unknown, refused])
    sums = store.totals()
    _require(sums.exchanges == 3 and sums.completed == 2, "every exchange is counted, the completed ones apart")
    _require(sums.cost_nano_usd == known.cost_nano_usd, "the sum of costs adds the known ones")
    _require(sums.unknown_cost == 1, "a cost that is unknown is counted; an exchange that called nobody cost nothing")
    _require(sums.unknown_usage == 1, "an exchange that called a provider and has no usage is counted")
    store.close()


def _sums_by_every_dimension(open_store: OpenStore) -> None:
    store = open_store("dimensions")
    local = msgspec.structs.replace(SAMPLE_SERVED, on_premises=True, open_weights=True, accelerator="昇腾 910B")
    store.insert(
        [
            sample_entry(0),
            sample_entry(1),
            msgspec.structs.replace(sample_entry(2), served=local, team=None),
            msgspec.structs.replace(sample_entry(3), served=None, state="failed"),
        ]
    )
    whole = store.totals()
    for dimension in DIMENSIONS:
        groups = store.totals_by((dimension,))
        for field in Sums.__struct_fields__:
            parts = sum(getattr(group.sums, field) for group in groups)
            _require(parts == getattr(whole, field), f"by {dimension}, {field} adds up to the total")
    groups = store.totals_by(("accelerator", "team"))
    _require(groups[0].values == (None, "财务") and groups[0].sums.exchanges == 2, "the largest group comes first")
    _require(("昇腾 910B", None) in {group.values for group in groups}, "two dimensions are combined")
    _require([group.served for group in groups].count(False) == 1, "what nobody served is told from what is unknown")
    by_place = {group.values for group in store.totals_by(("on_premises", "open_weights")) if group.served}
    _require(by_place == {("0", None), ("1", "1")}, "truth values are '1' and '0', unknown is None")
    store.close()


def _cuts_periods_half_open(open_store: OpenStore) -> None:
    store = open_store("periods")
    store.insert([sample_entry(number) for number in range(10)])
    period = Period(FIRST_NS + 2 * _SECOND_NS, FIRST_NS + 5 * _SECOND_NS)
    _require(store.totals(period).exchanges == 3, "a period includes its beginning and not its end")
    _require(store.totals(Period(since_ns=FIRST_NS + 10 * _SECOND_NS)) == Sums(), "an empty period is all zero")
    _require(store.totals_by(("model",), Period(until_ns=FIRST_NS)) == (), "an empty period has no groups")
    store.close()


def _compares_with_the_baseline(open_store: OpenStore) -> None:
    store = open_store("baseline")
    measured = Baseline("openai/gpt-5", "gpt-5", 8_000, 0, measured=True, predicted_nano_usd=7_000)
    store.insert(
        [
            sample_entry(0),
            sample_entry(1),
            msgspec.structs.replace(sample_entry(2), baseline=measured, cost_nano_usd=8_000),
            msgspec.structs.replace(sample_entry(3), cost_nano_usd=None),
            msgspec.structs.replace(sample_entry(4), state="client_gone", cost_nano_usd=500, baseline=None),
            msgspec.structs.replace(sample_entry(6), state="failed", baseline=None, route=None),
            msgspec.structs.replace(sample_entry(5), baseline=None),
        ]
    )
    with_baseline, without = store.comparisons()
    _require(with_baseline.baseline_model == "gpt-5" and without.baseline_model is None, "one comparison a baseline")
    _require(with_baseline.exchanges == 3 and with_baseline.measured == 1, "completed exchanges of known cost compare")
    _require(with_baseline.cost_nano_usd == 1_000 + 1_001 + 8_000, "their cost is the routed one")
    _require(with_baseline.measured_nano_usd == 8_000, "what the baseline answered is known")
    _require(with_baseline.estimated_nano_usd == 18_000, "the rest is estimated")
    _require(abs(with_baseline.error_usd2 - 2 * 900e-9**2) < 1e-24, "the squares of the errors add up")
    pairs = with_baseline.pairs
    _require(pairs.size == 1 and abs(pairs.y - 8e-6) < 1e-15 and abs(pairs.x - 7e-6) < 1e-15, "pairs in dollars")
    drawn = with_baseline.drawn
    _require(drawn.size == 0, "what the router chose was not drawn by lot")
    store.insert([msgspec.structs.replace(sample_entry(7), baseline=msgspec.structs.replace(measured, drawn=True))])
    drawn, pairs = store.comparisons()[0].drawn, store.comparisons()[0].pairs
    _require((drawn.size, pairs.size) == (1, 2), "what was drawn by lot is counted among the pairs and apart")
    _require(with_baseline.unknown_cost == 1, "an unknown cost is left out and counted")
    _require(store.unfinished() == Unfinished(1, 500, 0), "what did not complete is apart, on routes with a baseline")
    _require(without.exchanges == 1, "what has no baseline is apart")
    store.close()


def _counts_added_time(open_store: OpenStore) -> None:
    store = open_store("added")
    store.insert([sample_entry(0), sample_entry(1), msgspec.structs.replace(sample_entry(2), served=None)])
    _require(sum(store.added_time().values()) == 2, "added time is counted where a deployment answered")
    store.close()


def _require(condition: bool, promise: str) -> None:
    if not condition:
        raise AssertionError(f"broken promise of a ledger: {promise}")


def _reads_documents_in_order(open_store: OpenStore) -> None:
    store = open_store("pages")
    begun = FIRST_NS + 7 * _SECOND_NS
    together = [msgspec.structs.replace(sample_entry(number), started_ns=begun) for number in range(2003)]
    later, before = sample_entry(5000), sample_entry(3000)
    store.insert([later, *together, msgspec.structs.replace(before, started_ns=FIRST_NS)])
    read = [msgspec.msgpack.decode(document, type=Entry).id for document in store.documents()]
    expected = [before.id, *(entry.id for entry in together), later.id]
    _require(read == expected, "documents are read in the order in which their exchanges began, each once, over pages")
    named = dict(store.documents_of([later.id, sample_entry(10_000).id]))
    _require(list(named) == [later.id], "documents are found by the ids of their exchanges")
    within = list(store.documents(Period(begun, later.started_ns)))
    _require(len(within) == len(together), "documents of a period are those that began in it, its end not included")
    store.close()


def _keeps_what_is_said_of_exchanges(open_store: OpenStore) -> None:
    store = open_store("said")
    entry, other = sample_entry(0), msgspec.structs.replace(sample_entry(1), key="other", team=None)
    store.insert([entry, other])
    bad = Outcome("first", entry.id, FIRST_NS, "user", "k", 0.0, "bad", 0.5)
    good = Outcome("second", entry.id, FIRST_NS + 1, "user", "k", 1.0)
    elsewhere = Outcome("third", other.id, FIRST_NS, "judge", "kimi-k2", 0.75, chance=0.25)
    before = SpoolProgress("gateway-1.spool", offset=100)
    store.insert_documents([], [good, bad], after=before)
    store.insert_documents([], [bad, elsewhere])
    _require(
        [one for _, one in store.outcomes_after(0)] == [good, bad, elsewhere], "an outcome is written once, as it is"
    )
    _require(store.spool_progress()[before.name] == before, "outcomes move a spool as entries do")
    latest = [(one.exchange, one.who, one.score) for one in store.told()]
    expected = sorted([(entry.id, "k", 1.0), (other.id, "kimi-k2", 0.75)])
    _require(latest == expected, "of one who said several things the last counts, whichever came here first")
    found = [(one.exchange, one.source, one.chance) for one in store.judgements(("judge", "person"))]
    _require(found == [(other.id, "judge", 0.25)], "what some sources said is read by itself, with its chance")
    last = store.outcomes_after(0)[-1][0]
    _require(store.outcomes_after(last) == [], "whoever follows is told nothing twice")
    store.close()


def _forgets_what_arrives_later_too(open_store: OpenStore) -> None:
    store = open_store("forgotten")
    mine, late, fresh = (msgspec.structs.replace(sample_entry(number), key="gone") for number in range(3))
    other = msgspec.structs.replace(sample_entry(3), key="other")
    told = [
        Outcome(str(number), one.id, FIRST_NS, "judge", "kimi-k2", 0.5)
        for number, one in enumerate((mine, late, fresh, other))
    ]
    by_them = Outcome("by them", other.id, FIRST_NS, "user", "gone", 1.0)
    store.insert_documents([], [told[1]])  # what is said of an exchange may be here before it
    store.insert([mine, other])
    _require(store.forget("key", "gone", late.started_ns) == 1, "forgetting returns how many entries it dropped")
    store.close()
    store = open_store("forgotten")
    spool = SpoolProgress("elsewhere.spool", offset=100, entries=3)
    written = store.insert_documents(documents_of([mine, late, fresh]), [*told, by_them], after=spool)
    _require(
        written == 1, "what began before its principal was forgotten is not taken in later, what began after it is"
    )
    _require(store.find(mine.id) is None and store.find(late.id) is None, "nothing is found of what arrives too late")
    _require(store.spool_progress()[spool.name] == spool, "a spool moves past what is not taken in")
    _require(store.totals().exchanges == 2, "sums are without what is not taken in")
    about = {one.exchange for _, one in store.outcomes_after(0)}
    _require(about == {fresh.id, other.id}, "what is said of forgotten exchanges goes, whether it came before or after")
    _require(all(one.who != "gone" for _, one in store.outcomes_after(0)), "what a forgotten key said is not taken in")
    _require(store.forget("key", "gone", FIRST_NS) == 1, "who is forgotten again is forgotten wholly")
    _require(store.insert([late]) == 0, "an erasure holds as far as the latest one reached")
    store.forget("team", other.team or "", other.started_ns)
    _require(store.insert([other]) == 0 and store.totals().exchanges == 0, "a team is forgotten as a key is")
    store.close()
