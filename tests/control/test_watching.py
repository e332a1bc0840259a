from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path

import pytest

from entrepot.catalog.pricing import ExchangeRates
from entrepot.control.watching import IngestWatch
from entrepot.errors import LedgerError
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.spool import SpoolWriter, list_spools
from entrepot.ledger.sqlite import open_sqlite
from entrepot.settings.schema import GatewaySettings, LedgerSettings, Settings
from entrepot.telemetry.families import INGEST_FAILING, INGEST_FAILURES, INGESTED, SPOOL_WAITING
from entrepot.telemetry.metrics import Metrics
from entrepot.telemetry.series import read_all


def settings_for(directory: Path) -> Settings:
    return Settings(
        gateway=GatewaySettings(),
        ledger=LedgerSettings(str(directory)),
        deployments=(),
        routes=(),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
    )


def test_a_ledger_that_does_not_say_whether_it_takes_entries_takes_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    silent, answers = threading.Event(), threading.Event()

    def hang(_entries: object) -> None:
        silent.set()
        assert answers.wait(60)

    with SpoolWriter(tmp_path, "gateway-0") as spool, open_sqlite(str(tmp_path)) as store:
        spool.append(sample_entry(1))
        ingester = Ingester(store, tmp_path)
        ingester.heard.append(hang)
        metrics = Metrics(str(tmp_path), "control-0", list)
        patient = IngestWatch(settings_for(tmp_path), ingester, metrics)
        hasty = IngestWatch(settings_for(tmp_path), ingester, metrics, stuck_s=0.0)
        run = threading.Thread(target=ingester.run_once)
        run.start()
        assert silent.wait(60)
        assert patient.look()[INGEST_FAILING, ()] == 0
        assert [hasty.look()[INGEST_FAILING, ()] for _ in range(2)] == [1, 1]
        assert caplog.text.count("the ledger has not answered for 0 s") == 1
        answers.set()
        run.join()
        assert hasty.look()[INGEST_FAILING, ()] == 0


def test_what_waits_what_went_in_and_what_failed_is_seen(tmp_path: Path) -> None:
    metrics = Metrics(str(tmp_path), "control-0", list)
    store = open_sqlite(str(tmp_path))
    ingester = Ingester(store, tmp_path)
    watch = IngestWatch(settings_for(tmp_path), ingester, metrics)
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        spool.append(sample_entry(1))
        spool.append(sample_entry(2))
        size = list_spools(tmp_path)[0].stat().st_size
        assert watch.look()[SPOOL_WAITING, ()] == size > 0
        ingester.run_once()
        assert watch.look()[SPOOL_WAITING, ()] == 0
        spool.append(sample_entry(3))
        store.close()
        with pytest.raises(LedgerError):
            ingester.run_once()
        seen = watch.look()
    assert seen[INGEST_FAILING, ()] == 1
    assert seen[SPOOL_WAITING, ()] > 0
    (kept,) = read_all(tmp_path)
    assert (kept.series[INGESTED.name,], kept.series[INGEST_FAILURES.name,]) == ((2.0,), (1.0,))
