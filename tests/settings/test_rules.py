from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings.toml import ONE_DEPLOYMENT, load, refuse

KEY = f"[[keys]]\nname = '张伟'\nsha256 = '{'0' * 64}'\nteam = '法务'\ntags = ['机密']\n"


def test_a_rule_is_kept_as_it_is_written(tmp_path: Path) -> None:
    document = f"""{ONE_DEPLOYMENT}{KEY}
[[policy]]
name = "机密数据不出境"
when = {{ tags = ["机密"], teams = ["法务"], keys = ["张伟"] }}
require = {{ region = ["CN", "LOCAL"], open_weights = true }}
deny = {{ maker = ["openai"], accelerator = ["tpu"] }}
"""
    (rule,) = load(tmp_path, document).rules
    assert rule.name == "机密数据不出境"
    assert rule.when.teams == ("法务",)
    assert rule.require is not None
    assert rule.require.region == ("CN", "LOCAL")
    assert rule.deny is not None
    assert rule.deny.maker == ("openai",)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "name = 'x'",
            "policy[0]: a rule without a fact under require, deny or prefer, and without no_store, does nothing",
        ),
        (
            "name = 'x'\nrequire = {}",
            "a rule without a fact under require, deny or prefer, and without no_store, does nothing",
        ),
        ("name = ''\ndeny = { on_premises = false }", "policy[0].name: must not be empty"),
        ("name = 'x'\ndeny = { maker_country = ['China'] }", "ISO 3166 code, such as CN or US; did you mean 'CN'?"),
        ("name = 'x'\nrequire = { region = ['Europe'] }", "nor EU, GLOBAL or LOCAL; did you mean 'EU'?"),
        ("name = 'x'\nrequire = { region = ['de'] }", "'de' is neither"),
        ("name = 'x'\ndeny = { provider = ['deepsek'] }", "there is no provider 'deepsek'; did you mean 'deepseek'?"),
        ("name = 'x'\ndeny = { model = ['gpt-smal'] }", "there is no model 'gpt-smal'; did you mean 'gpt-small'?"),
        ("name = 'x'\ndeny = { deployment = ['openai/gpt'] }", "there is no deployment 'openai/gpt'"),
        ("name = 'x'\nrequire = { region = [] }", "region: an empty list matches nothing"),
        ("name = 'x'\nwhen = { teams = ['法律'] }\ndeny = { on_premises = false }", "no key is of team '法律'"),
        ("name = 'x'\nwhen = { keys = ['张'] }\ndeny = { on_premises = false }", "[[keys]] has no '张'"),
        (
            "name = 'x'\ndeny = { on_premises = false }\n[[policy]]\nname = 'x'\ndeny = { on_premises = false }",
            "policy[1].name: 'x' is already the name of policy[0]",
        ),
    ],
)
def test_a_rule_that_could_never_do_what_it_says_is_refused(tmp_path: Path, rule: str, said: str) -> None:
    assert said in refuse(tmp_path, f"{ONE_DEPLOYMENT}{KEY}[[policy]]\n{rule}\n")


def test_a_tag_that_no_key_has_is_admitted_since_requests_bring_their_own(tmp_path: Path) -> None:
    document = (
        f"{ONE_DEPLOYMENT}[[policy]]\nname = 'x'\nwhen = {{ tags = ['临时'] }}\ndeny = {{ on_premises = false }}\n"
    )
    assert load(tmp_path, document).rules[0].when.tags == ("临时",)
