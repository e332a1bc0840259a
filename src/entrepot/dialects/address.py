"""The URL of a call: a deployment's base address and a dialect's path, put together.

Rules of this file: a base address may carry a query that every call must repeat (Azure's `?api-version=…`), and a blank
`{model}` for the model's name at the provider, which is percent-encoded there (a Bedrock ARN holds slashes). People paste
addresses that end in the call itself, as curl examples show them; that end is taken off again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

_CALL = re.compile(
    r"/(?:chat/completions|completions|messages|messages/count_tokens|responses|embeddings|api/chat|api/embed"
    r"|models/[^/]+:\w+|model/[^/]+/converse(?:-stream)?)/*\Z"
)
_VERSION_AT_END = re.compile(r"/v\d+[a-z0-9]*\Z")
_VERSION_AT_START = re.compile(r"/v\d+[a-z0-9]*(?=/)")


def without_call(base_url: str) -> str:
    """`base_url` without a slash or a call such as `/chat/completions` at the end of its path. Its query stays."""
    location, mark, query = base_url.partition("?")
    while (shorter := _CALL.sub("", location)) != location:
        location = shorter
    return location.rstrip("/") + mark + query


@lru_cache(maxsize=4096)
def join_address(base_url: str, path: str, model: str = "") -> str:
    """The URL of `path` below `base_url`, with `model` wherever either has `{model}`.

    `path` begins with a slash and may have a query of its own, which follows the base address's. Where both say a version
    (`…/v1` and `/v1/messages`) it is said once: Anthropic's clients take a base address without one, others with it.
    """
    location, _, query = without_call(base_url).partition("?")
    path, _, own_query = path.partition("?")
    if _VERSION_AT_END.search(location):
        path = _VERSION_AT_START.sub("", path)
    queries = "&".join(each for each in (query, own_query) if each)
    url = f"{location}{path}" + (f"?{queries}" if queries else "")
    return url.replace("{model}", quote(model, safe="@"))
