"""What came of exchanges, as the file has it: what is found out of a route's answers, who judges, what webhooks tell."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from entrepot.routing.validator import Validator
from entrepot.settings.words import JsonPointer, Name, Share

Weight = Annotated[float, Meta(gt=0, le=1)]
Outcome = Annotated[float, Meta(ge=0, le=1)]


class SampledCheckTable(Validator, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A check that a share of a route's answers is held to once they are sent."""

    name: Annotated[Name, Meta(description="Who says so in the ledger and in reports.")]
    share: Annotated[Share, Meta(description="Of how many answers.")] = 1.0


class JudgingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What judges read of a route's answers, and by what they judge them."""

    share: Annotated[Share, Meta(description="Of how many answers.")]
    jury: Annotated[
        tuple[Name, ...], Meta(min_length=1, description="Who judges: deployments or models, best of several makers.")
    ]
    rubric: Annotated[Name, Meta(description="What a good answer is, in words for the judges.")] = (
        "It does what was asked: it is right, complete, and in the form asked for."
    )


class JudgesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As whom judges are asked, and what that may cost."""

    key: Annotated[
        Name, Meta(description="The name under which their calls are written down; rules and limits may name it.")
    ] = "judges"
    usd_per_day: Annotated[
        Decimal | None,
        Meta(description="What all judging together may cost in a day of UTC. Needed where any route judges."),
    ] = None


class OutcomesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is found out of a route's answers once they are sent."""

    signs: Annotated[
        bool, Meta(description="Write down signs that an answer did not do: asked again, tools that failed, no JSON.")
    ] = True
    checks: Annotated[
        tuple[SampledCheckTable, ...], Meta(description="What a share of them is held to, without delaying any.")
    ] = ()
    judges: Annotated[JudgingTable | None, Meta(description="What models say of a share of them.")] = None


class ShadowTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is asked beside a share of a route's exchanges once these are answered, to compare both answers."""

    candidates: Annotated[
        tuple[Name, ...], Meta(min_length=1, description="Deployment ids, or patterns; of several one is drawn.")
    ]
    share: Annotated[Share, Meta(description="Of how many exchanges.")]
    usd_per_day: Annotated[Decimal, Meta(description="What that may cost in a day of UTC, judges apart.")]
    compare: Annotated[
        Literal["judges", "checks"],
        Meta(description="Who says which answer is better: the judges of the route's outcomes, or its checks."),
    ] = "judges"


class VerdictTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook that says later what came of exchanges: a ticket was reopened, a test passed."""

    name: Annotated[
        str,
        Meta(pattern="^[a-z0-9][a-z0-9_.-]{0,39}$", description="Its place: it is sent to POST /v1/verdicts/NAME."),
    ]
    secret: Annotated[
        Name, Meta(description="Where the secret that it is signed with is found: env:NAME or file:PATH.")
    ]
    exchange: Annotated[JsonPointer, Meta(description="A JSON pointer to the exchange's id, as /ticket/exchange.")]
    value: Annotated[
        JsonPointer, Meta(description="A JSON pointer to what came of it: a word, a truth value or a score.")
    ]
    signature: Annotated[
        Literal["standard", "github"],
        Meta(description="How it is signed: standard as Standard Webhooks has it; github as GitHub and Jira do."),
    ] = "standard"
    scores: Annotated[
        dict[str, Outcome],
        Meta(description="What its words are worth, such as { reopened = 0, solved = 1 }. Others are let pass."),
    ] = {}
    each: Annotated[
        JsonPointer | None, Meta(description="A JSON pointer to a list, where one message tells of several exchanges.")
    ] = None
    weight: Annotated[Weight, Meta(description="For how much of an observation it counts.")] = 1.0
