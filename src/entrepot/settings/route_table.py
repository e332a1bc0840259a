"""[[routes]] as the file has it, with the tables within."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from entrepot.exchange.balancing import Balance
from entrepot.routing.ballot import By
from entrepot.routing.validator import Validator
from entrepot.settings.failing_tables import HedgeTable
from entrepot.settings.outcome_tables import OutcomesTable, ShadowTable
from entrepot.settings.words import (
    Confidence,
    Count,
    Dollars,
    JsonPointer,
    Name,
    Seconds,
    Share,
    Tokens,
)


class AgreementTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of an answer is compared with other models' answers."""

    compare: Annotated[
        By, Meta(description="auto: what the request asks for, JSON, a tool call, a letter, else the final answer.")
    ] = "auto"
    field: Annotated[
        JsonPointer | None, Meta(description="With json: a JSON pointer to what is compared, as /total.")
    ] = None
    pattern: Annotated[
        Name | None, Meta(description="With regex: its last match is compared, or what its first group matched.")
    ] = None
    options: Annotated[
        tuple[Name, ...], Meta(description="With choice: what there is to choose from. Default: letters.")
    ] = ()


class LogprobsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the mean log-probability of an answer's tokens moves the logit of P(correct)."""

    slope: Annotated[float, Meta(gt=0, description="By how much for each unit above what is usual.")] = 2.0
    usual: Annotated[float, Meta(le=0, description="The mean log-probability that moves nothing.")] = -0.15
    most: Annotated[float, Meta(ge=0, le=3, description="The most that confidence adds; doubt takes up to 3.")] = 0.5


class ExploreTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A small part of a route's exchanges given to others than the goal's choice, to learn what they can do."""

    kind: Annotated[
        Literal["epsilon", "posterior"],
        Meta(description="epsilon: evenly; posterior: as often as each is the best within the errors of estimates."),
    ] = "epsilon"
    share: Annotated[Share, Meta(description="Share of exchanges that is drawn so.")] = 0.02
    floor: Annotated[Share, Meta(description="What each candidate gets at least, beside that.")] = 0.002
    max_loss: Annotated[
        Share, Meta(description="No candidate is explored that is expected to lose more against the goal's choice.")
    ] = 1.0


class RouteTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name that clients ask for as their model, standing for candidates and a goal."""

    name: Annotated[Name, Meta(description="What clients write as their model.")]
    candidates: Annotated[
        tuple[Name, ...], Meta(min_length=1, description="Deployment ids, or patterns over them such as deepseek/*.")
    ] = ("*",)
    goal: Annotated[
        Literal["cheapest_within", "weighted", "best_under", "shares"],
        Meta(
            description="cheapest_within max_loss of the reference on average, weighted by worth_usd, best_under "
            "max_cost_usd, or fixed shares."
        ),
    ] = "cheapest_within"
    max_loss: Annotated[
        Share | None, Meta(description="Points of quality below the reference; 0.02 is two points.")
    ] = None
    confidence: Annotated[
        Confidence | None,
        Meta(description="Promise max_loss with so much confidence, or send all to the reference."),
    ] = None
    worth_usd: Annotated[Dollars | None, Meta(description="What a right answer is worth, in dollars.")] = None
    shares: Annotated[
        dict[str, Share] | None, Meta(description="Each deployment's share of the requests, by lot; they sum to 1.")
    ] = None
    max_cost_usd: Annotated[Dollars | None, Meta(description="The most that one request may cost.")] = None
    reference: Annotated[Name | None, Meta(description="What quality is measured from: a deployment or model.")] = None
    baseline: Annotated[
        Name | None, Meta(description="What you would use without routing; savings are against it.")
    ] = None
    max_output_tokens: Annotated[Tokens | None, Meta(description="Sent where a client names no limit.")] = None
    redact: Annotated[
        tuple[Name, ...], Meta(description="Kinds that are taken out of its requests before they leave, such as email.")
    ] = ()
    holdout: Annotated[
        Share, Meta(description="Share of exchanges that the baseline answers by lot, so that the saving is measured.")
    ] = 0.0
    strategy: Annotated[
        Literal["before", "agreement", "check", "confidence"],
        Meta(
            description="before: one model, chosen before the call. Else as many as it takes: agreement, to agree; "
            "check, to pass a check; confidence, to be sure of its own words."
        ),
    ] = "before"
    max_calls: Annotated[int, Meta(ge=2, le=10, description="How many models may answer one request.")] = 4
    parallel: Annotated[int, Meta(ge=1, le=2, description="How many are asked at once to begin with.")] = 1
    agreement: Annotated[AgreementTable | None, Meta(description="What is compared.")] = None
    logprobs: Annotated[
        LogprobsTable | None, Meta(description="What log-probabilities of tokens say, for strategy confidence.")
    ] = None
    check: Annotated[
        Validator | None,
        Meta(description="What an answer must pass. Default: the JSON Schema that a request asks for."),
    ] = None
    explore: Annotated[ExploreTable | None, Meta(description="Give others than the goal's choice a part, too.")] = None
    sessions: Annotated[
        bool,
        Meta(description="A conversation keeps its model while that is worth it, and escalates when it sees failure."),
    ] = True
    store_content: Annotated[
        bool, Meta(description="Keep what is said on it: requests and answers, as [content] says.")
    ] = False
    max_latency_s: Annotated[
        Seconds | None,
        Meta(description="Candidates expected to take longer for a whole answer are asked only if all are."),
    ] = None
    retries: Annotated[
        Count | None, Meta(description="How often a deployment is asked again. Default: as [retries] says.")
    ] = None
    balance: Annotated[
        Balance | None, Meta(description="Which of several hosts of a model goes first. Default: as [hosts] says.")
    ] = None
    hedge: Annotated[
        HedgeTable | None, Meta(description="Ask a second candidate where the first lets a request wait.")
    ] = None
    outcomes: Annotated[
        OutcomesTable | None, Meta(description="What is found out of its answers once they are sent.")
    ] = None
    shadow: Annotated[
        ShadowTable | None, Meta(description="Ask another deployment beside, and compare the answers.")
    ] = None
