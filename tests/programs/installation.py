"""An installation whose providers are other people's stand-ins or follow a script: one deployment for each dialect."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from entrepot.app import running
from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Deployment
from entrepot.exchange.plan import Deadlines, Route
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings

KEY = "ent-test-key-of-a-program"
PRICE = Price(input_per_mtok=Decimal(1), output_per_mtok=Decimal(2), source="test", as_of="2026-11-01")


def settings_for(base_urls: Mapping[str, str], directory: Path, also: Sequence[str] = ()) -> Settings:
    """A deployment for each dialect, its model named after it, at these base URLs; routes of the names in `also`; one key."""
    deployments = tuple(
        Deployment(
            id=f"at/{dialect}",
            model=dialect,
            maker="nobody",
            maker_country="CN",
            provider=f"at-{dialect}",
            provider_country="CN",
            region="CN",
            base_url=base_url,
            dialect=dialect,
            upstream_name="scripted",
            auth="none",
            price=PRICE,
            max_output_tokens=8192,
        )
        for dialect, base_url in base_urls.items()
    )
    return Settings(
        gateway=GatewaySettings(port=0, grace_s=5),
        ledger=LedgerSettings(str(directory)),
        deployments=deployments,
        routes=tuple(Route(name, tuple(deployment.id for deployment in deployments)) for name in also),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
        keys=(KeySettings("program", hashlib.sha256(KEY.encode()).hexdigest()),),
        rules=(),
        deadlines=Deadlines(connect_s=2, first_byte_s=10, idle_s=5, total_s=60),
    )


@contextlib.contextmanager
def gateway_before(base_urls: Mapping[str, str], directory: Path, also: Sequence[str] = ()) -> Iterator[str]:
    """The address of a gateway, without a path, before providers at these addresses, by dialect."""
    with running(settings_for(base_urls, directory, also), dict(os.environ)) as installation:
        yield installation.base_url.removesuffix("/v1")
