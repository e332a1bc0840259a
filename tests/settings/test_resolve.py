from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from entrepot.settings.client_key import digest
from tests.settings.toml import ONE_DEPLOYMENT, load, refuse


def test_units_are_turned_into_those_of_the_resolved_settings(tmp_path: Path) -> None:
    document = "[gateway]\nmax_body_mb = 2\nport = 0\n[timeouts]\ntotal_s = 5\n[ledger]\ndirectory = 'data/总账'\n"
    loaded = load(tmp_path, document + ONE_DEPLOYMENT)
    assert loaded.gateway.max_body_bytes == 2 * 1024 * 1024
    assert loaded.gateway.port == 0
    assert loaded.deadlines.total_s == 5.0
    assert loaded.ledger.directory == str(tmp_path / "data" / "总账")


def test_a_key_by_reference_becomes_a_digest(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("ent-of-the-file\n", encoding="utf-8")
    document = (
        "[[keys]]\nname = 'a'\nsecret = 'env:KEY_A'\ntags = ['内部']\n[[keys]]\nname = 'b'\nsecret = 'file:key'\n"
    )
    loaded = load(tmp_path, ONE_DEPLOYMENT + document, {"KEY_A": "ent-of-the-environment"})
    assert [key.sha256 for key in loaded.keys] == [digest("ent-of-the-environment"), digest("ent-of-the-file")]
    assert loaded.keys[0].tags == ("内部",)


def test_a_client_key_that_is_not_there_lets_nobody_in_and_is_reported(tmp_path: Path) -> None:
    document = "[[keys]]\nname = 'a'\nsecret = 'env:KEY_A'\n[[keys]]\nname = 'b'\nsecret = 'file:nowhere'\n"
    loaded = load(tmp_path, ONE_DEPLOYMENT + document, {"KEY_A": "  "})
    assert loaded.keys == ()
    assert loaded.absent_keys == ("a", "b")
    assert "client key 'a' lets nobody in: secret env:KEY_A has no value" in "\n".join(loaded.warnings)


def test_a_key_has_a_reference_or_a_digest_and_one_name(tmp_path: Path) -> None:
    assert "either 'secret' or 'sha256'" in refuse(tmp_path, ONE_DEPLOYMENT + "[[keys]]\nname = 'a'\n")
    both = f"[[keys]]\nname = 'a'\nsha256 = '{'0' * 64}'\nsecret = 'env:A'\n"
    assert "either 'secret' or 'sha256'" in refuse(tmp_path, ONE_DEPLOYMENT + both)
    twin = f"[[keys]]\nname = 'a'\nsha256 = '{'0' * 64}'\n[[keys]]\nname = 'b'\nsha256 = '{'0' * 64}'\n"
    assert "keys[1]: the same key as 'a'; one key has one name" in refuse(tmp_path, ONE_DEPLOYMENT + twin)
    namesakes = f"[[keys]]\nname = 'a'\nsha256 = '{'0' * 64}'\n[[keys]]\nname = 'a'\nsha256 = '{'1' * 64}'\n"
    assert "keys[1].name: 'a' is already the name of keys[0]" in refuse(tmp_path, ONE_DEPLOYMENT + namesakes)


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
