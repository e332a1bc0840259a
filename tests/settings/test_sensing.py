from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.policy.sensitive import DATA_CLASSES
from entrepot.settings.sensing import object_to_pattern
from tests.settings.toml import ONE_DEPLOYMENT, load, refuse


def test_without_a_word_the_shipped_classes_hold(tmp_path: Path) -> None:
    assert load(tmp_path, ONE_DEPLOYMENT).sensing.classes == dict(DATA_CLASSES)


def test_a_class_that_is_listed_is_found_by_what_is_listed_and_by_detectors_that_name_it(tmp_path: Path) -> None:
    document = f"""{ONE_DEPLOYMENT}
[data_classes]
personal = ["email"]
hr = []

[detectors."工 号"]
pattern = 'x'
data_class = "hr"
"""
    assert "is not a name of letters" in refuse(tmp_path, document)
    sensing = load(tmp_path, document.replace("工 号", "工号").replace("'x'", "'W[0-9]{6}'")).sensing
    assert sensing.classes["personal"] == ("email",)
    assert sensing.classes["hr"] == ("工号",)
    assert sensing.classes["secret"] == DATA_CLASSES["secret"]


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("[data_classes]\npersonal = ['emial']\n", "no detector finds 'emial'; did you mean 'email'?"),
        ("[data_classes]\nunreadable = ['email']\n", "the class of what nobody can look into"),
        ("[detection]\nredact = ['fax']\n", "detection.redact[0]: no detector finds 'fax'"),
        ("[detection]\nphone_regions = ['XX']\n", "is not a country's ISO 3166 code"),
        ("[[routes]]\nname = 'r'\nredact = ['phones']\n", "no detector finds 'phones'; did you mean 'phone'?"),
        ("[detectors.email]\npattern = 'x'\ndata_class = 'a'\n", "'email' is already a kind"),
        ("[detectors.a]\npattern = '('\ndata_class = 'a'\n", "is not a regular expression"),
        (
            "[[policy]]\nname = 'p'\nwhen = { data_classes = ['personel'] }\ndeny = { on_premises = false }\n",
            "there is no data class 'personel'; did you mean 'personal'?",
        ),
        (
            "[[policy]]\nname = 'p'\nwhen = { languages = ['zz'] }\ndeny = { on_premises = false }\n",
            "no text is known to be in 'zz'",
        ),
        (
            "[[policy]]\nname = 'p'\nwhen = { routes = ['nowhere'] }\ndeny = { on_premises = false }\n",
            "there is no route 'nowhere'",
        ),
        (
            "[[policy]]\nname = 'p'\ndeny = { max_retention_days = 3 }\n",
            "belongs under require",
        ),
        ("[[policy]]\nname = 'p'\ndeny = { model = ['@lost'] }\n", "[lists] has no 'lost'"),
        (
            "[lists]\nnone = []\n[[policy]]\nname = 'p'\nwhen = { tags = ['@none'] }\ndeny = { on_premises = false }\n",
            "the list 'none' is empty, and a condition without words holds for everyone",
        ),
        (
            "[lists]\nthere = ['China']\n[[policy]]\nname = 'p'\ndeny = { provider_country = ['@there'] }\n",
            "lists.there[0]: 'China' is not a country's ISO 3166 code",
        ),
    ],
)
def test_what_nothing_finds_or_nobody_could_mean_is_refused(tmp_path: Path, added: str, said: str) -> None:
    assert said in refuse(tmp_path, ONE_DEPLOYMENT + added)


def test_lists_are_written_out_in_rules(tmp_path: Path) -> None:
    policy = "[[policy]]\nname = 'p'\ndeny = { region = ['@not_there'] }\n"
    document = f"{ONE_DEPLOYMENT}[lists]\nnot_there = ['RU', 'IR']\n{policy}"
    (rule,) = load(tmp_path, document).rules
    assert rule.deny is not None
    assert rule.deny.region == ("RU", "IR")


@pytest.mark.parametrize("pattern", [r"AZ-\d{4}/\d{2}", "[A-Z]{2,3}[0-9]{5,9}", "(?:foo|bar)?-x", "[+*]a", r"\+49"])
def test_a_bounded_pattern_may_read_what_clients_send(pattern: str) -> None:
    assert object_to_pattern(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("a+", "without a bound"),
        (r"\d*x", "without a bound"),
        ("a{3,}", "without a bound"),
        ("(a|b){1,9}", "repeats a group"),
        ("a{0,99}b{0,99}c", "ways from one place"),
        ("a?", "matches the empty text"),
        ("(", "not a regular expression"),
    ],
)
def test_a_pattern_that_could_take_its_time_is_refused(pattern: str, said: str) -> None:
    told = object_to_pattern(pattern)
    assert told is not None
    assert said in told
