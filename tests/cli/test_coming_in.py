from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from entrepot.cli.coming_in import await_control
from entrepot.cli.report import bring_up_to_date
from entrepot.exchange.records import Entry
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.spool import SpoolWriter
from entrepot.ledger.sqlite import open_sqlite
from entrepot.telemetry.metrics import Metrics


def written(directory: Path) -> SpoolWriter:
    spool = SpoolWriter(directory, "gateway-0")
    spool.append(sample_entry(1))
    return spool


def test_where_no_control_process_runs_nobody_is_waited_for(tmp_path: Path) -> None:
    spool = written(tmp_path)
    Metrics(str(tmp_path), "control-0", list).close()  # one that ran once
    with open_sqlite(tmp_path) as store:
        assert not await_control(store, tmp_path, within_s=600)
        assert bring_up_to_date(LedgerPlace(tmp_path)) is None
        assert store.spool_progress()
    spool.close()


def test_what_comes_in_is_left_to_the_control_process_which_tells_of_it(tmp_path: Path) -> None:
    spool, control = written(tmp_path), Metrics(str(tmp_path), "control-0", list)
    told: list[Entry] = []

    def hear(entries: Sequence[Entry]) -> None:
        told.extend(entries)

    with open_sqlite(tmp_path) as store, open_sqlite(tmp_path) as own:
        ingester = Ingester(own, tmp_path)
        ingester.heard.append(hear)
        coming = threading.Thread(target=ingester.run_once)
        coming.start()
        assert await_control(store, tmp_path, within_s=60)
        coming.join()
        assert [entry.id for entry in told] == [sample_entry(1).id]
        assert await_control(store, tmp_path, within_s=0)
    spool.close()
    control.close()


def test_a_control_process_that_brings_nothing_in_is_not_waited_for_without_end(tmp_path: Path) -> None:
    spool, control = written(tmp_path), Metrics(str(tmp_path), "control-0", list)
    with open_sqlite(tmp_path) as store:
        assert not await_control(store, tmp_path, within_s=0.05)
        assert bring_up_to_date(LedgerPlace(tmp_path)) is None
        assert await_control(store, tmp_path, within_s=0)
    spool.close()
    control.close()
