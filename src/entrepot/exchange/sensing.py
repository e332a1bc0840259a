"""Looking into a request before it is planned: what it holds, of which data classes that makes it, and what is taken out.

Rules of this file: pure. Everything that could leave is looked at, because it is read off the wire's own fields: every text
and name at any depth, and the JSON inside of tool arguments. What is base64 is not looked into. Values are neither kept nor told.
What is taken out leaves a placeholder, the same for the same text: `<email-1>`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from entrepot.errors import InvalidRequest
from entrepot.exchange.enclosed import open_enclosed
from entrepot.policy.numbers import Numbers
from entrepot.policy.sensitive import DATA_CLASSES, KINDS, VALIDATED, Detector, Hit
from entrepot.policy.tags import fold_tag

_OPAQUE = re.compile(r"(?:data:[^,]{0,100},)?[A-Za-z0-9+/_\-\r\n]{256,}={0,2}\Z")
_LETTERS = re.compile(r"[A-Za-z]")
_OPAQUE_LINES = (64, 76)  # how long the lines of PEM and MIME are
_IN_JSON = re.compile(r"\s*[\[{]")
_DEEPEST = 3  # JSON inside of JSON inside of JSON
_MOST_LEVELS = 200
_SHORTEST_FILE = 16

# Fields whose texts name something at the provider or on the wire: to replace them would break the request and hide nobody.
_KEPT = frozenset({"model", "type", "role", "object", "signature", "thoughtSignature", "encrypted_content", "seed"})

# Objects below these names are of the client's own making: what the fields in them are called says nothing.
_OWN = frozenset({"input", "args", "arguments", "response", "metadata"})


class SensingSettings(msgspec.Struct, frozen=True):
    """What is looked for. `classes` says by which kinds each data class is found, `patterns` the operator's own kinds.

    `always`: also where no rule asks. `redact` are the kinds that are taken out of every request; `phone_regions` the
    countries whose own way of writing phone numbers counts.
    """

    classes: dict[str, tuple[str, ...]] = msgspec.field(default_factory=lambda: dict(DATA_CLASSES))
    patterns: dict[str, str] = {}
    always: bool = False
    redact: tuple[str, ...] = ()
    phone_regions: tuple[str, ...] = ("CN", "US", "GB", "DE", "FR")


class Findings(msgspec.Struct, frozen=True):
    """How many finds of which kind, and the data classes that they make. `redacted` are the fields without some of them."""

    counts: dict[str, int] = {}
    data_classes: frozenset[str] = frozenset()
    redacted: object = None


class Sensor:
    """Looks into requests for what rules ask, or the operator."""

    def __init__(
        self,
        settings: SensingSettings,
        ruled: frozenset[str],
        redacts: Mapping[str | None, Sequence[str]],
        load_numbers: Callable[[], Numbers],
    ) -> None:
        """`ruled` are the data classes that some rule names, `redacts` the kinds that are taken out, by route, and under
        None where no route was asked for.

        Raises OperatorError if what is looked for needs libraries that are not there.
        """
        self._redacts = {route: frozenset(kinds) for route, kinds in redacts.items()}
        kinds = {kind for name, found_by in settings.classes.items() if fold_tag(name) in ruled for kind in found_by}
        if settings.always:
            kinds |= {*KINDS, *settings.patterns}
        kinds = kinds.union(*self._redacts.values())
        self._classes_of: dict[str, set[str]] = {}
        for name, found_by in settings.classes.items():
            for kind in found_by:
                self._classes_of.setdefault(kind, set()).add(name)
        numbers = load_numbers() if kinds & VALIDATED else None
        own = {kind: re.compile(pattern) for kind, pattern in settings.patterns.items()}
        self._detector = Detector(kinds, numbers, own, settings.phone_regions) if kinds else None

    @property
    def looks(self) -> bool:
        """Whether there is anything to look for."""
        return self._detector is not None

    def look(self, fields: Mapping[str, msgspec.Raw], name: str) -> Findings:
        """What a request with these fields holds, and these fields without what is to be taken out where `name` is asked for.

        Raises InvalidRequest where they are nested too deeply, or where an object has a name twice: the bytes go on as they
        came, and of two values only the last would have been looked into.
        """
        if self._detector is None:
            return Findings()
        search = _Search(self._detector, self._redacts.get(name, self._redacts.get(None, frozenset())))
        left = search.walk({field: _load_field(field, raw) for field, raw in fields.items()})
        classes = {each for kind in search.counts for each in self._classes_of.get(kind, ())}
        return Findings(dict(search.counts), frozenset(classes), left if search.replaced else None)


class _Search:
    """One request being looked into."""

    def __init__(self, detector: Detector, redact: frozenset[str]) -> None:
        self._level = 0
        self._in_own = False
        self.counts: Counter[str] = Counter()
        self.replaced = False
        self._detector = detector
        self._redact = redact
        self._placeholders: dict[str, str] = {}
        self._numbered: Counter[str] = Counter()

    def walk(self, value: object, depth: int = 0) -> object:
        """`value` with placeholders where something was taken out. Raises InvalidRequest where it is nested too deeply."""
        self._level += 1
        if self._level > _MOST_LEVELS:
            raise InvalidRequest(
                f"the request is nested deeper than {_MOST_LEVELS} levels, too deeply to be looked into"
            )
        left = self._walk(value, depth)
        self._level -= 1
        return left

    def _walk(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return self._read(value, depth)
        if isinstance(value, list):
            return [self.walk(each, depth) for each in value]
        if isinstance(value, dict):
            return {self._read(name, depth): self._field(name, each, depth) for name, each in value.items()}
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 10_000_000:
            # A number that is written without quotes is still one, and 13812345678.0 is how spreadsheets write it.
            whole = str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)
            written = self._read(whole, depth)
            return value if written == whole else written
        return value

    def _field(self, name: str, value: object, depth: int) -> object:
        if name in _KEPT and isinstance(value, str | int) and not (self._in_own or depth):
            self._count(self._detector.find(str(value)))
            return value
        before = self._in_own
        self._in_own = before or (name in _OWN and isinstance(value, dict))
        left = self.walk(value, depth)
        self._in_own = before
        return left

    def _read(self, text: str, depth: int) -> str:
        if len(text) < 5:
            return text
        if len(text) >= _SHORTEST_FILE and depth < _DEEPEST and (enclosed := open_enclosed(text)) is not None:
            inside = self._read(enclosed.text, depth + 1)
            if inside != enclosed.text:
                return enclosed.enclose(inside)
        if len(text) > 256 and _is_opaque(text):
            return text
        if depth < _DEEPEST and "\\" in text and _IN_JSON.match(text):
            try:
                value = _load(text)
            except (
                ValueError,
                RecursionError,
            ):  # it is no JSON, or not all of it would be seen: it is read as it stands
                pass
            else:
                before = self.counts.total()
                left = self.walk(value, depth + 1)
                if self.counts.total() == before or not self._redact:
                    return text
                return msgspec.json.encode(left).decode()
        hits = self._detector.find(text)
        self._count(hits)
        return self._replace(text, [hit for hit in hits if hit.kind in self._redact])

    def _count(self, hits: Sequence[Hit]) -> None:
        self.counts.update(hit.kind for hit in hits)

    def _replace(self, text: str, hits: Sequence[Hit]) -> str:
        if not hits:
            return text
        self.replaced = True
        pieces, position = [], 0
        for hit in hits:
            pieces += [text[position : hit.start], self._placeholder(hit.kind, text[hit.start : hit.end])]
            position = hit.end
        return "".join((*pieces, text[position:]))

    def _placeholder(self, kind: str, taken_out: str) -> str:
        if taken_out not in self._placeholders:
            self._numbered[kind] += 1
            self._placeholders[taken_out] = f"<{kind}-{self._numbered[kind]}>"
        return self._placeholders[taken_out]


class _NamedTwice(ValueError):
    """An object has a name twice."""


def _load_field(field: str, raw: msgspec.Raw) -> object:
    try:
        return _load(bytes(raw))
    except _NamedTwice:
        told = f"'{field}': an object in it has a name twice, and only one of the two values would be looked into"
        raise InvalidRequest(told, param=field, code="name_twice") from None
    except RecursionError:
        raise InvalidRequest(f"'{field}' is nested too deeply to be looked into", param=field) from None


def _load(text: bytes | str) -> object:
    """JSON as it is read by others, but for objects that have a name twice."""
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NamedTwice
    return found


def _is_opaque(text: str) -> bool:
    """Whether it is base64: not numbers or keys that stand below each other."""
    if not _OPAQUE.match(text):
        return False
    data = text[text.find(",") + 1 :].lstrip("\r\n")
    line = data.partition("\n")[0]
    if len(line) < len(data.rstrip()) and len(line.rstrip("\r")) not in _OPAQUE_LINES:
        return False
    beginning = data[:256]
    return 2 * len(_LETTERS.findall(beginning)) > len(beginning)
