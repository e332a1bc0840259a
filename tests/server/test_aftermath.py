from __future__ import annotations

from typing import Any

import msgspec

from entrepot.exchange.outcome_plan import Judging, OutcomePlan
from entrepot.exchange.plan import Route
from entrepot.policy.scope import Scope
from entrepot.server.aftermath import admit_judges
from entrepot.settings.client_key import digest
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from tests.exchange.things import a_deployment, an_exchange_rate

JUDGED = Route("auto", ("host/model",), outcomes=OutcomePlan(judging=Judging(0.1, ("host/model",), "good")))


def settings(*routes: Route, **more: Any) -> Settings:
    return Settings(
        GatewaySettings(), LedgerSettings("/nowhere"), (a_deployment(),), routes, an_exchange_rate(), **more
    )


def test_without_judges_no_key_is_made() -> None:
    plain = settings(Route("auto", ("host/model",)))
    assert admit_judges(plain) == (plain, "")


def test_judges_have_a_key_of_their_own_that_is_another_in_each_process() -> None:
    first, text = admit_judges(settings(JUDGED))
    second, other = admit_judges(settings(JUDGED))
    assert [key.name for key in first.keys] == ["judges"]
    assert first.keys[0].sha256 == digest(text) != second.keys[0].sha256
    assert text != other


def test_what_the_settings_say_of_a_key_of_that_name_holds_for_judges_but_for_its_addresses() -> None:
    scope = Scope(addresses=("10.0.0.0/8",), models=("host/model",))
    own = KeySettings("judges", "0" * 64, team="quality", tags=("internal",), scope=scope, certificate="spiffe://x")
    found, text = admit_judges(settings(JUDGED, keys=(own,)))
    kept, made = found.keys
    assert kept == own
    assert made == msgspec.structs.replace(
        own, sha256=digest(text), certificate=None, scope=Scope(models=("host/model",))
    )
