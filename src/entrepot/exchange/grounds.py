"""What a decision rested on, as it is written down: for `entrepot scenario`, which makes decisions again under other facts.

Rules of this file: it is called for every request and keeps what is small; no text of a request is among it.
"""

from __future__ import annotations

from entrepot.canonical.capabilities import Capability
from entrepot.canonical.request import Request
from entrepot.exchange.records import Grounds
from entrepot.policy.circumstances import ANYWHERE, Circumstances
from entrepot.policy.rulebook import ANY_TOOL
from entrepot.routing.session import Session

TRAIT_UNIT = 1000


def grounds_of(
    request: Request,
    needs: frozenset[Capability],
    input_tokens: int,
    max_output_tokens: int | None,
    circumstances: Circumstances,
    named_tools: frozenset[str],
    session: Session | None = None,
    traits: tuple[float, float, float] | None = None,
) -> Grounds:
    """The grounds of a decision; `named_tools` are those that some rule names, `traits` those of the router's estimates."""
    regions, tools = circumstances.client_regions, circumstances.tools
    return Grounds(
        input_tokens,
        tuple(sorted(needs)) if needs else (),
        request.n,
        max_output_tokens,
        () if regions == ANYWHERE.client_regions else tuple(sorted(regions)),
        tuple(sorted(circumstances.languages)) if circumstances.languages else (),
        (ANY_TOOL, *sorted(tools & named_tools)) if tools else (),
        0 if session is None else session.seed,
        () if traits is None else tuple([round(TRAIT_UNIT * trait) for trait in traits]),
    )


def circumstances_again(grounds: Grounds, route: str | None, data_classes: frozenset[str]) -> Circumstances:
    """What rules looked at when the decision was made, as far as it was written down."""
    return Circumstances(
        route=route,
        client_regions=frozenset(grounds.client_regions) or ANYWHERE.client_regions,
        data_classes=data_classes,
        languages=frozenset(grounds.languages),
        tools=frozenset(grounds.tools),
    )
