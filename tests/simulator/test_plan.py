from decimal import Decimal

import msgspec
import pytest

from entrepot.catalog.price import Price
from entrepot.simulator.plan import FaultMix, LocalServer, Plan, StandInModel, StandInProvider


def test_a_plan_comes_back_from_json_as_it_was() -> None:
    price = Price(
        input_per_mtok=Decimal("0.28"),
        output_per_mtok=Decimal("0.42"),
        source="made up",
        as_of="2026-01-01",
        currency="CNY",
    )
    model = StandInModel("深海", price=price, skill=1.2, faults=FaultMix({"refuse": 0.1}, seed=3))
    plan = Plan((StandInProvider("a", (model,), key="k"),), (LocalServer(StandInProvider("l", ())),), seed=7, tasks=9)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="skil"):
        msgspec.json.decode(b'{"name": "m", "skil": 1}', type=StandInModel)
