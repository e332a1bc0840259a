"""What a text holds that should not go everywhere: where, and of which kind. Never what it says.

Rules of this file: pure. A first reading by regular expressions finds candidates (`shapes.py`), the libraries validate those
alone (`numbers.py`), and no more than so many of a kind: what has the shape after twenty that are valid, or hundreds that are
not, counts without being asked about, so that nothing is missed. What is written in other characters is read in their plain
forms (`plain.py`).
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from entrepot.policy import shapes
from entrepot.policy.numbers import Numbers
from entrepot.policy.plain import plain_forms, read_plainly

NATIONAL_IDS = (
    "br_cpf", "cn_id", "de_tax_id", "es_dni", "fr_nir", "gb_nhs", "in_aadhaar", "it_codice_fiscale", "kr_rrn", "nl_bsn",
    "pl_pesel", "us_ssn",
)  # fmt: skip
KINDS = ("email", "phone", *NATIONAL_IDS, "card", "iban", "api_key", "private_key")
"""What can be found without a pattern of the operator's."""
VALIDATED = frozenset(KINDS) - {"email", "api_key", "private_key"}
"""Kinds whose check digits the libraries of the `detect` extra know."""
DATA_CLASSES: Mapping[str, tuple[str, ...]] = {
    "personal": ("email", "phone", *NATIONAL_IDS),
    "secret": ("api_key", "private_key"),
    "regulated": ("card", "iban"),
}
"""What each class is found by where the operator says nothing else."""

_ENOUGH_VALID = 20
_MOST_VALIDATED = 400
_MOST_PHONES = 60  # one takes 20 to 70 µs
_SHORTEST_RUN = 8
_START = itemgetter(1)


class Hit(NamedTuple):
    """A find: its kind, and where it stands in the text."""

    kind: str
    start: int
    end: int


class Detector:
    """Looks for some kinds in texts. `own` are patterns of the operator's, by the kinds that they find."""

    def __init__(
        self,
        kinds: Collection[str],
        numbers: Numbers | None,
        own: Mapping[str, re.Pattern[str]] | None = None,
        phone_regions: Sequence[str] = (),
    ) -> None:
        plain_forms()  # made once, in 20 ms, and not while a request waits
        self.kinds = frozenset(kinds)
        self._numbers = numbers
        self._own = {kind: pattern for kind, pattern in (own or {}).items() if kind in self.kinds}
        self._phone_regions = tuple(phone_regions)
        self._shapes = tuple(shape for shape in (*shapes.NUMBERS, *shapes.PHONES) if shape.kind in self.kinds)
        self._lettered = bool(self.kinds & {"iban", "it_codice_fiscale"})

    def find(self, text: str) -> list[Hit]:
        """The finds in `text`, in their order, none over another."""
        hits: list[Hit] = []
        for plain in read_plainly(text):
            found = self._find(plain.text)
            if plain.at is not None:
                at = (*plain.at, len(text))
                found = [Hit(kind, at[start], at[end]) for kind, start, end in found]
            hits = _beside(hits, found) if hits else found
        return hits

    def _find(self, text: str) -> list[Hit]:
        reading = _Reading(text, self._numbers, self._phone_regions)
        if "private_key" in self.kinds:
            reading.take(_private_keys(text))
        if "api_key" in self.kinds:
            reading.take(_api_keys(text))
        if "email" in self.kinds:
            reading.take(_emails(text))
        for kind, pattern in self._own.items():
            reading.take(Hit(kind, found.start(), found.end()) for found in pattern.finditer(text) if found[0])
        if self._lettered:
            reading.read_lettered(self.kinds)
        if self._shapes:
            reading.read_numbers(self._shapes)
        return sorted(reading.hits, key=_START)


class _Reading:
    """One text being read: what was found, and how much was validated."""

    def __init__(self, text: str, numbers: Numbers | None, phone_regions: Sequence[str]) -> None:
        self.text = text
        self.hits: list[Hit] = []
        self._taken = bytearray(len(text))
        self._numbers = numbers
        self._phone_regions = phone_regions
        self._tried: Counter[str] = Counter()
        self._valid: Counter[str] = Counter()
        self._enough: set[str] = set()

    def take(self, hits: Iterator[Hit]) -> None:
        """Note what lies over nothing that was found before."""
        for hit in hits:
            if not self._is_taken(hit.start, hit.end):
                self.hits.append(hit)
                self._taken[hit.start : hit.end] = b"\1" * (hit.end - hit.start)

    def read_lettered(self, kinds: Collection[str]) -> None:
        """Numbers that begin with letters."""
        for digits in shapes.LETTERED_AT.finditer(self.text):
            for kind, letters, pattern in shapes.LETTERED:
                start = digits.start() - letters
                found = pattern.match(self.text, start) if kind in kinds and start >= 0 else None
                if found is not None and (end := self._longest_valid(kind, start, found.end())) is not None:
                    self.take(iter([Hit(kind, start, end)]))

    def read_numbers(self, of: Sequence[shapes.Shape]) -> None:
        """Numbers that begin with digits: each beginning that any shape fits is held to every one of them."""
        words = {shape.kind for shape in of if shape.needs_context}
        if words:
            lower = self.text.lower()
            words = {kind for kind in words if any(word in lower for word in shapes.CONTEXT[kind])}
        fitting = tuple(shape for shape in of if not shape.needs_context or shape.kind in words)
        first_fitting, position, is_alone = shapes.any_of(fitting), 0, not self.hits
        for beginning in shapes.BEGINNING.finditer(self.text):
            start = beginning.start()
            if start < position or (found := first_fitting.match(self.text, start)) is None:
                continue
            hit = self._number_at(start, fitting, int(found.lastgroup[1:]), found.end())  # type: ignore[index]  # see any_of
            if hit is None:
                position = _past_digits(self.text, start)
            else:
                position = hit.end
                if is_alone or not self._is_taken(hit.start, hit.end):  # two numbers never share a character
                    self.hits.append(hit)

    def _number_at(self, start: int, of: Sequence[shapes.Shape], place: int, end: int) -> Hit | None:
        """The first shape that fits and is valid. `place` is that of the first which fits, as far as `end`."""
        while True:
            kind, _, needs_context = of[place]
            if not needs_context or self._has_context(kind, start):
                last = end if kind in self._enough else self._longest_valid(kind, start, end)
                if last is not None:
                    return Hit(kind, start, last)
            following = ((at, of[at].pattern.match(self.text, start)) for at in range(place + 1, len(of)))
            place, found = next((each for each in following if each[1] is not None), (0, None))
            if found is None:
                return None
            end = found.end()

    def _longest_valid(self, kind: str, start: int, end: int) -> int | None:
        """Where the number that begins at `start` ends: a pattern may have run on into the words that follow."""
        while True:
            if self._is_valid(kind, self.text[start:end]):
                return end
            if kind not in ("phone", "iban"):
                return None
            end = self.text.rfind(" ", start, end)
            if end - start < _SHORTEST_RUN:
                return None

    def _is_valid(self, kind: str, written: str) -> bool:
        if self._numbers is None or kind in self._enough:
            return True
        if kind == "phone":
            plain = f"+{written[2:]}" if written.startswith("00") else written
            valid = self._numbers.phone(plain, self._phone_regions)
        else:
            valid = self._numbers.valid[kind]("".join(filter(str.isalnum, written)))
        self._tried[kind] += 1
        self._valid[kind] += valid
        most = _MOST_PHONES if kind == "phone" else _MOST_VALIDATED
        if self._valid[kind] >= _ENOUGH_VALID or self._tried[kind] >= most:
            self._enough.add(kind)
        return valid

    def _has_context(self, kind: str, start: int) -> bool:
        before = self.text[max(0, start - shapes.CONTEXT_CHARS) : start].casefold()
        return any(word in before for word in shapes.CONTEXT[kind])

    def _is_taken(self, start: int, end: int) -> bool:
        return self._taken.find(1, start, end) >= 0


def _beside(hits: list[Hit], more: list[Hit]) -> list[Hit]:
    """The finds of both, in their order; of two that share a character the longer one."""
    left: list[Hit] = []
    for hit in sorted((*hits, *more), key=lambda each: (each.start - each.end, each.start)):
        place = bisect(left, hit.start, key=_START)
        after = left[place].start if place < len(left) else hit.end
        before = left[place - 1].end if place else 0
        if before <= hit.start and hit.end <= after:
            left.insert(place, hit)
    return left


def _past_digits(text: str, start: int) -> int:
    return found.end() if (found := _DIGITS.match(text, start)) is not None else start + 1


def _emails(text: str) -> Iterator[Hit]:
    for found in shapes.EMAIL_DOMAIN.finditer(text):
        before = text[max(0, found.start() - shapes.LOCAL_CHARS) : found.start()]
        local = before[len(before.rstrip(shapes.EMAIL_LOCAL)) :]
        if not local or local.casefold() in shapes.NO_LOCALS or found["top"].casefold() in shapes.NO_TOP_DOMAINS:
            continue
        if not found["domain"].casefold().endswith(shapes.NO_DOMAINS) or not _is_reserved(found["domain"].casefold()):
            yield Hit("email", found.start() - len(local), found.end())


def _is_reserved(domain: str) -> bool:
    return any(domain == known or domain.endswith(f".{known}") for known in shapes.NO_DOMAINS)


def _api_keys(text: str) -> Iterator[Hit]:
    for begin, pattern in shapes.API_KEYS:
        if begin in text:
            yield from (Hit("api_key", found.start(), found.end()) for found in pattern.finditer(text))


def _private_keys(text: str) -> Iterator[Hit]:
    position = 0
    while (at := text.find("-----BEGIN ", position)) >= 0:
        found = shapes.PRIVATE_KEY.match(text, at)
        if found is None:
            position = at + 1
            continue
        furthest = min(len(text), found.end() + shapes.PRIVATE_KEY_CHARS)
        end = shapes.PRIVATE_KEY_END.search(text, found.end(), furthest)
        position = furthest if end is None else end.end()
        yield Hit("private_key", at, position)


_DIGITS = re.compile(r"[+(]?[0-9]*")
