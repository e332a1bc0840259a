from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from entrepot.catalog.pricing import ExchangeRates
from entrepot.exchange.board import Board
from entrepot.exchange.records import AttemptRecord
from entrepot.server.standing import Standing, ends_of_certificates
from entrepot.settings.schema import GatewaySettings, LedgerSettings, ListenTls, Settings
from entrepot.telemetry.families import CERTIFICATE_END, CONNECTIONS, HEALTH, SPOOL_TROUBLE, UNDER_WAY, WAITING
from entrepot.upstream.certificates import read_ends
from entrepot.upstream.client import UpstreamClient
from tests.certificates import Authority
from tests.exchange.things import a_deployment

SETTINGS = Settings(
    gateway=GatewaySettings(),
    ledger=LedgerSettings("/nowhere"),
    deployments=(a_deployment("a/m"), a_deployment("b/m")),
    routes=(),
    exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
)


async def test_what_is_under_way_and_who_is_well_is_seen() -> None:
    board, trouble = Board(), ["the disk is full"]
    failed = AttemptRecord(1, "a/m", "m", "a", 500, 1.0, failure="server_error")
    for second in range(20):
        board.learn(failed, 100.0 + second)
    standing = Standing(
        SETTINGS,
        upstream=UpstreamClient(environ={}),
        board=board,
        trouble=lambda: trouble[-1] if trouble else None,
        admission=None,
        under_way=lambda: 7,
        clock=lambda: 120.0,
    )
    seen = standing.look()
    assert (seen[UNDER_WAY, ()], seen[WAITING, ()], seen[SPOOL_TROUBLE, ()]) == (7.0, 0.0, 1.0)
    assert (seen[HEALTH, ("a/m", "closed")], seen[HEALTH, ("a/m", "open")]) == (0.0, 1.0)
    assert (seen[HEALTH, ("b/m", "closed")], seen[HEALTH, ("b/m", "open")]) == (1.0, 0.0)
    assert seen[CONNECTIONS, ("busy",)] == seen[CONNECTIONS, ("idle",)] == 0.0
    trouble.clear()
    assert standing.look()[SPOOL_TROUBLE, ()] == 0.0


def test_the_end_of_a_certificate_is_seen_and_one_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("server", "a.test")
    gateway = GatewaySettings(tls=ListenTls(certificate, key))
    seen = ends_of_certificates(msgspec.structs.replace(SETTINGS, gateway=gateway), 0.0)
    assert seen == {(CERTIFICATE_END, ("[gateway.tls]",)): min(read_ends(certificate)).timestamp()}
    Path(key).unlink()
    assert ends_of_certificates(msgspec.structs.replace(SETTINGS, gateway=gateway), 0.0) == {}
