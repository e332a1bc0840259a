"""How a route finds its answer: `strategy` and the tables that go with it, checked."""

from __future__ import annotations

import re

from entrepot.exchange.plan import Strategy
from entrepot.routing.ballot import Compare
from entrepot.settings.file import AgreementTable, RouteTable
from entrepot.settings.lines import Path
from entrepot.settings.problems import Problems


def resolve_strategy(table: RouteTable, path: Path, problems: Problems) -> Strategy | None:
    """What the route says, None where one model is chosen before the call. What has no meaning there is a problem."""
    if table.strategy != "agreement" and table.agreement is not None:
        problems.add((*path, "agreement"), 'has no meaning without strategy = "agreement"')
    if table.strategy == "before":
        for name, field in (("max_calls", table.max_calls != 4), ("parallel", table.parallel != 1)):
            if field:
                problems.add((*path, name), 'has no meaning where one model answers; set strategy = "agreement"')
        return None
    told = table.agreement or AgreementTable()
    _check_agreement(told, (*path, "agreement"), problems)
    compare = Compare(told.compare, told.field, told.pattern, told.options)
    return Strategy(table.strategy, table.max_calls, table.parallel, compare)


def _check_agreement(told: AgreementTable, path: Path, problems: Problems) -> None:
    for name, belongs_to in (("field", "json"), ("pattern", "regex"), ("options", "choice")):
        if getattr(told, name) and told.compare != belongs_to:
            problems.add((*path, name), f'has no meaning without compare = "{belongs_to}"')
    if told.compare == "regex":
        if told.pattern is None:
            problems.add(path, "'pattern' is missing: compare = \"regex\" needs a regular expression")
            return
        try:
            re.compile(told.pattern)
        except re.error as error:
            problems.add((*path, "pattern"), f"is no regular expression: {error}")
    if len(told.options) == 1 or len(set(told.options)) < len(told.options):
        problems.add((*path, "options"), "must name at least two, each once")
