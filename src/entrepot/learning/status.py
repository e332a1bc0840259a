"""How learning stands, for people and metrics: a small file beside the ledger, written by the control process."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

import msgspec

FILE_NAME = "learning.json"
AlarmKind = Literal["prompts", "outcomes", "promise", "prices"]


class DriftAlarm(msgspec.Struct, frozen=True):
    """Something is not what it was: what, since when, in a sentence."""

    kind: AlarmKind
    at_s: float
    what: str


Features = tuple[float, ...]
"""What a prompt is like: `drift_watch.FEATURES`, each between 0 and 1."""


class Reference(msgspec.Struct, frozen=True):
    """How things were while version `about` was new: `prompts` of these mean `features`, and what 1,000 tokens in and 500 out
    cost, in dollars, by deployment.
    """

    about: str = ""
    at_s: float = 0.0
    prompts: int = 0
    features: Features = ()
    prices: dict[str, str] = {}


class LearningStatus(msgspec.Struct, frozen=True):
    """What is known at `at_s`: outcomes of the window, those that came since the promotion, what a refit is doing, alarms,
    and what they are held against.
    """

    at_s: float = 0.0
    outcomes: int = 0
    taken_in: int = 0
    doing: str = ""
    alarms: tuple[DriftAlarm, ...] = ()
    reference: Reference = Reference()


def write_status(directory: str | Path, status: LearningStatus) -> None:
    """Replace the file. What cannot be written is only not shown."""
    path = Path(directory) / FILE_NAME
    beside = path.with_name(f"{FILE_NAME}.part")
    with contextlib.suppress(OSError):
        beside.write_bytes(msgspec.json.encode(status))
        beside.replace(path)


def read_status(directory: str | Path) -> LearningStatus:
    """The file's content; nothing where there is none that can be read."""
    try:
        return msgspec.json.decode((Path(directory) / FILE_NAME).read_bytes(), type=LearningStatus)
    except (OSError, msgspec.MsgspecError):
        return LearningStatus()
