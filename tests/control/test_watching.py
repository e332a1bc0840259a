from __future__ import annotations

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


def test_what_waits_what_went_in_and_what_failed_is_seen(tmp_path: Path) -> None:
    settings = Settings(
        gateway=GatewaySettings(),
        ledger=LedgerSettings(str(tmp_path)),
        deployments=(),
        routes=(),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
    )
    metrics = Metrics(str(tmp_path), "control-0", list)
    store = open_sqlite(str(tmp_path))
    ingester = Ingester(store, tmp_path)
    watch = IngestWatch(settings, ingester, metrics)
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
