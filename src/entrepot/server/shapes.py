"""JSON Schemas of what the gateway answers and decodes, for its OpenAPI document.

Rules of this file: a struct that something decodes or encodes is the schema; words are written only for what has none. Answers
of a provider that speaks the client's own dialect pass through, so nothing is demanded of an answer that a provider may leave
out, and nothing is forbidden that it may add.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from entrepot.canonical.response import Usage
from entrepot.dialects.gemini_generate.wire import WireAnswer
from entrepot.dialects.openai_chat.wire import WireCompletion
from entrepot.dialects.openai_completions import wire as completions
from entrepot.exchange.records import Deliberation, Expected, Served, Vote
from entrepot.routing.utility import Decision

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/"


def of_structs(family: str, *structs: type[msgspec.Struct]) -> dict[str, Schema]:
    """The schemas of structs and of all that is in them, by name: `Chat.Request` for the family's `WireRequest`."""
    _, found = msgspec.json.schema_components(structs, ref_template=f"{REFERENCE}{family}.{{name}}")
    text = msgspec.json.encode(found).decode()
    named: dict[str, Schema] = msgspec.json.decode(re.sub(rf"{REFERENCE}{family}\.Wire", f"{REFERENCE}{family}.", text))
    return {f"{family}.{name.removeprefix('Wire')}": schema for name, schema in named.items()}


def struct_name(family: str, struct: type[msgspec.Struct]) -> str:
    """The name of a struct's schema."""
    return f"{family}.{struct.__name__.removeprefix('Wire')}"


def reference(name: str) -> Schema:
    """A reference to a schema by its name."""
    return {"$ref": REFERENCE + name}


def _object(description: str, required: Iterable[str] = (), **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "description": description, "properties": properties}
    return {**schema, "required": list(required)} if required else schema


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _or_null(of: Schema) -> Schema:
    return {"anyOf": [of, {"type": "null"}]}


_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_USD: Schema = {
    "type": ["string", "null"],
    "description": "US dollars as an exact decimal, null where unknown",
    "pattern": r"^-?\d+\.\d{9}$",
}
_ANY: Schema = {"type": "object"}

_ATTEMPT = _object(
    "One call to one deployment",
    ("number", "deployment", "status", "duration_ms", "failure", "usage", "cost_usd", "cost", "currency"),
    number=_COUNT,
    deployment=_TEXT,
    model=_TEXT,
    provider=_TEXT,
    status={**_COUNT, "description": "The provider's HTTP status, 0 if no head came"},
    duration_ms=_NUMBER,
    started_ms=_or_null(_NUMBER),
    first_byte_ms=_or_null(_NUMBER),
    failure=_or_null(_TEXT),
    failure_code=_or_null(_TEXT),
    usage=_or_null(reference("Exchange.Usage")),
    cost_usd=_USD,
    cost={**_USD, "description": "In the currency of the bill"},
    currency=_or_null(_TEXT),
    claimed_model=_or_null(_TEXT),
    answered=_FLAG,
    model_mismatch={
        **_FLAG,
        "description": "The answer names a model that was not asked for; it is billed as the deployment",
    },
    vote=_or_null(reference("Exchange.Vote")),
)
_BASELINE = _object(
    "What the route's baseline would have cost",
    ("deployment", "model", "cost_usd", "error_usd", "measured"),
    deployment=_TEXT,
    model=_TEXT,
    cost_usd=_USD,
    error_usd=_USD,
    measured=_FLAG,
    predicted_usd=_USD,
    drawn=_FLAG,
)
_SAVED = ("usd", "price_usd", "length_usd", "cache_usd", "in_vain_usd")
_SAVING = _object("What was saved, and what of", _SAVED, **dict.fromkeys(_SAVED, _USD))
_LOT = _object(
    "What the holdout's lot said",
    ("baseline", "share", "drawn", "baseline_usd", "routed_usd"),
    baseline=_TEXT,
    share=_NUMBER,
    drawn=_FLAG,
    baseline_usd=_USD,
    routed_usd=_USD,
)
_TRIAL = _object(
    "The arm of a deployment's trial",
    ("name", "stage", "arm", "propensity"),
    name=_TEXT,
    stage=_TEXT,
    arm=_TEXT,
    propensity=_NUMBER,
)
_GROUNDS = _object(
    "What the decision rested on beside prices, rules and estimates",
    (
        "input_tokens",
        "needs",
        "answers",
        "max_output_tokens",
        "client_regions",
        "languages",
        "tools",
        "session",
        "traits",
    ),
    input_tokens=_COUNT,
    needs=_list(_TEXT),
    answers=_COUNT,
    max_output_tokens=_or_null(_COUNT),
    client_regions=_list(_TEXT),
    languages=_list(_TEXT),
    tools=_list(_TEXT),
    session=_FLAG,
    traits=_list(_NUMBER),
)
_DECIDED: dict[str, Schema] = {
    "object": {"const": "entrepot.decision"},
    "id": {"type": "string", "format": "uuid"},
    "started_at": {"type": "string", "format": "date-time"},
    "state": {"enum": ["completed", "refused", "failed", "client_gone", "broken"]},
    "status": _COUNT,
    "error_code": _or_null(_TEXT),
    "rule": _or_null(_TEXT),
    "data_classes": _list(_TEXT),
    "sensitive": {"type": "object", "additionalProperties": _COUNT},
    "asked_model": _TEXT,
    "route": _or_null(_TEXT),
    "dialect": _TEXT,
    "stream": _FLAG,
    "key": _or_null(_TEXT),
    "team": _or_null(_TEXT),
    "tags": _list(_TEXT),
    "language": _or_null(_TEXT),
    "client_region": _or_null(_TEXT),
    "served": _or_null(reference("Exchange.Served")),
    "usage": _or_null(reference("Exchange.Usage")),
    "cost_usd": _USD,
    "charged_usd": _USD,
    "baseline": _or_null(_BASELINE),
    "saving": _or_null(_SAVING),
    "lot": _or_null(_LOT),
    "trial": _or_null(_TRIAL),
    "expected": _or_null(reference("Exchange.Expected")),
    "duration_ms": _NUMBER,
    "added_ms": _NUMBER,
    "first_token_ms": _or_null(_NUMBER),
    "trace_id": _or_null({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "attempts": _list(_ATTEMPT),
    "grounds": _or_null(_GROUNDS),
    "decision": _or_null(reference("Exchange.Decision")),
    "deliberation": _or_null(reference("Exchange.Deliberation")),
}

_OPENAI_ERROR = _object(
    "What is wrong", ("message", "type", "param", "code"), message=_TEXT, type=_TEXT, param=_or_null(_TEXT), code=_TEXT
)
_GEMINI_ERROR = _object(
    "What is wrong", ("code", "message", "status"), code=_COUNT, message=_TEXT, status=_TEXT, details=_list(_ANY)
)
_ANTHROPIC_ERROR = _object("What is wrong", ("type", "message"), type=_TEXT, message=_TEXT)
_LISTED = _object(
    "A name that may be asked for",
    ("id", "object", "created", "owned_by"),
    id=_TEXT,
    object={"const": "model"},
    created=_COUNT,
    owned_by=_TEXT,
)
_RESPONSE = _object(
    "A response of the model",
    ("output",),
    id=_TEXT,
    object={"const": "response"},
    model=_TEXT,
    status=_TEXT,
    output=_list(_object("An item", ("type",), type=_TEXT)),
    usage=_or_null(_ANY),
)
_MESSAGE = _object(
    "A message of the model",
    ("type", "role", "content"),
    id=_TEXT,
    type={"const": "message"},
    role={"const": "assistant"},
    model=_TEXT,
    content=_list(_object("A content block", ("type",), type=_TEXT)),
    stop_reason=_or_null(_TEXT),
    stop_sequence=_or_null(_TEXT),
    usage=_ANY,
)


_VECTOR: Schema = {"anyOf": [_list(_NUMBER), {"type": "string", "contentEncoding": "base64"}]}
_VALUES = _object("A vector", ("values",), values=_list(_NUMBER))
_EMBEDDED: dict[str, Schema] = {
    "EmbeddingList": _object(
        "A vector for each input",
        ("object", "data"),
        object={"const": "list"},
        data=_list(_object("A vector", ("index", "embedding"), index=_COUNT, embedding=_VECTOR)),
        model=_TEXT,
        usage=_or_null(_ANY),
    ),
    "ContentEmbedded": _object("A content's vector", ("embedding",), embedding=_VALUES),
    "ContentsEmbedded": _object("A vector for each content", ("embeddings",), embeddings=_list(_VALUES)),
    "TotalTokens": _object("A count", ("totalTokens",), totalTokens=_COUNT),
}
_ANTHROPIC_LISTED = _object(
    "A name, for Anthropic's clients", ("type", "id"), type={"const": "model"}, id=_TEXT, display_name=_TEXT
)
_GEMINI_LISTED = _object(
    "A name, for Google's clients", ("name",), name=_TEXT, displayName=_TEXT, supportedGenerationMethods=_list(_TEXT)
)
_GEMINI_LIST = _object(
    "A page of names, for Google's clients", ("models",), models=_list(_GEMINI_LISTED), nextPageToken=_TEXT
)
_OPENAI_LIST = _object(
    "Names, sorted as they should be shown", ("object", "data"), object={"const": "list"}, data=_list(_LISTED)
)
_ANTHROPIC_LIST = _object(
    "A page of names, for Anthropic's clients", ("data", "has_more"), data=_list(_ANTHROPIC_LISTED), has_more=_FLAG
)
_MODELS: dict[str, Schema] = {
    "Model": {"anyOf": [_LISTED, _ANTHROPIC_LISTED, _GEMINI_LISTED]},
    "ModelList": {"anyOf": [_OPENAI_LIST, _ANTHROPIC_LIST, _GEMINI_LIST]},
    "GeminiModel": _GEMINI_LISTED,
    "GeminiModelList": _GEMINI_LIST,
}


def schemas() -> dict[str, Schema]:
    """Every schema that `surface.py` names, and what is in them, but for the bodies of requests."""
    return {
        **of_structs("Chat", WireCompletion),
        **of_structs("Gemini", WireAnswer),
        **of_structs("Exchange", Usage, Served, Decision, Deliberation, Expected, Vote),
        "Response": _RESPONSE,
        "Deleted": _object(
            "What is gone", ("id", "deleted"), id=_TEXT, object={"const": "response"}, deleted={"const": True}
        ),
        "ItemList": _object(
            "A page",
            ("object", "data", "has_more"),
            object={"const": "list"},
            data=_list(_ANY),
            first_id=_or_null(_TEXT),
            last_id=_or_null(_TEXT),
            has_more=_FLAG,
        ),
        "Message": _MESSAGE,
        "TokenCount": _object("A count", ("input_tokens",), input_tokens=_COUNT),
        **of_structs("Completions", completions.WireCompletion),
        **_EMBEDDED,
        **_MODELS,
        "Decided": _object("An entry of the ledger", _DECIDED, **_DECIDED),
        "FeedbackKept": _object(
            "What was understood",
            ("object", "id", "exchange", "source", "score", "label"),
            object={"const": "entrepot.feedback"},
            id=_TEXT,
            exchange=_TEXT,
            source={"enum": ["program", "user"]},
            score={"type": ["number", "null"], "minimum": 0, "maximum": 1},
            label={"type": ["string", "null"]},
        ),
        "VerdictsKept": _object(
            "How many exchanges a message told of, and how many of its parts told of none",
            ("object", "kept", "passed_over"),
            object={"const": "entrepot.verdicts"},
            kept={"type": "integer", "minimum": 0},
            passed_over={"type": "integer", "minimum": 0},
        ),
        "Live": _object("It lives", ("status",), status={"const": "live"}),
        "Ready": _object(
            "Whether it is ready",
            ("status",),
            status={"enum": ["ready", "degraded"]},
            trouble=_TEXT,
            notes={"type": "array", "items": _TEXT},
            deployments={"type": "object"},
        ),
        "OpenAPI": _object(
            "An OpenAPI 3.1 document", ("openapi", "info", "paths"), openapi=_TEXT, info=_ANY, paths=_ANY
        ),
        "OpenAIError": _object("An error in OpenAI's shape", ("error",), error=_OPENAI_ERROR),
        "AnthropicError": _object(
            "An error in Anthropic's shape", ("type", "error"), type={"const": "error"}, error=_ANTHROPIC_ERROR
        ),
        "GeminiError": _object("An error in Google's shape", ("error",), error=_GEMINI_ERROR),
        "AnyError": {"anyOf": [reference(each) for each in ("OpenAIError", "AnthropicError", "GeminiError")]},
    }
