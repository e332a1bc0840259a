"""What a trial's costs are measured by."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import pytest

from entrepot.control.trial_start import CAP, mean_cost_usd, with_costs
from entrepot.control.trials import Terms
from entrepot.errors import SettingsError
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.sqlite import open_sqlite
from tests.exchange.things import a_deployment


def test_what_a_session_costs_now_is_the_mean_of_the_routes_exchanges_if_there_are_enough(tmp_path: Path) -> None:
    with contextlib.closing(open_sqlite(tmp_path)) as ledger:
        ledger.insert([sample_entry(number) for number in range(49)])
        assert mean_cost_usd(ledger, "auto", FIRST_NS) is None
        ledger.insert([sample_entry(49)])
        assert mean_cost_usd(ledger, "auto", FIRST_NS) == pytest.approx((1_000 + 24.5) / 1e9)
        assert mean_cost_usd(ledger, "other", FIRST_NS) is None
        assert mean_cost_usd(ledger, "auto", FIRST_NS + 31 * 86_400 * 10**9) is None


def test_costs_are_capped_at_a_multiple_of_the_mean_and_not_asked_about_without_a_ratio() -> None:
    terms = with_costs(Terms(cost_ratio=1.0), a_deployment(), 0.002)
    assert (terms.mean_usd, terms.most_usd) == (0.002, CAP * 0.002)
    assert with_costs(Terms(cost_ratio=1.0, mean_usd=0.1), a_deployment(), 0.002).mean_usd == 0.1
    assert with_costs(Terms(), a_deployment(price=None), None) == Terms()


def test_what_tells_nothing_of_costs_is_said() -> None:
    with pytest.raises(SettingsError, match="--mean-usd"):
        with_costs(Terms(cost_ratio=1.0), a_deployment(), None)
    unpriced = msgspec.structs.replace(a_deployment(), price=None)
    with pytest.raises(SettingsError, match="--no-cost"):
        with_costs(Terms(cost_ratio=1.0), unpriced, 0.001)
