"""Countries and regions as people write them, checked, with the code that was meant where a common wrong one was used."""

from __future__ import annotations

from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.places import COUNTRIES, EU, LOCAL, REGIONS, meant_region
from entrepot.settings.problems import quote


def check_country(word: str) -> str | None:
    """What is wrong with `word` as a country, as the EU's, or as the operator's own premises; None if nothing is."""
    if word in COUNTRIES or word in (EU, LOCAL):
        return None
    return f"{quote(word)} is not a country's ISO 3166 code, such as CN or US{_meant(word, COUNTRIES)}"


def check_region(word: str) -> str | None:
    """What is wrong with `word` as a place of processing; None if it is a country, EU, GLOBAL or LOCAL."""
    if word in REGIONS:
        return None
    return f"{quote(word)} is neither a country's ISO 3166 code nor EU, GLOBAL or LOCAL{_meant(word, REGIONS)}"


def _meant(word: str, known: frozenset[str]) -> str:
    meant = meant_region(word)
    if meant in known:
        return f"; did you mean '{meant}'?"
    return did_you_mean(word, known) if word.upper() in known else ""
