"""What is in force: the settings of the file together with what the control store keeps.

Rules of this file: nothing that is written in the file is changed by the store. Where both have a key or a team of one name, the
file's counts; rules of both hold.
"""

from __future__ import annotations

import os

import msgspec

from entrepot.control.metering import read_budgets
from entrepot.control.objects import Snapshot, settings_of
from entrepot.control.place import control_place
from entrepot.control.routers import learned_in
from entrepot.control.trials import budgets_of, with_trials
from entrepot.errors import ControlError
from entrepot.policy.lists import expand
from entrepot.settings.schema import Settings


def put_in_force(settings: Settings, snapshot: Snapshot) -> Settings:
    """The settings with the keys, teams, rules, budgets, trials and router of the store."""
    taken = names_in_file(settings)
    kept = [each for key in snapshot.keys if key.name not in taken for each in settings_of(key)]
    return msgspec.structs.replace(
        settings,
        keys=(*settings.keys, *kept),
        teams=(*settings.teams, *snapshot.teams),
        routes=with_trials(settings.routes, snapshot.trials, frozenset(one.id for one in settings.deployments)),
        learned=learned_in(snapshot),
        rules=(*settings.rules, *(expand(rule, settings.lists) for rule in snapshot.rules)),
        budgets=(
            *settings.budgets,
            *read_budgets([(each.name, each.document) for each in snapshot.budgets], settings.budgets),
            *budgets_of(snapshot.trials),
        ),
    )


def names_in_file(settings: Settings) -> set[str]:
    """The names of keys that the settings have given, also of those whose secret is not there."""
    return {key.name for key in settings.keys} | set(settings.absent_keys)


def read_in_force(settings: Settings) -> Settings:
    """As `put_in_force`, with what is kept now. Raises ControlError if there is a store of which nothing is known."""
    place = control_place(settings, os.environ)
    if not place.exists():
        return settings
    try:
        with place.open_reader() as store:
            return put_in_force(settings, store.snapshot())
    except ControlError as error:
        return put_in_force(settings, place.last_known(error).snapshot)
