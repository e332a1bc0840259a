"""How a route finds its answer: `strategy` and the tables that go with it, checked."""

from __future__ import annotations

import re
from pathlib import Path as FilePath

from entrepot.exchange.plan import Strategy
from entrepot.routing.ballot import Compare
from entrepot.routing.confidence import IN_SETTINGS, Confidence
from entrepot.routing.validator import Validator, file_of, settle, validator_problem
from entrepot.settings.lines import Path
from entrepot.settings.problems import Problems, quote
from entrepot.settings.route_table import AgreementTable, RouteTable

_REPEATED_GROUP = re.compile(r"\)[*+?{]")


def resolve_strategy(table: RouteTable, path: Path, folder: str, problems: Problems) -> Strategy | None:
    """What the route says, None where one model is chosen before the call. What has no meaning there is a problem.

    `folder` is where the settings file lies: a check's own files are found from there.
    """
    for name, strategy in (("agreement", "agreement"), ("check", "check"), ("logprobs", "confidence")):
        if getattr(table, name) is not None and table.strategy != strategy:
            problems.add((*path, name), f'has no meaning without strategy = "{strategy}"')
    if table.strategy == "before":
        for name, told in (("max_calls", table.max_calls != 4), ("parallel", table.parallel != 1)):
            if told:
                problems.add((*path, name), 'has no meaning where one model answers; set strategy = "agreement"')
        return None
    if table.confidence is not None:
        problems.add((*path, "confidence"), 'what is promised is tested for one call: set strategy = "before"')
    if table.goal == "shares":
        problems.add((*path, "strategy"), "has no meaning with shares, which are drawn by lot")
    if table.strategy != "agreement" and table.parallel != 1:
        problems.add((*path, "parallel"), "has no meaning where each answer is checked before another is asked for")
    agreed = table.agreement or AgreementTable()
    _check_agreement(agreed, (*path, "agreement"), problems)
    compare = Compare(agreed.compare, agreed.field, agreed.pattern, agreed.options)
    check = None if table.check is None else resolve_check(table.check, (*path, "check"), folder, problems)
    line = table.logprobs
    confidence = None if line is None else Confidence(line.slope, line.usual, line.most, IN_SETTINGS)
    return Strategy(table.strategy, table.max_calls, table.parallel, compare, check, confidence)


def resolve_check(check: Validator, path: Path, folder: str, problems: Problems) -> Validator:
    """The check with its files found from `folder`."""
    problem = validator_problem(check)
    if problem is not None:
        problems.add(path, problem)
        return check
    settled = settle(check, folder)
    file = file_of(settled)
    if file is not None and not FilePath(file).is_file():
        told = f"{quote(file_of(check) or file)} is not there, looked for from where the settings lie"
        problems.add((*path, check.kind), f"{told}: no answer could be checked")
    return settled


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
            return
        if _REPEATED_GROUP.search(told.pattern):
            problems.add(
                (*path, "pattern"), "repeats a group, which could look for ever at some answer: write it without"
            )
    if len(told.options) == 1 or len(set(told.options)) < len(told.options):
        problems.add((*path, "options"), "must name at least two, each once")
