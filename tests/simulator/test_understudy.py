from __future__ import annotations

from entrepot.catalog.load import load_catalog
from entrepot.simulator.plan import AnswerKey
from entrepot.simulator.understudy import move, plan_for
from tests.exchange.things import a_deployment, a_price


class Places:
    def base_url(self, provider: str) -> str:
        return f"http://127.0.0.1:1/{provider}/v1"


def test_each_deployment_has_a_stand_in_of_its_own_at_its_base_price() -> None:
    price = a_price("1", "4")
    deployments = (
        a_deployment("openai/gpt-6.1-sol", price=price, model="gpt-6.1-sol"),
        a_deployment("本地/千问", price=None, model="千问"),
    )
    plan = plan_for(deployments, load_catalog(), [AnswerKey("a", "x", "1")], seed=3, secret="s")
    moved = move(deployments, Places(), "env:KEY")
    assert [provider.models[0].name for provider in plan.providers] == [one.upstream_name for one in deployments]
    able, middling = (provider.models[0] for provider in plan.providers)
    assert able.skill is not None
    assert middling.skill is not None
    assert able.skill > middling.skill
    assert able.reasoning_tokens > 0 == middling.reasoning_tokens
    assert [one.base_url for one in moved] == [f"http://127.0.0.1:1/stand-in-{n}/v1" for n in range(2)]
    assert [one.id for one in moved] == [one.id for one in deployments]
    assert [one.price for one in moved] == [able.price, None]
    assert all(one.secret == "env:KEY" for one in moved)
