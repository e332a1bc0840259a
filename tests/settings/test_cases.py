from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import SettingsError
from entrepot.exchange.sensing import SensingSettings, Sensor
from entrepot.policy.numbers import load_numbers
from entrepot.settings.cases import Case, Outcome, load_cases, run_case
from entrepot.settings.schema import Settings
from entrepot.settings.sensing import build_sensor
from tests.settings.toml import load

NO_SENSOR = Sensor(SensingSettings(), frozenset(), {}, load_numbers)

DOCUMENT = f"""\
[[deployments]]
provider = "openai"
model = "gpt-large"

[[deployments]]
id = "本地"
provider = "ollama"
model = "qwen3-8b"

[[keys]]
name = "法务"
sha256 = "{"0" * 64}"
team = "legal"
tags = ["机密"]

[[keys]]
name = "absent"
secret = "env:ABSENT"

[[policy]]
name = "机密不出门"
when = {{ tags = ["机密"] }}
require = {{ on_premises = true }}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two deployments, one rule."""
    return load(tmp_path, DOCUMENT)


def read(directory: Path, settings: Settings, text: str) -> tuple[Case, ...]:
    """The cases of a file with this text."""
    file = directory / "cases.toml"
    file.write_text(text, encoding="utf-8")
    return load_cases(file, settings)


def test_a_case_that_holds_has_nothing_wrong(tmp_path: Path, settings: Settings) -> None:
    text = "[[case]]\nname = 'a'\ntags = ['机密']\nallowed = ['本地']\ndenied = ['openai/gpt-large']\n"
    (case,) = read(tmp_path, settings, text)
    assert run_case(case, settings, NO_SENSOR) == Outcome("a", ())


def test_a_key_brings_its_team_and_tags(settings: Settings) -> None:
    case = Case("a", key="法务", denied=("openai/gpt-large",), allowed=("本地",))
    assert run_case(case, settings, NO_SENSOR).wrong == ()


def test_what_does_not_hold_is_told_with_the_rule_that_objects(settings: Settings) -> None:
    outcome = run_case(Case("a", tags=("机密",), allowed=("openai/gpt-large",)), settings, NO_SENSOR)
    assert outcome.wrong[0].startswith("openai/gpt-large is denied: rule '机密不出门' requires on_premises = true")
    outcome = run_case(Case("a", denied=("openai/gpt-large",)), settings, NO_SENSOR)
    assert outcome.wrong == ("openai/gpt-large is allowed: no rule in force objects",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no [[case]] in it"),
        ("[[case]]\nnam = 'a'\n", "cases.toml, line 2: case[0].nam: there is no such setting; did you mean 'name'?"),
        ("[[case]]\nname = 'a'\nallowed = ['本']\n", "line 3: case[0].allowed[0]: there is no deployment '本'"),
        ("[[case]]\nname = 'a'\nkey = '法律'\n", "line 3: case[0].key: there is no key '法律'"),
        ("[[case]]\nname = 'a'\nkey = 'absent'\n", "the key 'absent' lets nobody in: its secret is not there"),
        ("[[case", "not TOML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, settings: Settings, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, settings, text)
    assert said in refused.value.message


def test_a_file_that_is_not_there_is_told(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_cases(tmp_path / "missing.toml", settings)


def test_a_case_asks_for_what_rules_look_at(tmp_path: Path) -> None:
    document = DOCUMENT + (
        "\n[[policy]]\nname = 'tools'\nwhen = { tools = ['*'] }\nrequire = { on_premises = true }\n"
        "\n[[policy]]\nname = 'personal'\nwhen = { data_classes = ['personal'] }\nrequire = { on_premises = true }\n"
        "\n[[policy]]\nname = 'there'\nwhen = { client_regions = ['CN'] }\nprefer = { on_premises = true }\n"
        "\n[[policy]]\nname = 'zh'\nwhen = { languages = ['zh'] }\nrequire = { on_premises = true }\n"
    )
    settings = load(tmp_path, document)
    sensor = build_sensor(settings)
    far = "openai/gpt-large"
    for case in (
        Case("tools", tools=("f",), denied=(far,)),
        Case("said", data_classes=("personal",), denied=(far,)),
        Case("found", text="Mail a.b@web.de", denied=(far,)),
        Case("language", text="请总结这份合同", denied=(far,)),
        Case("nothing", text="Say what the weather is", client_region="DE", allowed=(far,), preferred=(far, "本地")),
        Case("preferred", client_region="CN", allowed=(far,), preferred=("本地",)),
    ):
        assert run_case(case, settings, sensor).wrong == (), case.name


def test_a_case_that_names_what_is_not_there_is_refused(tmp_path: Path, settings: Settings) -> None:
    text = (
        "[[case]]\nname = 'a'\nroute = 'r'\ndata_classes = ['personel']\nclient_region = 'China'\npreferred = ['x']\n"
    )
    with pytest.raises(SettingsError) as raised:
        read(tmp_path, settings, text)
    for said in (
        "no route 'r'",
        "no data class 'personel'; did you mean 'personal'?",
        "'China' is not",
        "no deployment 'x'",
    ):
        assert said in raised.value.message


def test_what_is_preferred_otherwise_than_expected_is_told(settings: Settings) -> None:
    assert run_case(Case("a", preferred=("本地",)), settings, NO_SENSOR).wrong == (
        "preferred are openai/gpt-large, 本地",
    )
