from __future__ import annotations

import tomllib
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from entrepot.catalog.deployment import build_deployment
from entrepot.catalog.load import load_catalog
from entrepot.errors import CatalogError
from tests.catalog.made_up import MAKER, PROVIDER, write_catalog
from tests.docs.fences import find_fences

CATALOG = load_catalog()
SHIPPED = sorted(
    str(entry.name) + "/" + file.name
    for entry in (files("entrepot.catalog") / folder for folder in ("makers", "providers"))
    for file in entry.iterdir()
)


@pytest.mark.parametrize("file", SHIPPED)
def test_every_shipped_file_is_read(file: str) -> None:
    table = tomllib.loads((files("entrepot.catalog") / file).read_text(encoding="utf-8"))
    assert Path(file).stem == table["id"]
    if file.startswith("makers/"):
        assert CATALOG.maker(table["id"]).name == table["name"]
        assert all(CATALOG.model(model["id"]).maker == table["id"] for model in table["models"])
    else:
        assert CATALOG.provider(table["id"]).name == table["name"]
        assert len(CATALOG.provider(table["id"]).offers) == len(table.get("offers", []))


def test_numbers_are_read_exactly_as_written() -> None:
    price = CATALOG.price_of("together", "deepseek-v4.1-flash")
    assert price is not None
    assert (price.input_per_mtok, price.output_per_mtok) == (Decimal("0.3"), Decimal("1.2"))


def test_a_file_of_the_operator_adds_to_ours(tmp_path: Path) -> None:
    catalog = load_catalog([write_catalog(tmp_path)])
    assert catalog.model("顶点大模型").id == "acme-large"
    assert len(catalog.providers) == len(CATALOG.providers) + 1
    assert catalog.exchange_rates == CATALOG.exchange_rates


def test_a_file_of_the_operator_replaces_ours_of_the_same_id(tmp_path: Path) -> None:
    mine = PROVIDER.replace('id = "acme-cloud"', 'id = "openai"').replace("ACME_API_KEY", "OPENAI_API_KEY")
    catalog = load_catalog([write_catalog(tmp_path, provider=mine)])
    assert [offer.model for offer in catalog.provider("openai").offers] == ["acme-large"]
    assert len(catalog.providers) == len(CATALOG.providers)


def test_a_later_directory_wins_over_an_earlier_one(tmp_path: Path) -> None:
    first = write_catalog(tmp_path / "first")
    second = write_catalog(tmp_path / "second", maker="", provider=PROVIDER.replace("Acme Cloud", "Acme Wolke"))
    assert load_catalog([first, second]).provider("acme-cloud").name == "Acme Wolke"


def test_an_exchange_rate_of_the_operator_replaces_ours(tmp_path: Path) -> None:
    exchange = 'usd_per_cny = 0.1397\nas_of = "2026-11-20"\nsource = "our bank"\n'
    rates = load_catalog([write_catalog(tmp_path, exchange=exchange)]).exchange_rates
    assert (rates.usd_per_cny, rates.source) == (Decimal("0.1397"), "our bank")


def test_models_have_the_page_of_their_file_unless_they_name_their_own(tmp_path: Path) -> None:
    maker = MAKER + '\n[[models]]\nid = "acme-old"\nsource = "acme.example/archive"\nas_of = "2025-01-01"\n'
    catalog = load_catalog([write_catalog(tmp_path, maker=maker)])
    assert (catalog.model("acme-large").source, catalog.model("acme-large").as_of) == (
        "acme.example/models",
        "2026-11-01",
    )
    assert (catalog.model("acme-old").source, catalog.model("acme-old").as_of) == ("acme.example/archive", "2025-01-01")


def test_regions_have_the_page_of_their_provider_and_prices_that_of_the_prices_table(tmp_path: Path) -> None:
    provider = load_catalog([write_catalog(tmp_path)]).provider("acme-cloud")
    assert [(region.source, region.as_of) for region in provider.regions] == [
        ("acme.example/docs", "2026-11-02"),
        ("acme.example/regions", "2026-11-04"),
    ]
    price = provider.offers[0].price
    assert price is not None
    assert (price.source, price.as_of) == ("acme.example/prices", "2026-11-03")


def test_the_examples_of_the_reference_load(tmp_path: Path, project_dir: Path) -> None:
    text = (project_dir / "docs" / "reference" / "catalog.md").read_text(encoding="utf-8")
    maker, provider, cloud = (fence.text for fence in find_fences(text) if fence.language == "toml")
    directory = write_catalog(tmp_path, maker=maker, provider=provider)
    (directory / "providers" / "iron.toml").write_text(cloud, encoding="utf-8")
    catalog = load_catalog([directory])
    price = catalog.price_of("acme-cloud", "acme-small", "eu")
    assert price is not None
    assert [tier.input_tokens_above for tier in price.tiers] == [200_000]
    made = build_deployment(catalog, "acme-iron", "acme-large-2", blanks={"project": "moon"})
    assert (made.base_url, made.auth) == ("https://moon.paris.iron.acme.example/v1", "azure")
    assert made.quirks == {"no_developer_role", "reasoning_effort"}


def load_with(directory: Path, **texts: str) -> str:
    """The message with which these files are refused."""
    with pytest.raises(CatalogError) as caught:
        load_catalog([write_catalog(directory, **texts)])
    return caught.value.message


def test_an_unknown_key_is_refused_with_the_nearest_right_one(tmp_path: Path) -> None:
    message = load_with(tmp_path, maker=MAKER.replace("context_tokens", "contxt_tokens"))
    assert message.startswith(str(tmp_path / "makers" / "acme.toml"))
    assert "did you mean 'context_tokens'?" in message
    assert "'acme-large'" in message


def test_a_number_written_as_text_is_refused(tmp_path: Path) -> None:
    message = load_with(tmp_path, maker=MAKER.replace("context_tokens = 1000", 'context_tokens = "1000"'))
    assert "Expected `int | null`, got `str`, at models[0].context_tokens ('acme-large')" in message


def test_a_price_without_a_page_is_refused(tmp_path: Path) -> None:
    message = load_with(tmp_path, provider=PROVIDER.replace('[prices]\nsource = "acme.example/prices"\n', "[prices]\n"))
    assert "providers/acme.toml: Object missing required field `source`, at offers[0].price ('acme-large')" in message


def test_a_price_without_a_date_is_refused(tmp_path: Path) -> None:
    message = load_with(tmp_path, provider=PROVIDER.replace('as_of = "2026-11-03"\n', ""))
    assert "missing required field `as_of`, at offers[0].price" in message


def test_an_unknown_currency_is_refused(tmp_path: Path) -> None:
    message = load_with(
        tmp_path, provider=PROVIDER.replace("output_per_mtok = 2.20", 'output_per_mtok = 2, currency = "EUR"')
    )
    assert "'EUR', at offers[0].price.currency" in message


def test_an_unknown_capability_is_refused(tmp_path: Path) -> None:
    assert "'telepathy'" in load_with(tmp_path, maker=MAKER.replace('["tools"]', '["telepathy"]'))


def test_a_model_in_the_file_of_another_maker_is_refused(tmp_path: Path) -> None:
    message = load_with(tmp_path, maker=MAKER.replace("open_weights = true", 'maker = "openai"'))
    assert "model 'acme-large' names another maker, 'openai'" in message


@pytest.mark.parametrize("table", ["models", "regions", "offers"])
def test_a_table_where_a_list_of_tables_belongs_is_refused(tmp_path: Path, table: str) -> None:
    which = "maker" if table == "models" else "provider"
    text = {"maker": MAKER, "provider": PROVIDER}[which].split("\n[[")[0] + f"\n[{table}]\nx = 1\n"
    assert f"write [[{table}]]" in load_with(tmp_path, **{which: text})


def test_prices_that_are_not_a_table_are_refused(tmp_path: Path) -> None:
    assert "write [prices]" in load_with(tmp_path, provider="prices = 1\n" + PROVIDER.replace("[prices]", "[quirks]"))


def test_what_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    message = load_with(tmp_path, maker='id = "acme\n')
    assert message.startswith(f"{tmp_path / 'makers' / 'acme.toml'}: not valid TOML: ")
    assert "line 1" in message


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    write_catalog(tmp_path)
    (tmp_path / "makers" / "acme.toml").write_bytes('name = "顶点"'.encode("gb18030"))
    with pytest.raises(CatalogError, match=r"acme.toml: not valid TOML"):
        load_catalog([tmp_path])


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "makers" / "acme.toml").mkdir(parents=True)
    with pytest.raises(CatalogError, match=r"acme.toml: cannot be read"):
        load_catalog([tmp_path])


def test_two_files_of_one_directory_may_not_define_the_same_provider(tmp_path: Path) -> None:
    write_catalog(tmp_path)
    (tmp_path / "providers" / "copy.toml").write_text(PROVIDER, encoding="utf-8")
    with pytest.raises(CatalogError, match=r"copy.toml: provider 'acme-cloud' is defined in another file"):
        load_catalog([tmp_path])


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="does not exist"):
        load_catalog([tmp_path / "absent"])


def test_other_files_of_a_directory_are_left_alone(tmp_path: Path) -> None:
    write_catalog(tmp_path)
    (tmp_path / "makers" / "README.md").write_text("notes", encoding="utf-8")
    assert load_catalog([tmp_path]).maker("acme").country == "FR"
