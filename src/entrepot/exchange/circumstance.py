"""From a request to the circumstances that rules look at.

Rules of this file: what a client says is added to what the operator knows and never takes its place. Only what some rule
names is worked out. A language is guessed from a bounded slice of the text.
"""

from __future__ import annotations

import msgspec

from entrepot.canonical.request import SEARCH_BESIDE, Media, Part, Request, Text, ToolCall, ToolResult, Unknown
from entrepot.catalog.places import UNKNOWN
from entrepot.dialects.delegation import run_by_provider
from entrepot.policy.circumstances import UNREADABLE, Circumstances
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Principal
from entrepot.policy.tags import fold_tag
from entrepot.routing.features import prompt_of
from entrepot.routing.languages import language_of, languages_of

_POINTERS = frozenset({"item_reference", "prompt", "conversation", "previous_response_id"})
_SOURCES = frozenset({"token_ids", "file_id", "fileUri", "file_uri", "data", "audio", "cachedContent", "container_id"})


class Seen(msgspec.Struct, frozen=True):
    """What was found in a request, or said of it, before it is planned.

    `data_classes` are those that its headers say or that a detector found, `counts` how many finds of which kind. `region` is
    the country of its client, if somebody says so whom the operator trusts; `client_regions` what the client itself says.
    """

    data_classes: frozenset[str] = frozenset()
    counts: dict[str, int] = {}
    region: str | None = None
    client_regions: frozenset[str] = frozenset()


UNSEEN = Seen()
_REMEMBERED = 1024


def circumstances_of(
    request: Request, route: str | None, principal: Principal, seen: Seen, book: Rulebook
) -> Circumstances:
    """What is known of this request, as far as a rule looks at it. `principal` has the request's own tags.

    A tag that is the name of a data class says it.
    """
    if seen is UNSEEN and not book.reads:
        known = book.plain.get((route, principal))
        if known is None:
            if len(book.plain) >= _REMEMBERED:
                book.plain.clear()
            known = book.plain[route, principal] = _circumstances(request, route, principal, seen, book)
        return known
    return _circumstances(request, route, principal, seen, book)


def _circumstances(
    request: Request, route: str | None, principal: Principal, seen: Seen, book: Rulebook
) -> Circumstances:
    named = book.named
    classes = principal.data_classes | seen.data_classes
    if named.data_classes:
        classes |= {tag for tag in principal.tags if fold_tag(tag) in named.data_classes}
    if UNREADABLE in named.data_classes and has_unreadable(request):
        classes |= {UNREADABLE}
    return Circumstances(
        route=route,
        client_regions=seen.client_regions | {principal.region or seen.region or UNKNOWN},
        data_classes=classes,
        languages=languages_of(prompt_of(request, 0).text) if named.languages else frozenset(),
        tools=tools_of(request) if named.tools else frozenset(),
    )


def language_in(request: Request) -> str | None:
    """The language of the end of what was asked last: what comes before it is often a form in another."""
    last = next((message for message in reversed(request.messages) if message.role == "user"), None)
    texts = [] if last is None else [part.text for part in last.parts if isinstance(part, Text)]
    return language_of(texts[-1]) if texts else None


def region_of(circumstances: Circumstances) -> str | None:
    """Where the client is, as far as anybody said; several where it was said differently."""
    return " ".join(sorted(circumstances.client_regions - {UNKNOWN})) or None


def has_unreadable(request: Request) -> bool:
    """Whether there is anything in the request that is not text, or that points at what only its provider has."""
    return bool(request.extra.get("container")) or any(_is_unreadable(part) for part in request.parts())


def _is_unreadable(part: Part) -> bool:
    if isinstance(part, ToolResult):
        return any(_is_unreadable(inner) for inner in part.parts)
    if isinstance(part, Unknown):
        called = str(part.raw.get("type", "")).endswith("_call")  # a provider's own tool, with the pages that it opened
        return part.raw.get("type") in _POINTERS or (not called and _points(part.raw))
    return isinstance(part, Media)


def _points(value: object) -> bool:
    if isinstance(value, dict):
        return any(name in _SOURCES or name.endswith("_url") or _points(inner) for name, inner in value.items())
    return isinstance(value, list) and any(_points(inner) for inner in value)


def tools_of(request: Request) -> frozenset[str]:
    """The names of the functions that the model may call, of those that were called before, and of what the provider runs."""
    called = (part.name for part in request.parts() if isinstance(part, ToolCall))
    beside = request.extra.get(SEARCH_BESIDE)
    searches = (name for name in beside if isinstance(name, str)) if isinstance(beside, list) else ()
    return frozenset((*(tool.name for tool in request.tools), *called, *searches)) | run_by_provider(request)
