from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from entrepot.exchange.outcome_plan import Shadowing
from entrepot.settings.shadows import budget_of
from tests.settings.toml import ONE_DEPLOYMENT, load, refuse

CHECKED = (
    ONE_DEPLOYMENT
    + """
[[deployments]]
provider = "openai"
model = "gpt-small"
[[routes]]
name = "letters"
max_output_tokens = 500
[[routes.outcomes.checks]]
name = "short"
regex = "^.{1,200}$"
[routes.shadow]
candidates = ["*/gpt-small"]
share = 0.1
usd_per_day = 2.5
"""
)


def test_who_is_asked_beside_and_what_that_may_cost(tmp_path: Path) -> None:
    loaded = load(tmp_path, CHECKED + 'compare = "checks"\n')
    assert loaded.routes[0].outcomes.shadow == Shadowing(("openai/gpt-small",), 0.1, "checks")
    assert loaded.budgets == (budget_of("letters", Decimal("2.5")),)
    assert (loaded.budgets[0].kind, loaded.budgets[0].period, loaded.budgets[0].key) == ("hard", "day", "shadow")
    assert not [told for told in loaded.warnings if "beside" in told]


def test_what_cannot_be_meant_is_told(tmp_path: Path) -> None:
    assert "needs [routes.outcomes.judges]" in refuse(tmp_path, CHECKED)
    checked = CHECKED + 'compare = "checks"\n'
    unchecked = checked.replace('[[routes.outcomes.checks]]\nname = "short"\nregex = "^.{1,200}$"\n', "")
    assert "needs [[routes.outcomes.checks]]" in refuse(tmp_path, unchecked)
    assert "matches no deployment" in refuse(tmp_path, checked.replace('"*/gpt-small"', '"*/gpt-smal"'))
    assert "shadow.usd_per_day: must be more than 0" in refuse(tmp_path, checked.replace("2.5", "0"))
    own = '[[budgets]]\nname = "shadow letters"\namount_usd = 1\n'
    assert "is the name of what usd_per_day of shadow sets" in refuse(tmp_path, checked + own)
    unpriced = (
        checked.replace("*/gpt-small", "*/m*")
        + '[[deployments]]\nprovider = "local"\nid = "openai/mine"\nmodel = "mine"\n'
    )
    unpriced += 'base_url = "http://127.0.0.1:9/v1"\ndialect = "openai-chat"\nmaker = "me"\nmaker_country = "DE"\n'
    assert "the price of openai/mine is unknown" in refuse(tmp_path, unpriced)


def test_where_nothing_bounds_an_answer_the_operator_is_told(tmp_path: Path) -> None:
    unbounded = CHECKED.replace("max_output_tokens = 500\n", "") + 'compare = "checks"\n'
    (told,) = (one for one in load(tmp_path, unbounded).warnings if "beside only what names a token limit" in one)
    assert told.startswith("route 'letters' asks openai/gpt-small")
