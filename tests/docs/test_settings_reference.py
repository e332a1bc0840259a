"""Tests of docs/reference/settings.md: every key is there with its default and an example, and every example loads."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from entrepot.dialects.registry import EMBEDDING_DIALECTS, PROVIDER_DIALECTS, provider_dialect
from entrepot.errors import SettingsError
from entrepot.policy.rules import Facts, Rule, Unless, When
from entrepot.policy.scope import Scope
from entrepot.policy.teams import Team
from entrepot.routing.validator import Validator
from entrepot.settings import failing_tables, outcome_tables, route_table
from entrepot.settings import file as shapes
from entrepot.settings.content_table import ContentTable
from entrepot.settings.learning_table import LearningTable
from entrepot.settings.load import load_settings
from entrepot.settings.network_tables import DialTlsTable, ListenTlsTable
from entrepot.settings.telemetry_tables import LogTable, MetricsTable, TelemetryTable
from tests.docs.fences import find_fences

TEXT = (Path(__file__).parent.parent.parent / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "[gateway]": shapes.GatewayTable,
    "tls": ListenTlsTable,
    "[control]": shapes.ControlTable,
    "oidc": shapes.OidcTable,
    "[timeouts]": shapes.TimeoutsTable,
    "[retries]": failing_tables.RetriesTable,
    "[circuit]": failing_tables.CircuitTable,
    "[hosts]": failing_tables.HostsTable,
    "[ledger]": shapes.LedgerTable,
    "[metrics]": MetricsTable,
    "[log]": LogTable,
    "[[verdicts]]": outcome_tables.VerdictTable,
    "[content]": ContentTable,
    "[telemetry]": TelemetryTable,
    "[responses]": shapes.ResponsesTable,
    "[[keys]]": shapes.KeyTable,
    "scope": Scope,
    "[[teams]]": Team,
    "[[deployments]]": shapes.DeploymentTable,
    "tls of a deployment": DialTlsTable,
    "price": shapes.PriceTable,
    "[[routes]]": route_table.RouteTable,
    "agreement": route_table.AgreementTable,
    "check": Validator,
    "logprobs": route_table.LogprobsTable,
    "explore": route_table.ExploreTable,
    "hedge": failing_tables.HedgeTable,
    "outcomes": outcome_tables.OutcomesTable,
    "judges of outcomes": outcome_tables.JudgingTable,
    "[judges]": outcome_tables.JudgesTable,
    "checks of outcomes": outcome_tables.SampledCheckTable,
    "[[policy]]": Rule,
    "when": When,
    "unless": Unless,
    "require, deny and prefer": Facts,
    "[detectors]": shapes.DetectorTable,
    "[detection]": shapes.DetectionTable,
    "[[budgets]]": shapes.BudgetTable,
    "[[limits]]": shapes.LimitTable,
    "limits of a deployment": shapes.LimitsTable,
    "[counters]": shapes.CountersTable,
    "[router]": shapes.RouterTable,
    "[learning]": LearningTable,
    "[exchange_rates]": shapes.ExchangeRatesTable,
}
EXAMPLES = [fence.text for fence in find_fences(TEXT) if fence.language == "toml"]
A_DEPLOYMENT = '[[deployments]]\nprovider = "deepseek"\nmodel = "deepseek-v4.1-flash"\n'


class Row(NamedTuple):
    """A line of a section's table."""

    key: str
    default: str


def rows_of(section: str) -> list[Row]:
    """The keys that a section's table explains."""
    start = re.search(rf"^##+ {re.escape(section)}$", TEXT, re.MULTILINE)
    assert start, section
    rest = TEXT[start.end() :]
    end = re.search(r"^##+ ", rest, re.MULTILINE)
    found = re.findall(r"^\| `(\w+)` \| .+ \| (.+) \|$", rest[: end.start() if end else None], re.MULTILINE)
    return [Row(key, default) for key, default in found]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_explained_and_no_other(section: str) -> None:
    explained = [row.key for row in rows_of(section)]
    assert sorted(explained) == sorted(SECTIONS[section].__struct_fields__)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_plain_default_is_the_one_of_the_code(section: str) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(SECTIONS[section])}
    for key, default in rows_of(section):
        field = fields[key]
        assert (default == "required") is field.required, key
        if isinstance(field.default, str | int | float) and not isinstance(field.default, bool):
            written = re.match(r"`([^`]+)`", default)
            assert written, key
            assert tomllib.loads(f"x = {written[1]}")["x"] == field.default, key


@pytest.mark.parametrize("shape", SECTIONS.values(), ids=list(SECTIONS))
def test_every_key_has_an_example(shape: type[msgspec.Struct]) -> None:
    shown = "\n".join(EXAMPLES)
    assert [name for name in shape.__struct_fields__ if not re.search(rf"\b{name}\b", shown)] == []


def test_every_table_of_a_settings_file_has_a_section() -> None:
    named = {section.strip("[]") for section in SECTIONS}
    assert set(shapes.SettingsFile.__struct_fields__) <= named | {"lists", "data_classes"}
    assert all(f"## [{free}]" in TEXT for free in ("lists", "data_classes"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_loads(example: str, tmp_path: Path) -> None:
    path = tmp_path / "entrepot.toml"
    path.write_text(("" if "[[deployments]]" in example else A_DEPLOYMENT) + example, encoding="utf-8")
    (tmp_path / "router.entrepot").touch()
    for named in re.findall(r'"(checks/[\w-]+\.py)"', example):  # the operator's own, beside the settings
        (tmp_path / named).parent.mkdir(exist_ok=True)
        (tmp_path / named).touch()
    loaded = load_settings(path, {"ENTREPOT_KEY": "ent-a", "CONTRACT_READER_KEY": "ent-b"})
    assert loaded.deployments
    assert loaded.absent_keys == ()


def test_the_message_that_is_shown_is_one_that_is_given(tmp_path: Path) -> None:
    path = tmp_path / "entrepot.toml"
    deployment = '[[deployments]]\nprovider = "openai"\nmodel = "gpt-6.1-sol"\n'
    path.write_text(deployment + '\n[[deployments]]\nprovider = "openai"\nmodel = "gpt-6.1-sool"\n', encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load_settings(path, {})
    (shown,) = [fence.text.strip() for fence in find_fences(TEXT) if fence.language == "text"]
    assert shown in str(raised.value)


def test_every_dialect_and_quirk_is_explained_and_no_other() -> None:
    section = TEXT[TEXT.index("### dialects") : TEXT.index("### clouds")]
    rows = re.findall(r"^\| `([\w-]+)` \| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    declared = [
        (name, quirk, what)
        for name in PROVIDER_DIALECTS
        for known in (provider_dialect(name), EMBEDDING_DIALECTS.get(name))
        for quirk, what in ({} if known is None else known.quirks).items()
    ]
    assert sorted(rows) == sorted(declared)
    assert re.findall(r"^\| `([\w-]+)` \| `[^`]*/", section, re.MULTILINE) == list(PROVIDER_DIALECTS)
