"""What is found out of answers, and [[verdicts]], checked and resolved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from entrepot.exchange.outcome_plan import OutcomePlan, SampledCheck
from entrepot.routing.validator import Validator
from entrepot.settings.lines import Path as Place
from entrepot.settings.outcome_tables import OutcomesTable, VerdictTable
from entrepot.settings.problems import Problems
from entrepot.settings.schema import VerdictSettings
from entrepot.settings.secret import anchor_reference, check_reference
from entrepot.settings.strategy import resolve_check


def resolve_outcomes(table: OutcomesTable | None, path: Place, folder: str, problems: Problems) -> OutcomePlan:
    """What is found out of the answers of a route. `folder` is where the settings file lies."""
    if table is None:
        return OutcomePlan()
    checks: dict[str, SampledCheck] = {}
    for index, one in enumerate(table.checks):
        place = (*path, "checks", index)
        if one.name in checks:
            problems.add((*place, "name"), f"'{one.name}' is the name of another check of this route")
        told = {name: getattr(one, name) for name in Validator.__struct_fields__}
        check = resolve_check(Validator(**told), place, folder, problems)
        checks[one.name] = SampledCheck(one.name, check, one.share)
    return OutcomePlan(table.signs, tuple(checks.values()))


def resolve_verdicts(
    tables: Sequence[VerdictTable], directory: Path, problems: Problems
) -> tuple[VerdictSettings, ...]:
    """The webhooks that the tables mean."""
    found: list[VerdictSettings] = []
    names: dict[str, int] = {}
    for index, table in enumerate(tables):
        if table.name in names:
            problems.add(
                ("verdicts", index, "name"), f"'{table.name}' is already the name of verdicts[{names[table.name]}]"
            )
        names.setdefault(table.name, index)
        if wrong := check_reference(table.secret):
            problems.add(("verdicts", index, "secret"), wrong)
            continue
        secret = anchor_reference(table.secret, directory)
        found.append(VerdictSettings(**{**msgspec.structs.asdict(table), "secret": secret}))
    return tuple(found)
