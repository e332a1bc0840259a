from __future__ import annotations

import contextlib
from pathlib import Path

from entrepot.control.live_reel import LiveReel
from entrepot.exchange.outcome import Outcome
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.sqlite import open_sqlite


def test_it_reads_on_from_where_it_was_and_waits_for_entries_that_come_later(tmp_path: Path) -> None:
    entries = [sample_entry(number) for number in range(6)]
    said = [Outcome(f"o{at}", one.id, FIRST_NS + at, "user", "k", 1.0) for at, one in enumerate(entries)]
    with contextlib.closing(open_sqlite(tmp_path)) as store:
        reel = LiveReel(store, FIRST_NS + 1)
        reel.wind()
        assert len(reel.outcomes) == 0
        store.insert(entries[:3])
        store.insert_documents([], said[:4])
        reel.wind()
        assert [one.entry.id for one in reel.outcomes.exchanges()] == [one.id for one in entries[1:3]]
        store.insert(entries[3:])
        store.insert_documents([], said[4:])
        reel.wind()
        reel.wind()
        assert [one.entry.id for one in reel.outcomes.exchanges()] == [one.id for one in entries[1:]]
