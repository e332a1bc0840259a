"""Stored exchanges to files that a model is fine-tuned on, with a file beside them that says what is in them and what is not.

`train.jsonl` and `validation.jsonl` hold one line an exchange (`lines.py`); `left_out.jsonl` one line for each that is not in
them; `export.json` counts both, and says of every model whether it may be learned from, and by which fact.

Rules of this file: words are read twice, so that only what is known of an exchange is held at once. Personal data is replaced by
`<email-1>` and the like, by the detectors that look into requests; what they cannot know, such as names, stays, and the file
says so. Files are written beside their place and moved there once they are whole, readable by their owner alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import msgspec

from entrepot.errors import DataError, InvalidRequest, LedgerError
from entrepot.exchange.sensing import SensingSettings, Sensor
from entrepot.learning.finetune.choosing import Candidate, Chosen, LeftOut, Side, Wanted, choose, consider
from entrepot.learning.finetune.facts import Facts, facts_of
from entrepot.learning.finetune.files import WholeFile
from entrepot.learning.finetune.lines import Line, line_of
from entrepot.learning.finetune.summary import Asked, Tally, summarise
from entrepot.learning.finetune.terms import Terms
from entrepot.ledger.content.answer import open_content
from entrepot.ledger.content.record import Kept, Said
from entrepot.ledger.content.seal import Seals
from entrepot.ledger.content.store import ContentStore
from entrepot.ledger.reading import RelationalReader
from entrepot.ledger.store import ALWAYS, Period
from entrepot.policy.numbers import load_numbers
from entrepot.policy.sensitive import KINDS

LEFT_OUT, SUMMARY = "left_out.jsonl", "export.json"
_PAGE = 100
_NO_KEY = "encrypted with a key that is not named, or changed"


class FinetuneExport:
    """Exchanges of `contents` within `period` (of one route, or of all), judged by what `reader` knows of them."""

    def __init__(
        self,
        contents: ContentStore,
        reader: RelationalReader,
        seals: Seals,
        terms: Terms,
        wanted: Wanted,
        *,
        period: Period = ALWAYS,
        route: str | None = None,
    ) -> None:
        """Raises OperatorError where the libraries that know personal data are not installed."""
        self._contents = contents
        self._reader = reader
        self._seals = seals
        self._terms = terms
        self._wanted = wanted
        self._period = period
        self._route = route
        sensing = SensingSettings(always=True, redact=KINDS)
        self._sensor = Sensor(sensing, frozenset(), {None: KINDS}, load_numbers)

    def write(self, directory: Path, now_s: float, tell: Callable[[int], None] = lambda _: None) -> Tally:
        """Write the files; `tell` hears how many exchanges were read. Raises LedgerError or, of files, DataError."""
        candidates, left_out = self._consider(tell)
        chosen = choose(candidates.values(), self._wanted)
        left_out += chosen.left_out
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._write(directory, now_s, candidates, chosen, left_out)
        except OSError as error:
            raise DataError(f"cannot write to {directory}: {error.strerror}") from error

    def _consider(self, tell: Callable[[int], None]) -> tuple[dict[str, Candidate], list[LeftOut]]:
        candidates: dict[str, Candidate] = {}
        left_out: list[LeftOut] = []
        read = 0
        for page in self._pages():
            facts = facts_of(self._reader, [kept.id for kept in page])
            for kept in page:
                weighed = self._weigh(kept, facts)
                if isinstance(weighed, LeftOut):
                    left_out.append(weighed)
                else:
                    candidates[kept.id] = weighed
            read += len(page)
            tell(read)
        return candidates, left_out

    def _weigh(self, kept: Kept, facts: Mapping[str, Facts]) -> Candidate | LeftOut:
        try:
            said = self._open(kept)
        except LedgerError:
            return LeftOut(kept.id, _NO_KEY)
        return consider(kept, said, facts.get(kept.id), self._wanted, self._terms)

    def _open(self, kept: Kept) -> Said | None:
        return open_content(kept, self._seals)

    def _pages(self) -> Iterator[list[Kept]]:
        since_ns, until_ns = self._period.since_ns or 0, self._period.until_ns
        each = self._contents.each(since_ns) if until_ns is None else self._contents.each(since_ns, until_ns)
        wanted = (kept for kept in each if self._route in (None, kept.route))
        while page := list(islice(wanted, _PAGE)):
            yield page

    def _write(
        self,
        directory: Path,
        now_s: float,
        candidates: Mapping[str, Candidate],
        chosen: Chosen,
        left_out: list[LeftOut],
    ) -> Tally:
        tally = Tally()
        with ExitStack() as stack:
            files: dict[Side, WholeFile] = {
                side: stack.enter_context(WholeFile(directory / f"{side}.jsonl")) for side in ("train", "validation")
            }
            for kept in (kept for page in self._pages() for kept in page if kept.id in chosen.sides):
                said = self._open(kept)
                if said is not None:
                    line, found = self._without_personal_data(line_of(said), kept.id)
                    files[chosen.sides[kept.id]].add(line)
                    tally.count(chosen.sides[kept.id], candidates[kept.id], line, found)
            others = stack.enter_context(WholeFile(directory / LEFT_OUT))
            for one in left_out:
                others.add(one)
                tally.left_out[one.reason] += 1
            written = (*files.values(), others)
            about = stack.enter_context(WholeFile(directory / SUMMARY))
            asked = Asked(self._route, self._period, self._wanted)
            summary = summarise(asked, tally, left_out, now_s, {file.path.name: file.digest() for file in written})
            about.write(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")
            for file in (*written, about):
                file.finish()
        return tally

    def _without_personal_data(self, line: Line, exchange: str) -> tuple[Line, Counter[str]]:
        try:
            found = self._sensor.look(
                {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in line.items()}, ""
            )
        except InvalidRequest as error:  # it was looked into when it came, by the same rules
            raise DataError(f"{exchange} cannot be looked into for personal data: {error.message}") from error
        left = line if found.redacted is None else found.redacted
        if not isinstance(left, dict):
            raise DataError(f"{exchange} cannot be looked into for personal data")
        return left, Counter(found.counts)
