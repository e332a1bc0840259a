import io
from urllib.request import urlopen

import msgspec
import pytest

from entrepot.errors import Unavailable
from entrepot.simulator.plan import LocalServer, Plan, StandInModel, StandInProvider
from entrepot.simulator.process import serve, simulator_process

PLAN = Plan(
    providers=(StandInProvider("p", (StandInModel("m"),)),),
    local=(LocalServer(StandInProvider("ollama", (StandInModel("l"),))),),
)


@pytest.mark.end_to_end
def test_a_simulator_runs_in_a_process_of_its_own_and_ends_with_its_block() -> None:
    with simulator_process(PLAN) as addresses:
        for provider, name in (("p", "m"), ("ollama", "l")):
            with urlopen(f"{addresses.base_url(provider)}/models") as answer:
                assert msgspec.json.decode(answer.read())["data"][0]["id"] == name
    with pytest.raises(OSError, match="refused"):
        urlopen(addresses.url)


@pytest.mark.end_to_end
def test_a_plan_that_cannot_be_served_says_why() -> None:
    wrong = Plan(providers=(StandInProvider("p", (StandInModel("m", replays="gpt-99"),)),))
    with pytest.raises(Unavailable, match="names no outcomes folder"), simulator_process(wrong):
        pytest.fail("it started")


def test_what_is_no_plan_is_refused() -> None:
    said = io.BytesIO()
    assert serve(io.BytesIO(b'{"provider": 1}\n'), said) == 1
    assert "error" in msgspec.json.decode(said.getvalue())
