"""Trials as JSON has them: the plan, where it stands, and what each gate says so far."""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.control.trial_shadow import shadow_usd
from entrepot.control.trials import Trial
from entrepot.learning.trial_pairs import Pairs, Seen, read_stage


def _counts(seen: Seen) -> dict[str, int]:
    if isinstance(seen, Pairs):
        return {"asked": seen.asked, "answered": seen.answered, "pairs": seen.units}
    new = sum(one.new for one in seen.settled)
    return {"sessions": seen.units, "new": new, "judged": len(seen.judged)}


def describe_plan(trial: Trial) -> dict[str, Any]:
    """What it is about, its plan, where it stands and how it came there."""
    return {
        "name": trial.name,
        "route": trial.route,
        "deployment": trial.deployment,
        "direction": trial.direction,
        "standing": trial.standing,
        "stage": trial.stage,
        "since_s": trial.since_s,
        "started_s": trial.started_s,
        "terms": msgspec.to_builtins(trial.terms),
        "stages": [
            {
                "name": planned.stage.name,
                "share": planned.stage.share,
                "sessions": planned.units,
                "gates": {
                    gate.name: {
                        "margin": gate.margin,
                        "required": gate.required,
                        "sessions": planned.plans[gate.name].units,
                    }
                    for gate in planned.stage.gates
                },
            }
            for planned in trial.stages
        ],
        "shadow_usd": shadow_usd(trial),
        "steps": msgspec.to_builtins(trial.steps),
    }


def describe_trial(trial: Trial, evidence: Seen | None) -> dict[str, Any]:
    """The same, with what its gates say so far as `seen`, where anything is looked at."""
    told = describe_plan(trial)
    if evidence is not None:
        told["seen"] = {
            **_counts(evidence),
            "gates": {
                name: {
                    "verdict": reading.verdict.value,
                    "sessions": reading.units,
                    "difference": list(reading.difference),
                    "overdue": reading.overdue,
                }
                for name, reading in read_stage(evidence, trial.stages[trial.number]).items()
            },
        }
    return told
