"""Trials over the admin API: shown, started and stopped, as `entrepot trial` does."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any

from entrepot.control.asking import Ask, not_there
from entrepot.control.objects import check_name
from entrepot.control.trial_keeping import Reel
from entrepot.control.trial_start import mean_cost_usd
from entrepot.control.trial_told import describe_plan, describe_trial
from entrepot.control.trial_wanted import TrialBody, in_the_way, prepare
from entrepot.control.trials import Trial
from entrepot.errors import Conflict, InvalidRequest, SettingsError
from entrepot.learning.trial_pairs import Seen
from entrepot.ledger.reading import RelationalReader
from entrepot.settings.ledger import ledger_place

_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")


def list_trials(ask: Ask) -> list[dict[str, Any]]:
    """Every trial: what it is about, its plan, where it stands and how it came there."""
    return [describe_plan(one) for one in ask.installation.store.snapshot().trials]


def show_trial(ask: Ask) -> dict[str, Any]:
    """One trial, with what its gates say so far."""
    with ask.look() as book:
        found = book.find(Trial, "trial", ask.name)
    if found is None:
        raise not_there("trial", ask.name)
    return describe_trial(found, _seen(ask, found))


def start_trial(ask: Ask) -> dict[str, Any]:
    """Start it. The answer is its plan, which is fixed from then on, and what to know of it."""
    wanted = ask.read(TrialBody)

    def mean_of(route: str) -> float | None:
        with contextlib.closing(_ledger(ask)) as reader:
            return mean_cost_usd(reader, route, ask.now_ns)

    try:
        trial, notes = prepare(ask.installation.settings, wanted, mean_of, ask.now_s)
    except SettingsError as error:
        told = _OPTION.sub(lambda found: "'" + found[1].replace("-", "_") + "'", error.message)
        raise InvalidRequest(told) from error
    check_name(trial.name)
    with ask.change() as book:
        if (why := in_the_way(book.snapshot(), trial)) is not None:
            raise Conflict(why)
        book.put("trial", trial.name, trial, "start")
    return {**describe_plan(trial), "notes": notes}


def stop_trial(ask: Ask) -> dict[str, Any]:
    """End it and leave nothing of it behind: the settings say who is asked, as before."""
    with ask.change() as book:
        if not book.remove("trial", ask.name, "stop"):
            raise not_there("trial", ask.name)
    return {"name": ask.name, "stopped": True}


def _seen(ask: Ask, trial: Trial) -> Seen | None:
    if trial.standing != "running":
        return None
    with contextlib.closing(_ledger(ask)) as reader:
        reel = Reel(reader, trial)
        reel.wind(ask.now_ns)
    return reel.evidence


def _ledger(ask: Ask) -> RelationalReader:
    return ledger_place(ask.installation.settings, os.environ).open_store()
