"""All that can be asked of a gateway over HTTP, as one table: what docs call endpoints, and `openapi.py` makes a document of.

Rules of this file: a row is added with the path it describes, and tests hold both to each other. A status that is not here is
never answered. What a path demands of a body is the struct that its dialect decodes; names there that we do not know pass.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from entrepot.dialects.anthropic_messages import wire as anthropic
from entrepot.dialects.gemini_embed import wire as gemini_embed
from entrepot.dialects.gemini_generate import wire as gemini
from entrepot.dialects.openai_chat import wire as openai
from entrepot.dialects.openai_completions import wire as completions
from entrepot.dialects.openai_embeddings import wire as embeddings
from entrepot.dialects.openai_responses import wire as responses
from entrepot.server.feedback import WireFeedback

Body = tuple[str, type[msgspec.Struct]]
"""A family's name, before the struct's own in the document (three dialects have a `Request`), and the struct."""

READ_STATUSES = (400, 401, 403, 404, 408, 413, 431, 500, 503)
"""What may go wrong with any request that shows a key: with the key, with what is asked for, with sending it, with us."""
CALL_STATUSES = (400, 401, 402, 403, 404, 408, 413, 429, 431, 500, 502, 503, 504)
"""What may go wrong where a model is called."""
COUNT_STATUSES = (400, 401, 403, 404, 408, 413, 431, 500, 503)
"""What may go wrong where a request is read and no model is called."""


class Parameter(msgspec.Struct, frozen=True):
    """Something that stands in a path or after it."""

    name: str
    where: Literal["path", "query"]
    description: str
    values: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True):
    """One method of one path.

    `path` is an OpenAPI template. `errors` names the shape of errors (a schema of `shapes.py`), `statuses` those that come in
    it; `answer` the schema of the whole answer under status 200, empty for one that is no JSON; `also` further answers in shapes
    of their own. `stream` says whether a field of the body makes a stream of the answer, or it always is one.
    """

    method: Literal["get", "post", "delete"]
    path: str
    id: str
    summary: str
    tag: str
    answer: str
    errors: str = "OpenAIError"
    statuses: tuple[int, ...] = ()
    body: Body | None = None
    stream: Literal["", "field", "always"] = ""
    key: bool = True
    steered: bool = False
    parameters: tuple[Parameter, ...] = ()
    also: tuple[tuple[int, str], ...] = ()


_CHAT: Body = ("Chat", openai.WireRequest)
_RESPONSES: Body = ("Responses", responses.WireRequest)
_MESSAGES: Body = ("Messages", anthropic.WireRequest)
_GEMINI: Body = ("Gemini", gemini.WireRequest)
_COMPLETIONS: Body = ("Completions", completions.WireRequest)
_EMBEDDINGS: Body = ("Embeddings", embeddings.WireRequest)
_CONTENT: Body = ("Content", gemini_embed.WireRequest)
_CONTENTS: Body = ("Contents", gemini_embed.WireBatch)
_FEEDBACK: Body = ("Feedback", WireFeedback)
_MODEL = Parameter("model", "path", "A route, a model or a deployment; a slash in its name stands as it is or as %2F.")
_ALT = Parameter("alt", "query", "`sse` for server-sent events; a JSON array where it is absent.", ("sse", "json"))
_RESPONSE_ID = Parameter("id", "path", "A response's id.")
_PAGE = (
    Parameter("limit", "query", "How many, from 1 to 100; 20 where it is absent."),
    Parameter("order", "query", "The last first unless this is `asc`.", ("asc", "desc")),
    Parameter("after", "query", "The id of the item after which the page begins."),
)
_EXCHANGE = Parameter("id", "path", "An exchange's id, from the header x-entrepot-exchange.")


def _gemini(path: str, id_suffix: str, summary: str) -> tuple[Operation, ...]:
    """What is asked of a model under one of the two addresses that Google's clients use."""
    given = {"tag": "Gemini", "answer": "Gemini.Answer", "errors": "GeminiError", "statuses": CALL_STATUSES}
    whole = Operation(
        "post",
        f"{path}/{{model}}:generateContent",
        f"generateContent{id_suffix}",
        summary,
        body=_GEMINI,
        steered=True,
        parameters=(_MODEL,),
        **given,  # type: ignore[arg-type]  # one dict of fields of several kinds
    )
    streamed = msgspec.structs.replace(
        whole,
        path=f"{path}/{{model}}:streamGenerateContent",
        id=f"streamGenerateContent{id_suffix}",
        summary=f"{summary}, as a stream",
        stream="always",
        parameters=(_MODEL, _ALT),
    )
    counted = msgspec.structs.replace(
        whole,
        path=f"{path}/{{model}}:countTokens",
        id=f"countTokens{id_suffix}",
        summary="About how many tokens contents will be read as: an estimate of ours",
        answer="TotalTokens",
        statuses=COUNT_STATUSES,
        body=None,
        steered=False,
    )
    embedded = msgspec.structs.replace(
        whole,
        path=f"{path}/{{model}}:embedContent",
        id=f"embedContent{id_suffix}",
        summary="The embedding of one content as Gemini's API has it",
        answer="ContentEmbedded",
        body=_CONTENT,
    )
    batch = msgspec.structs.replace(
        embedded,
        path=f"{path}/{{model}}:batchEmbedContents",
        id=f"batchEmbedContents{id_suffix}",
        summary="The embeddings of several contents as Gemini's API has it",
        answer="ContentsEmbedded",
        body=_CONTENTS,
    )
    return whole, streamed, counted, embedded, batch


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "post",
        "/v1/chat/completions",
        "createChatCompletion",
        "A chat completion as OpenAI's API has it",
        "OpenAI",
        "Chat.Completion",
        statuses=CALL_STATUSES,
        body=_CHAT,
        stream="field",
        steered=True,
    ),
    Operation(
        "post",
        "/v1/responses",
        "createResponse",
        "A response as OpenAI's API has it",
        "OpenAI",
        "Response",
        statuses=CALL_STATUSES,
        body=_RESPONSES,
        stream="field",
        steered=True,
    ),
    Operation(
        "get",
        "/v1/responses/{id}",
        "getResponse",
        "A response that is kept for this key",
        "OpenAI",
        "Response",
        statuses=READ_STATUSES,
        parameters=(_RESPONSE_ID,),
    ),
    Operation(
        "delete",
        "/v1/responses/{id}",
        "deleteResponse",
        "Forgets a response",
        "OpenAI",
        "Deleted",
        statuses=READ_STATUSES,
        parameters=(_RESPONSE_ID,),
    ),
    Operation(
        "get",
        "/v1/responses/{id}/input_items",
        "listInputItems",
        "What a response answered, in pages",
        "OpenAI",
        "ItemList",
        statuses=READ_STATUSES,
        parameters=(_RESPONSE_ID, *_PAGE),
    ),
    Operation(
        "post",
        "/v1/completions",
        "createCompletion",
        "A legacy completion as OpenAI's API has it",
        "OpenAI",
        "Completions.Completion",
        statuses=CALL_STATUSES,
        body=_COMPLETIONS,
        stream="field",
        steered=True,
    ),
    Operation(
        "post",
        "/v1/embeddings",
        "createEmbedding",
        "Embeddings as OpenAI's API has them",
        "OpenAI",
        "EmbeddingList",
        statuses=CALL_STATUSES,
        body=_EMBEDDINGS,
        steered=True,
    ),
    Operation(
        "post",
        "/v1/messages",
        "createMessage",
        "A message as Anthropic's API has it",
        "Anthropic",
        "Message",
        "AnthropicError",
        CALL_STATUSES,
        _MESSAGES,
        "field",
        steered=True,
    ),
    Operation(
        "post",
        "/v1/messages/count_tokens",
        "countMessageTokens",
        "About how many tokens a message will be read as: an estimate of ours",
        "Anthropic",
        "TokenCount",
        "AnthropicError",
        COUNT_STATUSES,
        _MESSAGES,
    ),
    *_gemini("/v1beta/models", "", "An answer as Gemini's API has it"),
    *_gemini("/v1/models", "V1", "The same where Google's newer clients send it"),
    Operation(
        "get",
        "/v1/models",
        "listModels",
        "The names that this key may ask for: routes first, then models, then deployments",
        "OpenAI",
        "ModelList",
        "AnyError",
        (400, *READ_STATUSES),
    ),
    Operation(
        "get",
        "/v1/models/{model}",
        "getModel",
        "One of them",
        "OpenAI",
        "Model",
        "AnyError",
        READ_STATUSES,
        parameters=(_MODEL,),
    ),
    Operation(
        "get",
        "/v1beta/models",
        "listModelsForGemini",
        "The same, as Gemini's clients read it",
        "Gemini",
        "GeminiModelList",
        "GeminiError",
        (400, *READ_STATUSES),
    ),
    Operation(
        "get",
        "/v1beta/models/{model}",
        "getModelForGemini",
        "One of them",
        "Gemini",
        "GeminiModel",
        "GeminiError",
        READ_STATUSES,
        parameters=(_MODEL,),
    ),
    Operation(
        "get",
        "/v1/decisions/{id}",
        "getDecision",
        "What was decided for an exchange of this key, what it cost, what each attempt did",
        "Entrepôt",
        "Decided",
        statuses=READ_STATUSES,
        parameters=(_EXCHANGE,),
    ),
    Operation(
        "post",
        "/v1/feedback",
        "giveFeedback",
        "A score or a label for an exchange of this key or its team, from the program or from its user",
        "Entrepôt",
        "FeedbackKept",
        statuses=READ_STATUSES,
        body=_FEEDBACK,
    ),
    Operation(
        "post",
        "/v1/verdicts/{name}",
        "tellVerdict",
        "What came of exchanges later, from a webhook that the settings name; signed, without a key",
        "Entrepôt",
        "VerdictsKept",
        statuses=(400, 401, 404, 408, 413, 500, 503),
        key=False,
        parameters=(Parameter("name", "path", "The name of one of [[verdicts]]."),),
    ),
    Operation("get", "/livez", "live", "Whether the process answers at all", "Entrepôt", "Live", key=False),
    Operation(
        "get",
        "/readyz",
        "ready",
        "Whether entries can be written down",
        "Entrepôt",
        "Ready",
        key=False,
        also=((503, "Ready"),),
    ),
    Operation(
        "get",
        "/metrics",
        "readMetrics",
        "What all processes of the installation counted, in the text format of Prometheus",
        "Entrepôt",
        "",
        statuses=(401, 403),
        key=False,
    ),
    Operation("get", "/openapi.json", "describe", "This document", "Entrepôt", "OpenAPI", key=False),
    Operation(
        "get", "/", "greet", "What this is, for people and for programs that only knock", "Entrepôt", "", key=False
    ),
)
