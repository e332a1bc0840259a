from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.control.scopes import check_scope_against
from entrepot.errors import InvalidRequest
from entrepot.policy.scope import Scope
from tests.settings.toml import ONE_DEPLOYMENT, load


def test_a_scope_names_what_there_is(tmp_path: Path) -> None:
    settings = load(tmp_path, ONE_DEPLOYMENT)
    check_scope_against(settings, Scope(("auto",), ("openai/*", "gpt-large"), ("x",), ("10.0.0.0/8",)))
    with pytest.raises(InvalidRequest, match=r"routes\[0\]: there is no route 'atuo'; did you mean 'auto'") as caught:
        check_scope_against(settings, Scope(("atuo",)))
    assert caught.value.param == "scope"


def test_without_settings_only_addresses_can_be_wrong() -> None:
    check_scope_against(None, Scope(("anything",), ("any*",)))
    with pytest.raises(InvalidRequest, match="expected a network"):
        check_scope_against(None, Scope(addresses=("here",)))
