from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.settings.toml import ONE_DEPLOYMENT, load, refuse


def test_units_are_turned_into_those_of_the_resolved_settings(tmp_path: Path) -> None:
    document = "[gateway]\nmax_body_mb = 2\nport = 0\n[timeouts]\ntotal_s = 5\n[ledger]\ndirectory = 'data/总账'\n"
    loaded = load(tmp_path, document + ONE_DEPLOYMENT)
    assert loaded.gateway.max_body_bytes == 2 * 1024 * 1024
    assert loaded.gateway.port == 0
    assert loaded.deadlines.total_s == 5.0
    assert loaded.ledger.directory == str(tmp_path / "data" / "总账")


def test_the_operators_exchange_rate_replaces_the_catalogs(tmp_path: Path) -> None:
    document = "[exchange_rates]\nusd_per_cny = 0.1401\nas_of = 2026-11-20\nsource = '中国人民银行'\n"
    rates = load(tmp_path, ONE_DEPLOYMENT + document).exchange_rates
    assert (rates.usd_per_cny, rates.as_of, rates.source) == (Decimal("0.1401"), "2026-11-20", "中国人民银行")
    zero = "[exchange_rates]\nusd_per_cny = 0\nas_of = 2026-11-20\n"
    assert "usd_per_cny: must be more than 0" in refuse(tmp_path, ONE_DEPLOYMENT + zero)


def test_a_router_is_found_from_the_settings_file_and_must_be_there(tmp_path: Path) -> None:
    document = ONE_DEPLOYMENT + "[router]\nartifact = 'router.bin'\n"
    assert "router.artifact: there is no file" in refuse(tmp_path, document)
    (tmp_path / "router.bin").touch()
    assert load(tmp_path, document).router == str(tmp_path / "router.bin")


def test_fresh_outcomes_are_found_from_the_settings_file_and_need_their_prompts(tmp_path: Path) -> None:
    document = ONE_DEPLOYMENT + "[router]\noutcomes = ['新/*.jsonl']\nprompts = ['/data/p.jsonl']\nlast = 500\n"
    fresh = load(tmp_path, document).fresh
    assert (fresh.outcomes, fresh.prompts) == ((f"{tmp_path}/新/*.jsonl",), ("/data/p.jsonl",))
    assert fresh.last == 500
    alone = ONE_DEPLOYMENT + "[router]\noutcomes = ['a.jsonl']\n"
    assert "router.outcomes: needs 'prompts' beside it" in refuse(tmp_path, alone)


def test_a_region_is_believed_of_named_proxies_or_of_nobody(tmp_path: Path) -> None:
    header = ONE_DEPLOYMENT + "[gateway]\nregion_header = 'cf-ipcountry'\n"
    assert "gateway.region_header: would be believed of nobody" in refuse(tmp_path, header)
    assert load(tmp_path, header + "trusted_proxies = ['10.0.0.0/8']\n").gateway.region_header == "cf-ipcountry"
