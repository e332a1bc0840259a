"""What numbers and secrets look like: the shapes by which candidates are found, before anything is validated.

Rules of this file: every repetition is bounded or of one class of characters, so that no text takes longer than its length. A
number does not begin in the midst of a word or of a decimal. `CONTEXT` is for numbers that any order number could pass for:
they count only with one of these words before them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_letters, digits
from typing import NamedTuple

_END = r"(?![0-9A-Za-z_])(?![-.][0-9])"


class Shape(NamedTuple):
    """A kind's regular expression, and whether a word of `CONTEXT` has to stand before it."""

    kind: str
    pattern: re.Pattern[str]
    needs_context: bool = False


def _shape(kind: str, pattern: str, *, needs_context: bool = False) -> Shape:
    return Shape(kind, re.compile(f"(?:{pattern}){_END}"), needs_context)


@lru_cache(maxsize=256)
def any_of(of: tuple[Shape, ...]) -> re.Pattern[str]:
    """The first of these shapes that fits; it is `of[int(match.lastgroup)]`."""
    return re.compile("|".join(f"(?P<_{place}>{_renamed(shape, place)})" for place, shape in enumerate(of)))


def _renamed(shape: Shape, place: int) -> str:
    """The shape with names of groups that no other has."""
    return _GROUP.sub(lambda found: f"{found[1]}{found[2]}{place}{found[3]}", shape.pattern.pattern)


_GROUP = re.compile(r"(\(\?P[<=])(\w+)([>)])")
_S = "[ -]?"
_CARD = (
    rf"(?:4[0-9]{{3}}|5[0-9]{{3}}|6[0-9]{{3}}|35[0-9]{{2}}|2[2-7][0-9]{{2}})(?P<c>{_S})[0-9]{{4}}(?P=c)[0-9]{{4}}"
    rf"(?:(?P=c)[0-9]{{4}}(?:(?P=c)?[0-9]{{3}})?)"
    rf"|3[47][0-9]{{2}}(?P<a>{_S})[0-9]{{6}}(?P=a)[0-9]{{5}}"
    rf"|3[068][0-9]{{2}}(?P<d>{_S})[0-9]{{6}}(?P=d)[0-9]{{4}}"
)
_CN_ID = rf"[1-9][0-9]{{3}}{_S}[0-9]{{2}}{_S}(?:19|20){_S}[0-9]{{2}}{_S}[01][0-9]{_S}[0-3][0-9]{_S}[0-9]{{2}}{_S}[0-9][0-9Xx]"

NUMBERS: tuple[Shape, ...] = (
    _shape("cn_id", _CN_ID),
    _shape("kr_rrn", r"[0-9]{6}-[1-8][0-9]{6}"),
    _shape("card", _CARD),
    _shape("fr_nir", r"[12] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}"),
    _shape("us_ssn", r"[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}"),
    _shape("br_cpf", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}"),
    _shape("in_aadhaar", r"[2-9][0-9]{3} [0-9]{4} [0-9]{4}"),
    _shape("in_aadhaar", r"[2-9][0-9]{11}", needs_context=True),
    _shape("de_tax_id", r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", needs_context=True),
    _shape("pl_pesel", r"[0-9]{11}", needs_context=True),
    _shape("br_cpf", r"[0-9]{11}", needs_context=True),
    _shape("gb_nhs", r"[0-9]{3} ?[0-9]{3} ?[0-9]{4}", needs_context=True),
    _shape("nl_bsn", r"[0-9]{9}", needs_context=True),
    _shape("es_dni", r"[0-9]{8}-?[A-Za-z]"),
)

PHONES: tuple[Shape, ...] = (
    Shape("phone", re.compile(r"(?:\+|00)[1-9][0-9 ()./\-]{5,20}[0-9]")),
    _shape("phone", r"(?:86[ -]?)?1[3-9][0-9](?P<m>[ .-]?)[0-9]{4}(?P=m)[0-9]{4}"),
    _shape("phone", r"(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}"),
    _shape("phone", r"(?<![0-9] )\(?0[1-9][0-9]{1,4}\)?[ /-][0-9](?:[ /-]?[0-9]){5,9}"),
    _shape("phone", r"0[1-9](?: [0-9]{2}){4}"),
    _shape("phone", r"0[1-9][0-9]{8,10}", needs_context=True),
)

CONTEXT = {
    "br_cpf": ("cpf",),
    "de_tax_id": ("steuer", "idnr", "tin", "tax id"),
    "gb_nhs": ("nhs",),
    "in_aadhaar": ("aadhaar", "uid"),
    "nl_bsn": ("bsn", "burgerservice"),
    "phone": ("tel", "phone", "mobil", "handy", "call", "fax", "whatsapp", "电话", "手机", "联系", "致电", "電話"),
    "pl_pesel": ("pesel",),
}
CONTEXT_CHARS = 32

# These two are looked for first, because a search for a class of characters at the front skips all others at once.
BEGINNING = re.compile(
    r"[+(0-9](?<![0-9A-Za-z_].)(?<![0-9A-Za-z][-.].)(?=[0-9 ()./\-]{7})(?:(?<=[+(])|(?=[0-9])|(?<=[12])(?= [0-9]{2}))"
)
"""Where numbers that begin with digits, a plus or a bracket may begin: not in the midst of a word or of a decimal, with seven
more characters of a number behind it, and of digits that stand alone only those that a French number begins with."""
LETTERED_AT = re.compile(r"[0-9](?<=[A-Za-z][A-Za-z].)[0-9]")
"""The first two digits of a number that begins with letters."""

LETTERED: tuple[tuple[str, int, re.Pattern[str]], ...] = (
    (
        "iban",
        2,
        re.compile(
            r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3}(?![A-Za-z0-9]))?(?![A-Za-z0-9])"
        ),
    ),
    (
        "it_codice_fiscale",
        6,
        re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{6}[0-9]{2}[A-Za-z][0-9]{2}[A-Za-z][0-9]{3}[A-Za-z](?![A-Za-z0-9])"),
    ),
)
"""Kind, how many letters stand before its first digits, and the whole of it."""

# From an @ on, for there are few of them; what stands before it is read backwards.
EMAIL_DOMAIN = re.compile(r"@(?P<domain>(?:[A-Za-z0-9\-]{1,63}\.){1,5}(?P<top>[A-Za-z]{2,24}))(?![A-Za-z0-9])")
EMAIL_LOCAL = f"{ascii_letters}{digits}._%+-"
LOCAL_CHARS = 64
# Ends of file names, of which people write `logo@2x.png`, and domains that are reserved for examples (RFC 2606).
NO_TOP_DOMAINS = frozenset(
    "png jpg jpeg gif svg webp css js ts py json md txt html example test invalid localhost".split()
)
NO_DOMAINS = ("example.com", "example.org", "example.net")
NO_LOCALS = frozenset({"git"})

# Literal beginning -> the whole: a text without the beginning is not looked at again.
_KEY = r"(?<![A-Za-z0-9])"
API_KEYS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (begin, re.compile(f"{_KEY}{re.escape(begin)}{rest}"))
    for begin, rest in (
        ("sk-", r"[A-Za-z0-9_\-]{20,200}"),
        ("sk_live_", r"[A-Za-z0-9]{16,200}"),
        ("rk_live_", r"[A-Za-z0-9]{16,200}"),
        ("xai-", r"[A-Za-z0-9]{40,200}"),
        ("gsk_", r"[A-Za-z0-9]{30,200}"),
        ("AKIA", r"[0-9A-Z]{16}(?![0-9A-Za-z])"),
        ("ASIA", r"[0-9A-Z]{16}(?![0-9A-Za-z])"),
        ("LTAI", r"[0-9A-Za-z]{12,26}(?![0-9A-Za-z])"),
        ("AKID", r"[0-9A-Za-z]{32}(?![0-9A-Za-z])"),
        ("AKLT", r"[0-9A-Za-z]{30,60}"),
        ("AIza", r"[0-9A-Za-z_\-]{35}"),
        ("ghp_", r"[A-Za-z0-9]{36}"),
        ("gho_", r"[A-Za-z0-9]{36}"),
        ("ghs_", r"[A-Za-z0-9]{36}"),
        ("github_pat_", r"[A-Za-z0-9_]{40,120}"),
        ("glpat-", r"[A-Za-z0-9_\-]{20,60}"),
        ("hf_", r"[A-Za-z0-9]{30,60}"),
        ("xoxb-", r"[A-Za-z0-9\-]{20,200}"),
        ("xoxp-", r"[A-Za-z0-9\-]{20,200}"),
        ("npm_", r"[A-Za-z0-9]{36}"),
        ("ent-", r"[A-Za-z0-9]{49}(?![A-Za-z0-9])"),
        ("eyJ", r"[A-Za-z0-9_\-]{10,2000}\.eyJ[A-Za-z0-9_\-]{10,4000}\.[A-Za-z0-9_\-]{10,1000}"),
    )
)
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
PRIVATE_KEY_END = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
PRIVATE_KEY_CHARS = 16_384
