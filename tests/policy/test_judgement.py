from __future__ import annotations

from typing import Any

import pytest

from entrepot.policy.judgement import object_to
from entrepot.policy.rules import Facts, Rule
from tests.exchange.things import a_deployment


@pytest.mark.parametrize(
    ("facts", "changes", "objection"),
    [
        ({"region": ("EU", "LOCAL")}, {"region": "FR"}, None),
        ({"region": ("eu",)}, {"region": "FR"}, None),
        (
            {"region": ("EU",)},
            {"region": "GLOBAL"},
            "requires region EU, but it processes in GLOBAL (anywhere its provider likes)",
        ),
        ({"region": ("EU",)}, {"region": "LOCAL"}, "requires region EU, but it processes in LOCAL (your own machines)"),
        ({"maker_country": ("FR", "US")}, {}, "requires maker_country FR or US, but its maker is in CN"),
        (
            {"provider_country": ("CN",)},
            {"provider_country": "unknown"},
            "requires provider_country CN, but its provider is in",
        ),
        ({"deployment": ("other",)}, {}, "requires deployment other, but it is host/model"),
        ({"deployment": ("Host/Model",)}, {}, None),
        ({"model": ("模型",)}, {"model": "模型"}, None),
        ({"maker": ("acme",)}, {"maker": "unknown"}, "requires maker acme, but it is unknown"),
        ({"provider": ("acme", "beta")}, {}, "requires provider acme or beta, but it is host"),
        ({"accelerator": ("ascend",)}, {"accelerator": "Ascend"}, None),
        ({"accelerator": ("ascend",)}, {}, "requires accelerator ascend, but it is unknown"),
        ({"licence": ("MIT",)}, {"licence": "Apache-2.0"}, "requires licence MIT, but it is Apache-2.0"),
        ({"open_weights": True}, {}, None),
        ({"open_weights": True}, {"open_weights": None}, "requires open_weights = true, but it is unknown"),
        ({"on_premises": True}, {}, "requires on_premises = true, but it is false"),
        ({"on_premises": False}, {}, None),
        ({}, {}, None),
    ],
)
def test_what_a_rule_requires(facts: dict[str, Any], changes: dict[str, Any], objection: str | None) -> None:
    told = object_to(a_deployment(**changes), Rule("规则", require=Facts(**facts)))
    assert told is None if objection is None else told is not None and told.startswith(f"rule '规则' {objection}")


@pytest.mark.parametrize(
    ("facts", "changes", "objection"),
    [
        ({"region": ("CN",)}, {}, None),
        ({"region": ("cn",)}, {"region": "CN"}, "denies region cn, but it processes in CN"),
        ({"region": ("CN",)}, {"region": "GLOBAL"}, "denies region CN, but it processes in GLOBAL"),
        ({"region": ("CN",)}, {"region": "LOCAL"}, None),
        (
            {"provider_country": ("CN",)},
            {"provider_country": "unknown"},
            "denies provider_country CN, but its provider is in",
        ),
        ({"provider_country": ("US",)}, {}, None),
        ({"maker": ("MAKER",)}, {}, "denies maker MAKER, but it is maker"),
        ({"maker": ("acme",)}, {"maker": "unknown"}, "denies maker acme, but it is unknown"),
        ({"accelerator": ("nvidia",)}, {}, "denies accelerator nvidia, but it is unknown"),
        ({"licence": ("MIT",)}, {"licence": "Apache-2.0"}, None),
        ({"open_weights": False}, {}, None),
        ({"open_weights": False}, {"open_weights": None}, "denies open_weights = false, but it is unknown"),
        ({"open_weights": False}, {"open_weights": False}, "denies open_weights = false, but it is false"),
        ({"on_premises": False}, {"on_premises": True}, None),
        ({}, {}, None),
    ],
)
def test_what_a_rule_denies(facts: dict[str, Any], changes: dict[str, Any], objection: str | None) -> None:
    told = object_to(a_deployment(**changes), Rule("规则", deny=Facts(**facts)))
    assert told is None if objection is None else told is not None and told.startswith(f"rule '规则' {objection}")


def test_all_that_a_rule_requires_must_hold_and_nothing_that_it_denies_may() -> None:
    rule = Rule(
        "both", require=Facts(region=("EU",), open_weights=True), deny=Facts(maker=("acme",), provider=("acme",))
    )
    assert object_to(a_deployment(), rule) is None
    assert object_to(a_deployment(open_weights=False), rule) is not None
    assert object_to(a_deployment(provider="acme"), rule) is not None
    assert object_to(a_deployment(region="US", maker="acme"), rule) == (
        "rule 'both' requires region EU, but it processes in US, and denies maker acme, but it is acme"
    )
