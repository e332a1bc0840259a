"""What came of exchanges, as the file has it: what is found out of a route's answers, who judges, what webhooks tell."""

from __future__ import annotations

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


class OutcomesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is found out of a route's answers once they are sent."""

    signs: Annotated[
        bool, Meta(description="Write down signs that an answer did not do: asked again, tools that failed, no JSON.")
    ] = True
    checks: Annotated[
        tuple[SampledCheckTable, ...], Meta(description="What a share of them is held to, without delaying any.")
    ] = ()


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
