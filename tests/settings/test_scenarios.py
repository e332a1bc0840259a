"""Scenario files: read as strictly as entrepot.toml, and what they make of settings."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from entrepot.catalog.load import load_catalog
from entrepot.errors import SettingsError
from entrepot.policy.rules import Facts
from entrepot.settings.load import load_settings
from entrepot.settings.scenarios import Scenario, factor_of, load_scenario
from entrepot.settings.schema import Settings

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "scenarios"
CATALOG = load_catalog()


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(EXAMPLES / "entrepot.toml", {})


def scenario(text: str, settings: Settings, tmp_path: Path) -> Scenario:
    file = tmp_path / "what-if.toml"
    file.write_text(text, encoding="utf-8")
    return load_scenario(file, settings, CATALOG, {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[bra]]\n", "what-if.toml, line 1: bra: there is no such setting; did you mean 'bar'?"),
        ('[[bar]]\ndeny = { provder = ["openai"] }', "line 2: bar[0].deny.provder: there is no such setting; did"),
        ('[[bar]]\ndeny = { provider = ["openia"] }', "bar[0].deny.provider[0]: there is no provider 'openia'; did you"),
        ('[[bar]]\ndeny = { provider = ["openai"] }\nwhen = { teams = ["legl"] }', "no key is of team 'legl'; did you mean"),
        ('[[retire]]\nmodel = "gpt-6.1-sl"', "line 2: retire[0].model: no deployment is of the model 'gpt-6.1-sl'"),
        ('[[price]]\ndeployments = "deepsek"\nchange = "-50%"', "line 2: price[0].deployments: 'deepsek' is no deployment"),
        ('[[price]]\ndeployments = "deepseek*"\nchange = "half"', "price[0].change: 'half' is no change: write -50%, +20% or x2"),
        ('[[price]]\ndeployments = "deepseek*"\nchange = "-120%"', "price[0].change: '-120%' is no change"),
        ('[[price]]\ndeployments = "deepseek*"', "price[0]: give one of change (such as -50%) and price"),
        ('[[goal]]\nroute = "atuo"\nmax_loss = 0.1', "line 2: goal[0].route: there is no route 'atuo'; did you mean 'auto'?"),
        ('[[goal]]\nroute = "auto"\nworth_usd = 0.1', "goal[0].worth_usd: has no meaning with cheapest_within"),
        (
            '[[goal]]\nroute = "auto"\nmax_loss = 0.1\n[[goal]]\nroute = "auto"\nmax_loss = 0.5',
            "line 5: goal[1].route: the goal of 'auto' is already that of goal[0]",
        ),
        ('[[goal]]\nroute = "auto"', "goal[0]: says nothing of the goal"),
        ('[[outage]]\nprovider = "openai"\nat = "noon"', "line 3: outage[0].at: 'noon' is no moment: write peak, or one such as"),
        ('[[outage]]\nprovider = "opnai"', "outage[0].provider: no deployment is at 'opnai'; did you mean 'openai'?"),
        (
            '[[bar]]\ndeny = { provider = ["openai"] }\nsince = 2027-01-02\nuntil = 2027-01-01',
            "line 4: bar[0].until: is not after 'since'",
        ),
        (
            '[[newcomer]]\nprovider = "deepseek"\nmodel = "deepseek-v4.1-flash"',
            "newcomer[0]: 'deepseek/deepseek-v4.1-flash' is a deployment already; give this one another id",
        ),
        (
            '[[newcomer]]\nid = "x/y"\nprovider = "x"\nbase_url = "https://x.example"\nmodel = "y"\nscores = { gpqa = 61 }',
            "newcomer[0].scores.gpqa: a score is a fraction: from 0 to 1",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_the_nearest_right_word(
    text: str, told: str, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as raised:
        scenario(text, settings, tmp_path)
    assert told in raised.value.message


def test_a_bar_is_a_rule_and_a_retirement_is_one(settings: Settings, tmp_path: Path) -> None:
    text = '[[bar]]\nname = "no US"\ndeny = { provider_country = ["US"] }\nsince = 2026-12-01\n[[retire]]\nmodel = "kimi-k3"'
    bar, retired = scenario(text, settings, tmp_path).bars
    assert (bar.rule.name, bar.rule.deny) == ("no US", Facts(provider_country=("US",)))
    assert bar.span.since_ns == 1_796_083_200_000_000_000
    assert retired.rule.deny == Facts(model=("kimi-k3",))


def test_a_price_is_changed_of_all_that_the_pattern_names_and_of_nothing_else(
    settings: Settings, tmp_path: Path
) -> None:
    found = scenario('[[price]]\ndeployments = "deepseek*"\nchange = "-50%"', settings, tmp_path)
    changed = {one.id: one.price for one in found.settings(settings, found.repricings).deployments}
    for one in settings.deployments:
        price = changed[one.id]
        assert price is not None
        assert one.price is not None
        if "deepseek" in one.id:
            assert price.input_per_mtok == (one.price.input_per_mtok / 2).quantize(Decimal("0.0001"))
        else:
            assert price == one.price


def test_a_newcomer_joins_its_routes_alone(settings: Settings) -> None:
    found = load_scenario(EXAMPLES / "newcomer.toml", settings, CATALOG, {})
    routes = {route.name: route.candidates for route in found.settings(settings, ()).routes}
    assert "nebius/open-large" in routes["auto"]
    assert "nebius/open-large" not in routes["batch"]
    assert found.facts["open-large"].scores == {"gpqa-diamond": 0.86}


def test_what_is_not_said_of_a_goal_stays(settings: Settings, tmp_path: Path) -> None:
    found = scenario('[[goal]]\nroute = "auto"\nconfidence = 0.9', settings, tmp_path)
    goals = {route.name: route.goal for route in found.settings(settings, ()).routes}
    assert (goals["auto"].max_loss, goals["auto"].confidence, goals["batch"].confidence) == (0.03, 0.9, None)


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("-50%", "0.5"),
        ("+20 %", "1.2"),
        ("x2", "2"),
        ("-100%", "0"),
        ("-12.5%", "0.875"),
        ("x 0.1", "0.1"),
        ("50%", None),
    ],
)
def test_a_change_is_a_factor(text: str, factor: str | None) -> None:
    assert factor_of(text) == (None if factor is None else Decimal(factor))
