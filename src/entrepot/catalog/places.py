"""Where data may be processed, as sets of places.

Rules of this file: a place is an ISO 3166-1 alpha-2 code, `EU`, `GLOBAL` (anywhere the provider likes), `LOCAL` (the
operator's own machines) or `unknown`. `EU` stands for the European Economic Area, because that is where the GDPR applies
without a transfer: the 27 members of the Union with Iceland, Liechtenstein and Norway. `GLOBAL` and `unknown` stand for
every country: a rule never lets through what it cannot tell.
"""

from __future__ import annotations

from collections.abc import Collection

EU = "EU"
GLOBAL = "GLOBAL"
LOCAL = "LOCAL"
UNKNOWN = "unknown"

# European Union, european-union.europa.eu/principles-countries-history/eu-countries_en, and EFTA,
# efta.int/trade-relations/eea, as of 2026-11-21.
_UNION = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
_REST_OF_THE_AREA = "IS LI NO"
EEA = frozenset(f"{_UNION} {_REST_OF_THE_AREA}".split())

# ISO 3166-1 alpha-2, iso.org/iso-3166-country-codes.html, as of 2026-11-21.
_ASSIGNED = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
    "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
    "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
    "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset(_ASSIGNED.split())

REGIONS = COUNTRIES | {EU, GLOBAL, LOCAL}

# What people write for a code that is not one.
_MEANT = {
    "UK": "GB",
    "EEA": EU,
    "EUROPE": EU,
    "CHINA": "CN",
    "USA": "US",
    "PRC": "CN",
    "ANY": GLOBAL,
    "ON-PREMISES": LOCAL,
}


def meant_region(word: str) -> str | None:
    """The region that `word` probably means, where it is a common wrong name for one."""
    return _MEANT.get(word.upper())


def lies_within(place: str, allowed: Collection[str]) -> bool:
    """Whether data at `place` is certain to stay inside `allowed` (codes in capitals)."""
    if place == LOCAL:
        return LOCAL in allowed
    if GLOBAL in allowed:
        return True
    if place in (GLOBAL, UNKNOWN):
        return False
    if place == EU:
        return EU in allowed or set(allowed) >= EEA
    return place in allowed or (EU in allowed and place in EEA)


def may_touch(place: str, denied: Collection[str]) -> bool:
    """Whether data at `place` could be inside `denied`: what is not pinned may be anywhere, except on premises."""
    if place in denied:
        return True
    if place in (GLOBAL, UNKNOWN):
        return any(code != LOCAL for code in denied)
    if place == EU:
        return not EEA.isdisjoint(denied)
    return EU in denied and place in EEA


def describe_place(place: str) -> str:
    """`place` in words, for the reason of a decision."""
    if place == GLOBAL:
        return "GLOBAL (anywhere its provider likes)"
    if place == LOCAL:
        return "LOCAL (your own machines)"
    return place
