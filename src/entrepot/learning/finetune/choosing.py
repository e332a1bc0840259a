"""Which exchanges become lines, and why the others do not.

Rules of this file: every exchange whose words are kept is a line or is left out for one reason, the first that holds, in the
order of this file. Of lines that teach nearly the same, the one with the best outcome stays, of equals the newest. The split is
one of time: what is held back for validation is later than all that is trained on, and belongs to no conversation of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from entrepot.learning.finetune.facts import Facts
from entrepot.learning.finetune.lines import Unfit, conversation_of, earlier_answers, line_of, taught_by
from entrepot.learning.finetune.terms import Terms
from entrepot.ledger.content.record import Kept, Said
from entrepot.statistics.minhash import Resembling, Signature, signature_of

Side = Literal["train", "validation"]
OF_TERMS = "licence or terms"


class Wanted(msgspec.Struct, frozen=True):
    """What is asked for: outcomes from `least_outcome` on; lines that share `alike` of their text are one; `validation` is the
    share of the newest lines that is held back; without `several_turns` only first answers are taught.
    """

    least_outcome: float = 0.8
    alike: float = 0.8
    validation: float = 0.1
    several_turns: bool = True


class LeftOut(msgspec.Struct, frozen=True):
    """An exchange that is no line. `reason` is one of few, `why` says more where there is more to say."""

    exchange: str
    reason: str
    model: str | None = None
    why: str | None = None


class Candidate(msgspec.Struct, frozen=True):
    """An exchange that could be a line, without its words."""

    exchange: str
    started_ns: int
    model: str
    why: str
    outcome: float
    exact: bytes
    signature: Signature
    conversation: bytes


class Chosen(msgspec.Struct, frozen=True):
    """The lines of either side, in order of time, and what else was left out."""

    sides: dict[str, Side]
    left_out: tuple[LeftOut, ...]


def consider(kept: Kept, said: Said | None, facts: Facts | None, wanted: Wanted, terms: Terms) -> Candidate | LeftOut:
    """Whether this exchange may be a line, by itself."""
    model = None if facts is None or facts.answering is None else facts.answering.model
    if facts is None:
        return LeftOut(kept.id, "not in the ledger")
    if facts.answering is None or facts.state != "completed" or said is None:
        return LeftOut(kept.id, "the answer was not completed", model)
    if facts.outcome is None:
        return LeftOut(kept.id, "nobody said what came of it", model)
    if facts.outcome < wanted.least_outcome:
        return LeftOut(kept.id, "the outcome is not good enough", model)
    ruling = terms.rule_on(facts.answering)
    if not ruling.allowed:
        return LeftOut(kept.id, OF_TERMS, model, ruling.why)
    try:
        line = line_of(said)
    except Unfit as unfit:
        return LeftOut(kept.id, str(unfit), model)
    if not wanted.several_turns and earlier_answers(line):
        return LeftOut(kept.id, "not the first answer of its conversation", model)
    taught = taught_by(line)
    return Candidate(
        kept.id,
        kept.started_ns,
        facts.answering.model,
        ruling.why,
        facts.outcome,
        _digest(taught.encode("utf-8", "surrogatepass")),
        signature_of(taught),
        _digest((kept.key or "").encode() + b"\n" + conversation_of(line)),
    )


def choose(candidates: Iterable[Candidate], wanted: Wanted) -> Chosen:
    """Which candidates become lines together."""
    left_out: list[LeftOut] = []
    unlike = list(_without_doubles(candidates, wanted.alike, left_out))
    unlike.sort(key=lambda one: (one.started_ns, one.exchange))
    held_back = round(len(unlike) * wanted.validation)
    first = len(unlike) - held_back
    sides: dict[str, Side] = {one.exchange: "train" for one in unlike[:first]}
    begun = {one.conversation for one in unlike[:first]}
    for one in unlike[first:]:
        if one.conversation in begun:
            left_out.append(LeftOut(one.exchange, "its conversation is in the training file", one.model))
        else:
            sides[one.exchange] = "validation"
    return Chosen(sides, tuple(left_out))


def _without_doubles(candidates: Iterable[Candidate], alike: float, left_out: list[LeftOut]) -> Iterator[Candidate]:
    same: dict[bytes, str] = {}
    resembling: Resembling[str] = Resembling(alike)
    for one in sorted(candidates, key=lambda one: (-one.outcome, -one.started_ns, one.exchange)):
        if (known := same.get(one.exact)) is not None:
            left_out.append(LeftOut(one.exchange, "the same as another", one.model, known))
        elif (known := resembling.find(one.signature)) is not None:
            left_out.append(LeftOut(one.exchange, "nearly the same as another", one.model, known))
        else:
            same[one.exact] = one.exchange
            resembling.add(one.exchange, one.signature)
            yield one


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
