"""What is written down of an exchange: the ledger entry, complete in itself.

Rules of this file: an entry repeats the facts it was made under (maker's country, region, price currency), because facts
change and the ledger must not. Ids are UUIDv7, so they sort by time. Money is whole nano-dollars; None is unknown. Nothing
here holds a prompt, an answer or a secret.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from entrepot.canonical.response import Usage
from entrepot.canonical.stream import FailureKind
from entrepot.routing.holdout import Lot
from entrepot.routing.trial import Trying
from entrepot.routing.utility import Decision

State = Literal["completed", "refused", "failed", "client_gone", "broken"]
"""How it ended: answered in full · refused by us before any call · no candidate answered · the client left first ·
the answer broke off midway."""


CheckResult = Literal["passed", "failed", "inconclusive"]
"""`inconclusive`: the check itself could not be made."""


class Vote(msgspec.Struct, frozen=True, gc=False):
    """What one attempt's answer counted for where several models may be asked.

    `answer` is a number that equal answers share, None where it could not be compared or did not count: `abstained` says why.
    `p_before` is P(correct) as the router estimated it, `p_correct` after all votes, or by the route's check: an outcome of this
    attempt, by `source`. `mean_logprob` is that of the answer's tokens, where it was asked for and given.
    """

    answer: int | None = None
    abstained: str | None = None
    p_before: float | None = None
    p_correct: float | None = None
    source: Literal["agreement", "check", "confidence"] = "agreement"
    check: CheckResult | None = None
    mean_logprob: float | None = None


class Deliberation(msgspec.Struct, frozen=True):
    """How an exchange came by its answer where several models may be asked.

    `accepted` is the number of the attempt whose answer was sent, None if none was; `p_correct` how likely it is right. `kind` is
    what was compared. `worth_usd` is what a right answer is worth to the goal, `expected_calls` and `expected_cost_usd` what
    that was expected to take. `check` is what the route's check found of the answer that was sent. `believed` says how far
    log-probabilities of tokens were believed: as learned from outcomes, as the settings say, or as a default says. `reason` is
    one sentence for people.
    """

    strategy: Literal["agreement", "check", "confidence"]
    reason: str
    accepted: int | None = None
    p_correct: float | None = None
    kind: str | None = None
    worth_usd: float | None = None
    expected_calls: float | None = None
    expected_cost_usd: float | None = None
    check: CheckResult | None = None
    believed: str | None = None


class Trace(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The W3C trace that an exchange belongs to, ids as hexadecimal digits: `parent` is the client's span, None if it began here.

    `flags` are those that providers were told. `recorded`: spans of ours are part of it, whose ids `tracing.py` makes.
    """

    id: str
    parent: str | None
    flags: int
    recorded: bool


class AttemptRecord(msgspec.Struct, frozen=True, gc=False):
    """One call to one deployment. Times are milliseconds from its start; `status` is 0 if no head came.

    `started_ms` is when that was, from the exchange's own start; None in entries of earlier versions.

    `claimed_model` is what the answer called itself; `model_mismatch` says that this is not what was asked of the provider. It
    is a signal only: the cost is that of the deployment. `answered` says that the client got its answer; where several models
    were asked, `vote` is what it counted for. `retry_after_s` is how long the provider asked to be left alone, be it
    by saying in the headers of an answer that a limit is used up.
    """

    number: int
    deployment: str
    model: str
    provider: str
    status: int
    duration_ms: float
    first_byte_ms: float | None = None
    failure: FailureKind | None = None
    failure_code: str | None = None
    usage: Usage | None = None
    cost_nano_usd: int | None = None
    cost_nano: int | None = None
    currency: str | None = None
    claimed_model: str | None = None
    answered: bool = False
    model_mismatch: bool = False
    retry_after_s: float | None = None
    vote: Vote | None = None
    started_ms: float | None = None


class Served(msgspec.Struct, frozen=True, gc=False):
    """The facts of the deployment whose answer the client got, or was waiting for when it left."""

    deployment: str
    model: str
    maker: str
    maker_country: str
    provider: str
    provider_country: str
    region: str
    on_premises: bool
    open_weights: bool | None
    accelerator: str | None


class Baseline(msgspec.Struct, frozen=True, gc=False):
    """What the operator's baseline would have cost for this request.

    Input tokens are those of the request; output tokens are the router's estimate unless the baseline itself answered
    (`measured`). `error_nano_usd` is the standard deviation of that estimate. `predicted_nano_usd` is, where measured, what
    the estimate would have been: the two together show how far the estimates are off. `drawn` says that the holdout's lot
    gave it the exchange, against the router's choice: such exchanges are a random sample of those routed elsewhere.

    What the saving is made of, where it is estimated: `as_long_nano_usd` is what the baseline would have cost for an answer as
    long as the one given, `as_long_uncached_nano_usd` the same with nothing read from a cache or written to one, and
    `uncached_nano_usd` what the answer given would have cost without.
    """

    deployment: str
    model: str
    cost_nano_usd: int
    error_nano_usd: int
    measured: bool
    predicted_nano_usd: int | None = None
    drawn: bool = False
    as_long_nano_usd: int | None = None
    as_long_uncached_nano_usd: int | None = None
    uncached_nano_usd: int | None = None


class Expected(msgspec.Struct, frozen=True, gc=False):
    """P(correct) as the router expected it before the call: of whoever answered, of the route's reference, of the best candidate.

    None where nothing was estimated of one, or where it was not eligible.
    """

    served: float | None = None
    reference: float | None = None
    best: float | None = None


class Shadow(msgspec.Struct, frozen=True, gc=False):
    """Of an exchange that nobody waited for: of which one it is the shadow, and what it is compared with.

    `share` is how likely this deployment was to be asked, given who answered; `unit` is the same for shadows of one session.
    `sent_by` answered the client, for `sent_nano_usd` in `sent_ms`; `sent_again`: after somebody else had failed;
    `sent_cached`: part of the prompt was read from a cache, which the shadow's provider cannot have.
    `trial` and `stage` are the trial's that asked for it, by its name and the stage's number; None: the route's settings did.
    """

    of: str
    share: float
    unit: int
    sent_by: str
    sent_nano_usd: int | None = None
    sent_ms: float = 0.0
    sent_again: bool = False
    trial: str | None = None
    stage: int = 0
    sent_cached: bool = False


class Grounds(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a decision rested on beside prices, rules and estimates: enough to make it again under other facts.

    `input_tokens` is our own estimate, by which costs were weighed; `needs` are the capabilities that the request asks for;
    none of its `answers` is longer than `max_output_tokens`. `client_regions` (empty: unknown alone), `languages` and `tools`
    are as in `policy.Circumstances`, the last as far as a rule names them. `session` tells the turns of one conversation, 0
    without any. `traits` are those of `routing.Estimates` in thousandths. Written as an array, to which fields may be added.
    """

    input_tokens: int
    needs: tuple[str, ...] = ()
    answers: int = 1
    max_output_tokens: int | None = None
    client_regions: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    session: int = 0
    traits: tuple[int, ...] = ()


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One exchange as the ledger keeps it.

    `duration_ms` runs from the request's head to the end of the answer; `added_ms` is the part of it that was ours: not the
    client's sending of its request, and no attempt's.
    `data_classes` are those of the request, `sensitive` how many finds of which kind it held, never what they said. `language`
    is the one that most of the request's end is in (a guess, see `routing/languages.py`), `client_region` where its client is,
    as far as anybody said. `lot` is the holdout's, on a route that has one; `trial` the arm of a deployment's trial.
    `cost_nano_usd` is the cost of every attempt together; None if the cost of one that a provider may bill is unknown.
    `charged_nano_usd` is what budgets were charged where that is not the cost: of an attempt whose tokens no provider has
    reported, the most that it can have cost stays charged. `grounds` None: nothing was weighed, or by an earlier version.
    `trace` None: it belongs to none. `shadow` None: a client asked, and its answer was sent.
    """

    id: str
    started_ns: int
    state: State
    status: int
    dialect: str
    asked_model: str
    stream: bool
    duration_ms: float
    added_ms: float
    key: str | None = None
    team: str | None = None
    tags: tuple[str, ...] = ()
    route: str | None = None
    first_token_ms: float | None = None
    error_code: str | None = None
    rule: str | None = None
    served: Served | None = None
    usage: Usage | None = None
    cost_nano_usd: int | None = None
    baseline: Baseline | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    decision: Decision | None = None
    charged_nano_usd: int | None = None
    deliberation: Deliberation | None = None
    data_classes: tuple[str, ...] = ()
    sensitive: dict[str, int] = {}
    language: str | None = None
    client_region: str | None = None
    expected: Expected | None = None
    lot: Lot | None = None
    grounds: Grounds | None = None
    trace: Trace | None = None
    trial: Trying | None = None
    shadow: Shadow | None = None
