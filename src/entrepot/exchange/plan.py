"""All that is decided before the first call: who asked for what, which candidates in which order, by when.

A plan is a frozen value; `planning.py` makes it, `course.py` carries it out.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import Asked, ClientDialect, HeaderPairs, ProviderDialect, Target
from entrepot.exchange.allowance import Allowances
from entrepot.exchange.balancing import Balance
from entrepot.exchange.conduct import Hedge
from entrepot.exchange.outcome_plan import OutcomePlan
from entrepot.exchange.records import Grounds, Shadow
from entrepot.exchange.retrying import NEVER, Retries
from entrepot.exchange.tracing import Tracing
from entrepot.policy.rules import Principal
from entrepot.routing.ballot import Compare
from entrepot.routing.cascade import Rule
from entrepot.routing.confidence import DEFAULT_CONFIDENCE, Confidence
from entrepot.routing.explore import Exploration
from entrepot.routing.holdout import Lot
from entrepot.routing.session import Session
from entrepot.routing.trial import OnTrial, Trying
from entrepot.routing.utility import Decision, Goal
from entrepot.routing.validator import Validator
from entrepot.routing.votes import VoteModel


class Deadlines(msgspec.Struct, frozen=True):
    """Seconds: to connect, to the first byte of an answer, between its bytes, and for the exchange as a whole.

    The first byte of a stream is that of its first content, not a ping; that of a whole answer is no white space.
    `keep_alive_s` is how long the client of a stream hears nothing before it is sent a sign of life; 0: it never is.
    """

    connect_s: float = 10.0
    first_byte_s: float = 120.0
    idle_s: float = 60.0
    total_s: float = 900.0
    keep_alive_s: float = 15.0


class Strategy(msgspec.Struct, frozen=True):
    """How a route finds its answer where it may ask more than one model for it.

    `agreement` compares answers as `compare` says, `parallel` of them asked at once to begin with. `check` holds each to `check`,
    or without one to the JSON Schema that the request asks for. `confidence` goes by the log-probabilities of an answer's tokens,
    believed as far as the line of that name says; None: the router's, or where it has none the default.
    At most `max_calls` models answer.
    """

    name: Literal["agreement", "check", "confidence"]
    max_calls: int = 4
    parallel: int = 1
    compare: Compare = Compare()
    check: Validator | None = None
    confidence: Confidence | None = None


class Route(msgspec.Struct, frozen=True):
    """A name that clients may ask for as their model. References are deployment ids.

    `reference` is what quality is measured from, `baseline` what would have been used without routing: without one no
    saving is reported. `max_output_tokens` is sent where a client names no limit. `holdout` is the share of exchanges that
    the baseline answers by lot, so that the saving can be measured and not only estimated. `explore` gives others a part
    too. With `sessions` a conversation keeps its model where that is worth it. A candidate that is expected to take longer
    than `max_latency_s` is asked only if all are. `strategy` None: one model is chosen before the call. `redact` are the
    kinds of finds that are taken out of requests before they leave. `retries` is how often a deployment may be asked again,
    `balance` who of several hosts of a model goes first; None: as everywhere. `hedge` None: nobody is asked beside the
    first. `outcomes` are come by after the answer. `store_content`: what is said is kept beside the ledger. `trial` is that of a
    deployment, as the control store has it.
    """

    name: str
    candidates: tuple[str, ...]
    goal: Goal = Goal()
    reference: str | None = None
    baseline: str | None = None
    max_output_tokens: int | None = None
    holdout: float = 0.0
    strategy: Strategy | None = None
    redact: tuple[str, ...] = ()
    explore: Exploration | None = None
    sessions: bool = True
    max_latency_s: float | None = None
    retries: int | None = None
    balance: Balance | None = None
    hedge: Hedge | None = None
    outcomes: OutcomePlan = OutcomePlan()
    store_content: bool = False
    trial: OnTrial | None = None


class Candidate(msgspec.Struct, frozen=True, eq=False):
    """A deployment with what calling it takes. `tariff` None: its price is unknown."""

    deployment: Deployment
    target: Target
    dialect: ProviderDialect
    tariff: Tariff | None


class BaselinePlan(msgspec.Struct, frozen=True, eq=False):
    """The operator's baseline and the router's estimate of how much it would have written (see routing.base.Estimates)."""

    candidate: Candidate
    output_tokens: float
    log_error: float


class CascadePlan(msgspec.Struct, frozen=True, eq=False):
    """How several models are asked for one exchange: the route's strategy, this exchange's rule and check, and how votes are
    weighed.
    """

    strategy: Strategy
    rule: Rule
    votes: VoteModel
    check: Validator | None = None
    confidence: Confidence = DEFAULT_CONFIDENCE


class Plan(msgspec.Struct, frozen=True, eq=False):
    """One exchange before it begins. `started_s` is monotonic, `started_ns` Unix time; `input_tokens` our own estimate.

    `eligible` are the ids that passed the gate: an attempt at any other deployment is a defect, and does not happen.
    `data_classes` are those of the request, `sensitive` what was found in it, by kind and number; `language`, `client_region`,
    `lot` and `trial` as in an entry.
    `upload_s` is how long the client took to send its request, which is no time of ours. `session` is the conversation that the
    request belongs to, None where nothing is remembered of any. `cascade` None: candidates are asked in turn until one answers.
    `metered`: every attempt has to ask for leave. `announced` are headers of limits, sent with every answer. `grounds` are
    written down, so that the decision can be made again.
    `retries` are those of each deployment; what they and hedges take of `allowances` is shared by all exchanges of the process.
    `hedge_after_s` is how long the first candidate may let the exchange wait before the second is asked, None for ever.
    `no_store`: a rule has nothing kept of what is said. `only_text`: as in `canonical.Gist`.
    `tracing` None: the exchange belongs to no trace. `shadow`: nobody waits for the answer.
    """

    id: str
    started_ns: int
    started_s: float
    asked: Asked
    client: ClientDialect
    principal: Principal
    decision: Decision
    candidates: tuple[Candidate, ...]
    eligible: frozenset[str]
    deadlines: Deadlines
    input_tokens: int
    route: str | None = None
    max_output_tokens: int | None = None
    baseline: BaselinePlan | None = None
    upload_s: float = 0.0
    session: Session | None = None
    cascade: CascadePlan | None = None
    data_classes: tuple[str, ...] = ()
    sensitive: dict[str, int] = {}
    language: str | None = None
    client_region: str | None = None
    lot: Lot | None = None
    trial: Trying | None = None
    metered: bool = False
    announced: HeaderPairs = ()
    grounds: Grounds | None = None
    retries: Retries = NEVER
    allowances: Allowances | None = None
    hedge_after_s: float | None = None
    no_store: bool = False
    only_text: bool = False
    tracing: Tracing | None = None
    shadow: Shadow | None = None
