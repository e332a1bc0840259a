"""[data_classes], [detectors], [detection] and every `redact`, checked and joined: what is looked for in requests.

Rules of this file: a kind that nothing finds is an error, for somebody relies on it. A pattern of the operator's reads every
text that clients send, so what it can cost is bounded by its form, not by hope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.places import COUNTRIES
from entrepot.exchange.sensing import SensingSettings, Sensor
from entrepot.policy.circumstances import UNREADABLE
from entrepot.policy.numbers import load_numbers
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.sensitive import DATA_CLASSES, KINDS
from entrepot.settings.file import SettingsFile
from entrepot.settings.lines import Path
from entrepot.settings.problems import Problems, quote
from entrepot.settings.schema import Settings

_KIND = re.compile(r"\w{1,40}\Z")
_MOST_WAYS = 1000


def resolve_sensing(file: SettingsFile, problems: Problems) -> SensingSettings:
    """What is looked for, and which classes it makes."""
    for name, table in file.detectors.items():
        path: Path = ("detectors", name)
        if name in KINDS or not _KIND.match(name):
            reason = "is already a kind" if name in KINDS else "is not a name of letters, digits and _"
            problems.add(path, f"'{name}' {reason}")
        if wrong := object_to_pattern(table.pattern):
            problems.add((*path, "pattern"), wrong)
    classes = {**DATA_CLASSES, **file.data_classes}
    for name, found_by in file.data_classes.items():
        check_kinds(found_by, ("data_classes", name), file, problems)
        if name == UNREADABLE:
            problems.add(("data_classes", name), "is the class of what nobody can look into; it is found by no kind")
    for name, table in file.detectors.items():
        classes[table.data_class] = (*classes.get(table.data_class, ()), name)
    check_kinds(file.detection.redact, ("detection", "redact"), file, problems)
    for index, route in enumerate(file.routes):
        check_kinds(route.redact, ("routes", index, "redact"), file, problems)
    for index, country in enumerate(file.detection.phone_regions):
        if country not in COUNTRIES:
            problems.add(("detection", "phone_regions", index), f"{quote(country)} is not a country's ISO 3166 code")
    return SensingSettings(
        classes=classes,
        patterns={name: table.pattern for name, table in file.detectors.items()},
        always=file.detection.always,
        redact=file.detection.redact,
        phone_regions=file.detection.phone_regions,
    )


def known_classes(file: SettingsFile) -> set[str]:
    """Every data class that a request could be of, as far as this file says."""
    said_by_keys = {name for key in file.keys for name in key.data_classes}
    found = {table.data_class for table in file.detectors.values()}
    return {UNREADABLE, *DATA_CLASSES, *file.data_classes, *found, *said_by_keys}


def check_kinds(kinds: Iterable[str], path: Path, file: SettingsFile, problems: Problems) -> None:
    """Note the kinds that nothing finds."""
    known = (*KINDS, *file.detectors)
    for index, kind in enumerate(kinds):
        if kind not in known:
            problems.add((*path, index), f"no detector finds {quote(kind)}{did_you_mean(kind, known)}")


def object_to_pattern(pattern: str) -> str | None:
    """Why this regular expression may not read what clients send; None if it may.

    Repetitions are bounded, of one character or class each, and together leave at most so many ways to match from one place:
    then no text takes longer than its length times that number.
    """
    try:
        matches_nothing = re.compile(pattern).match("") is not None
    except re.error as error:
        return f"is not a regular expression: {error}"
    if matches_nothing:
        return "matches the empty text, and so every text"
    plain = re.sub(r"\\.", "x", pattern)
    plain = re.sub(r"\[\^?\]?[^\]]*\]", "x", plain)
    if re.search(r"[*+]|\{\d+,\}", re.sub(r"\(\?[a-z]+\)", "", plain)):
        return "has a repetition without a bound: write {1,40} in the place of +, {0,40} of *"
    if re.search(r"\)(?:\{)", plain):
        return "repeats a group: repeat characters and classes only"
    ways = 1
    for low, high in re.findall(r"\{(\d*),(\d+)\}", plain):
        ways *= int(high) - int(low or 0) + 1
    ways *= 2 ** len(re.findall(r"(?<!\()\?", plain))
    return None if ways <= _MOST_WAYS else f"can match in {ways:,} ways from one place; {_MOST_WAYS:,} are allowed"


def build_sensor(settings: Settings) -> Sensor:
    """What looks into requests for the rules of these settings. Raises OperatorError without its libraries."""
    redacts: dict[str | None, tuple[str, ...]] = {
        route.name: (*settings.sensing.redact, *route.redact) for route in settings.routes
    }
    redacts[None] = settings.sensing.redact
    return Sensor(settings.sensing, Rulebook(settings.rules).named.data_classes, redacts, load_numbers)
