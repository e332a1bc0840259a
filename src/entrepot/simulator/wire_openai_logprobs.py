"""The log-probabilities of an answer's tokens, as OpenAI's chat wire tells them where they are asked for.

Rules of this file: they are those that the mind behind the answer means (`Thought.mean_logprob`), spread over its tokens by a
hash of their places, so that the same answer has the same ones however it is delivered. The most likely other tokens nobody knows
here: of `top_logprobs` only the token itself is told, as a provider may that has no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from entrepot.simulator.heard import WireError
from entrepot.simulator.said import Said
from entrepot.simulator.tokens import split_tokens
from entrepot.simulator.wire_openai_fields import boolean, integer

_MOST_TOP = 20
_USUAL = -0.15  # of an answer of which nobody says how sure its author is


def read_logprobs(given: dict[str, Any]) -> dict[str, Any]:
    """What a request says of them. Raises WireError."""
    wanted, top = boolean(given, "logprobs"), integer(given, "top_logprobs", 0)
    if top is not None and not wanted:
        raise WireError(400, "You must set logprobs to true to set top_logprobs.", param="top_logprobs")
    if top is not None and top > _MOST_TOP:
        message = f"Invalid value for 'top_logprobs': must be less than or equal to {_MOST_TOP}."
        raise WireError(400, message, code="integer_above_max_value", param="top_logprobs")
    return {"logprobs": True, "top_logprobs": top or 0} if wanted else {}


def tell_logprobs(options: Mapping[str, Any], said: Said) -> Iterator[dict[str, Any]] | None:
    """A choice's tokens, one after another; None where `options` (of `read_logprobs`) do not ask for them."""
    if not options.get("logprobs"):
        return None
    return _tokens(said, int(options.get("top_logprobs", 0)))


def as_logprobs(said: Said, tokens: list[dict[str, Any]]) -> dict[str, Any]:
    """The object in which these stand."""
    refuses = said.finish_reason == "refusal"
    return {"content": None if refuses else tokens, "refusal": tokens if refuses else None}


def _tokens(said: Said, top: int) -> Iterator[dict[str, Any]]:
    mean = _USUAL if said.mean_logprob is None else said.mean_logprob
    tokens = split_tokens(said.text)
    weights = [_weight(number, token) for number, token in enumerate(tokens)]
    scale = mean * len(weights) / sum(weights) if weights else 0.0
    for token, weight in zip(tokens, weights, strict=True):
        told = {
            "token": token,
            "logprob": round(scale * weight, 6),
            "bytes": list(token.encode("utf-8", "surrogatepass")),
        }
        yield {**told, "top_logprobs": [told] if top else []}


def _weight(number: int, token: str) -> float:
    """How much less sure one token is than the mean, between a twentieth and about twice as much."""
    digest = hashlib.sha256(f"{number}|{token}".encode("utf-8", "surrogatepass")).digest()
    return 0.05 + 1.9 * digest[0] / 255
