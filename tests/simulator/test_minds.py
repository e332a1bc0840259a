import pytest

from entrepot.errors import SettingsError
from entrepot.simulator.answers import Echo
from entrepot.simulator.minds import Memory
from entrepot.simulator.models import Solver
from entrepot.simulator.plan import Plan, StandInModel


def test_skill_makes_a_solver_and_nothing_an_echo() -> None:
    memory = Memory(Plan(tasks=8))
    assert isinstance(memory.mind(StandInModel("m", skill=1.0)), Solver)
    assert isinstance(memory.mind(StandInModel("m")), Echo)


def test_a_replay_without_a_folder_is_refused() -> None:
    with pytest.raises(SettingsError, match="names no outcomes folder"):
        Memory(Plan()).mind(StandInModel("m", replays="gpt-4o-2024-08-06"))
