from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from entrepot.catalog.load import load_catalog
from entrepot.policy.eligibility import eligible
from entrepot.policy.rules import Principal, When
from entrepot.settings.client_key import digest, is_well_formed
from entrepot.settings.load import load_settings
from entrepot.settings.sample import USES, Use, render_key_table, render_sample


def count_up(length: int) -> bytes:
    """Bytes that stand in for random ones, different each time."""
    count_up_state[0] += 1
    return count_up_state[0].to_bytes(length, "big")


count_up_state = [0]


@pytest.mark.parametrize("use", USES)
def test_a_sample_loads_cleanly_without_any_key_in_the_environment(use: Use, tmp_path: Path) -> None:
    sample = render_sample(use, count_up)
    path = tmp_path / "entrepot.toml"
    path.write_text(sample.document, encoding="utf-8")
    loaded = load_settings(path, {})
    assert loaded.warnings == ()
    assert {key.name: key.sha256 for key in loaded.keys} == {name: digest(text) for name, text in sample.keys.items()}
    assert all(is_well_formed(text) for text in sample.keys.values())
    assert all(route.baseline and route.reference for route in loaded.routes)
    assert all(one.price is not None for one in loaded.deployments)


@pytest.mark.parametrize("use", USES)
def test_a_sample_names_its_schema_first_and_holds_no_key(use: Use) -> None:
    sample = render_sample(use, count_up)
    assert sample.document.startswith("#:schema entrepot.schema.json\n")
    assert "@key" not in sample.document
    assert not any(text in sample.document or text in repr(sample) for text in sample.keys.values())


@pytest.mark.parametrize("use", USES)
def test_every_key_of_a_sample_may_use_some_deployment_and_every_rule_with_a_condition_forbids_something(
    use: Use, tmp_path: Path
) -> None:
    path = tmp_path / "entrepot.toml"
    path.write_text(render_sample(use, count_up).document, encoding="utf-8")
    loaded = load_settings(path, {})
    effective = set()
    for key in loaded.keys:
        principal = Principal(key=key.name, team=key.team, tags=frozenset(key.tags))
        judged = eligible(loaded.deployments, loaded.rules, principal)
        assert judged.allowed, key.name
        effective |= {reason.rule for rejected in judged.rejected for reason in rejected.reasons}
    assert effective == {rule.name for rule in loaded.rules if rule.when != When()}


def test_in_the_sample_for_internal_tools_a_key_without_tags_cannot_leave_the_eu(tmp_path: Path) -> None:
    path = tmp_path / "entrepot.toml"
    abroad = '\n[[deployments]]\nid = "abroad"\nprovider = "deepseek"\nmodel = "deepseek-v4.1-flash"\n'
    path.write_text(render_sample("internal-tools", count_up).document + abroad, encoding="utf-8")
    loaded = load_settings(path, {})
    allowed = eligible(loaded.deployments, loaded.rules, Principal()).allowed
    assert {one.region for one in allowed} == {"LOCAL", "EU"}


@pytest.mark.parametrize("use", USES)
def test_the_router_has_something_to_go_by_for_every_reference_and_most_candidates_of_a_sample(
    use: Use, tmp_path: Path
) -> None:
    path = tmp_path / "entrepot.toml"
    path.write_text(render_sample(use, count_up).document, encoding="utf-8")
    loaded = load_settings(path, {})
    catalog = load_catalog()
    scored = {one.id for one in loaded.deployments if (model := catalog.find_model(one.model)) and model.scores}
    assert {route.reference for route in loaded.routes} <= scored
    assert len(scored) >= len(loaded.deployments) - 1


def test_the_samples_are_for_different_uses(tmp_path: Path) -> None:
    rules = set()
    for use in USES:
        path = tmp_path / f"{use}.toml"
        path.write_text(render_sample(use, count_up).document, encoding="utf-8")
        rules.add(load_settings(path, {}).rules)
    assert len(rules) == len(USES)


def test_a_key_table_is_toml_whatever_the_name() -> None:
    table = render_key_table('张"伟\\\x7f', "0" * 64, "法务", ("机密", "a\nb"))
    (key,) = tomllib.loads(table)["keys"]
    assert key == {"name": '张"伟\\\x7f', "sha256": "0" * 64, "team": "法务", "tags": ["机密", "a\nb"]}
