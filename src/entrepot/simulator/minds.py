"""Where each stand-in model's answers come from: skill on generated tasks, a recording, or an echo.

Rules of this file: tasks and recordings are loaded once and shared by all models of a plan.
"""

from __future__ import annotations

from pathlib import Path

from entrepot.errors import SettingsError
from entrepot.simulator.answers import Echo, Mind
from entrepot.simulator.keyed import KeyedJudge, tasks_of
from entrepot.simulator.models import Solver
from entrepot.simulator.plan import Plan, StandInModel
from entrepot.simulator.replay import Recording, Replayer, load_recording
from entrepot.simulator.tasks import TaskTable, generate_tasks


class Memory:
    """What the models of a plan share: the table of tasks and the recording, each built when first needed."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._table: TaskTable | None = None
        self._recording: Recording | None = None

    def mind(self, model: StandInModel) -> Mind:
        """Where the answers of `model` come from. Raises SettingsError, DataError or ExtraMissing."""
        if model.replays is not None:
            return Replayer(self._read_recording(model), model.replays)
        if model.skill is not None:
            solver = Solver(model, self._tasks(), self._plan.seed, self._plan.slope)
            return KeyedJudge(solver, self._tasks()) if self._plan.keys else solver
        return Echo()

    def _tasks(self) -> TaskTable:
        if self._table is None:
            generated = generate_tasks(self._plan.seed, self._plan.tasks)
            self._table = TaskTable((*generated, *tasks_of(self._plan.keys, self._plan.seed)))
        return self._table

    def _read_recording(self, model: StandInModel) -> Recording:
        if self._plan.outcomes is None:
            raise SettingsError(
                f"the stand-in {model.name} replays {model.replays}, but the plan names no outcomes folder"
            )
        if self._recording is None:
            self._recording = load_recording(Path(self._plan.outcomes))
        return self._recording
