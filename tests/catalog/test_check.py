from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.catalog.load import load_catalog
from entrepot.errors import CatalogError
from tests.catalog.made_up import MAKER, PROVIDER, write_catalog

SECOND_MODEL = '\n[[models]]\nid = "acme-small"\n'
SECOND_OFFER = '\n[[offers]]\nmodel = "acme-large"\nupstream_name = "large"\n'
TIERS = "output_per_mtok = 2.20, tiers = [{}]"


def tier(above: int) -> str:
    return f"{{ input_tokens_above = {above}, input_per_mtok = 2, output_per_mtok = 4 }}"


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ('country = "FR"', 'country = "UK"', "country 'UK' is not an ISO 3166-1 alpha-2 code; did you mean 'GB'?"),
        ('country = "FR"', 'country = "fr"', "country 'fr' is not an ISO 3166-1"),
        ('as_of = "2026-11-01"\n\n', 'as_of = "1.11.2026"\n\n', "as_of = '1.11.2026' is not a date YYYY-MM-DD"),
        ('source = "acme.example/models"', 'source = " "', "model 'acme-large': source is empty"),
        ("score = 0.5", "score = 50", "model 'acme-large': gpqa-diamond = 50.0 is not a fraction of 1"),
        ('source = "acme.example",', 'source = "",', "model 'acme-large': gpqa-diamond: source is empty"),
        ("open_weights = true", 'retires_on = "soon"', "retires_on = 'soon' is not a date"),
        ('"顶点大模型"]', '"gpt-6-sol"]', "the name 'gpt-6-sol' is that of 'gpt-6-sol' already"),
        ('"顶点大模型"]', '"ACME-Large:latest"]', "the name 'ACME-Large:latest' is that of 'acme-large' already"),
        ("scores =", f"{SECOND_MODEL}names = ['acme/large']\nscores =", "'acme/large' is that of 'acme-large' already"),
    ],
)
def test_refuses_in_a_maker(tmp_path: Path, right: str, wrong: str, problem: str) -> None:
    changed = MAKER.replace(right, wrong)
    assert changed != MAKER
    with pytest.raises(CatalogError) as caught:
        load_catalog([write_catalog(tmp_path, maker=changed)])
    assert problem in caught.value.message
    assert str(tmp_path / "makers" / "acme.toml") in caught.value.message


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ('country = "FR"', 'country = "France"', "country 'France' is not an ISO 3166-1 alpha-2 code"),
        ('source = "acme.example/docs"', 'source = ""', "the provider: source is empty"),
        (
            'processed_in = "FR"',
            'processed_in = "Europe"',
            "is no country code nor EU, GLOBAL, LOCAL; did you mean 'EU'?",
        ),
        ('name = "anywhere"', 'name = "paris"', "region 'paris' is defined twice"),
        ('name = "anywhere"', 'name = "Anywhere"', "region 'Anywhere': region names are in lower case"),
        ('as_of = "2026-11-04"', 'as_of = "2026-13-04"', "region 'anywhere': as_of = '2026-13-04' is not a date"),
        ("https://acme.example/v1", "acme.example/v1", "region 'anywhere': base_url = 'acme.example/v1' is not"),
        ("https://acme.example/v1", "https://acme.example/v1/", "without a slash at its end"),
        ("[prices]", '[[blanks]]\nname = "city"\nwhat = "x"\n\n[prices]', "blank 'city': no base_url has it"),
        ('auth = "bearer"', 'auth = "bearer"\ncloud = "aws"', "cloud = 'aws' needs a cloud_scope"),
        (
            'auth = "bearer"',
            'auth = "bearer"\non_premises = true',
            "processed_in is LOCAL where the provider is on_premises",
        ),
        ("ACME_API_KEY", "OPENAI_API_KEY", "key_env 'OPENAI_API_KEY' is that of provider 'openai' already"),
        ('model = "acme-large"', 'model = "acme-larg"', "there is no such model; did you mean 'acme-large'?"),
        ('model = "acme-large"', 'model = "Acme/Large"', "write the model's id, 'acme-large'"),
        ('["paris"]', '["pariss"]', "there is no region 'pariss'; did you mean 'paris'?"),
        ("price = {", f"{SECOND_OFFER}price = {{", "offer of 'acme-large': offered in region 'paris' twice"),
        ('as_of = "2026-11-03"', 'as_of = "yesterday"', "offer of 'acme-large': its price: as_of = 'yesterday'"),
        ("= 1.10", "= 1.1000001", "prices are not negative and have at most six decimals"),
        ("= 1.10", "= -1", "prices are not negative"),
        ("output_per_mtok = 2.20", TIERS.format(f"{tier(20)}, {tier(10)}"), "tiers are in order of input_tokens_above"),
        ("output_per_mtok = 2.20", TIERS.format(f"{tier(20)}, {tier(20)}"), "tiers are in order of input_tokens_above"),
        ("output_per_mtok = 2.20", TIERS.format(tier(0)), "each once and above 0"),
    ],
)
def test_refuses_in_a_provider(tmp_path: Path, right: str, wrong: str, problem: str) -> None:
    changed = PROVIDER.replace(right, wrong)
    assert changed != PROVIDER
    with pytest.raises(CatalogError) as caught:
        load_catalog([write_catalog(tmp_path, provider=changed)])
    assert problem in caught.value.message
    assert str(tmp_path / "providers" / "acme.toml") in caught.value.message


def test_refuses_a_blank_of_which_nobody_says_what_belongs_there(tmp_path: Path) -> None:
    blank = '[[blanks]]\nname = "town"\nwhat = "your town"\n\n[prices]'
    provider = PROVIDER.replace("[prices]", blank).replace("https://acme.", "https://{town}.{street}.acme.")
    with pytest.raises(CatalogError, match=r"base_url has a blank \{street\} of which no \[\[blanks\]\] says"):
        load_catalog([write_catalog(tmp_path, provider=provider)])


def test_refuses_a_provider_without_an_address(tmp_path: Path) -> None:
    provider = PROVIDER.split("[[regions]]")[0]
    with pytest.raises(CatalogError, match=r"no \[\[regions\]\]: a provider needs at least one address"):
        load_catalog([write_catalog(tmp_path, provider=provider)])


@pytest.mark.parametrize(("rate", "day"), [("0", "2026-11-01"), ("-0.1", "2026-11-01"), ("0.1", "today")])
def test_refuses_an_exchange_rate_without_value_or_day(tmp_path: Path, rate: str, day: str) -> None:
    exchange = f'usd_per_cny = {rate}\nas_of = "{day}"\nsource = "a bank"\n'
    with pytest.raises(CatalogError, match=r"exchange.toml: needs a positive usd_per_cny"):
        load_catalog([write_catalog(tmp_path, exchange=exchange)])


def test_tells_every_problem_at_once(tmp_path: Path) -> None:
    maker = MAKER.replace('"FR"', '"ZZ"').replace("score = 0.5", "score = 5")
    provider = PROVIDER.replace('country = "FR"', 'country = "ZZ"')
    with pytest.raises(CatalogError) as caught:
        load_catalog([write_catalog(tmp_path, maker=maker, provider=provider)])
    assert len(caught.value.message.splitlines()) == 3


def test_tells_ten_problems_and_counts_the_rest(tmp_path: Path) -> None:
    offers = "".join(f'\n[[offers]]\nmodel = "absent-{number}"\nupstream_name = "x"\n' for number in range(12))
    with pytest.raises(CatalogError) as caught:
        load_catalog([write_catalog(tmp_path, provider=PROVIDER + offers)])
    lines = caught.value.message.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "… and 2 more"
