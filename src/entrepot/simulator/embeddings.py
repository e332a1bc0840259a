"""Embeddings of stand-in models, on the wires that providers have for them.

Rules of this file: written from the wire, not from `dialects`. A vector is made of its text alone: each word (each character of
Chinese) pulls it in a direction that a hash of model and word gives, so texts that share words are near each other, other models'
vectors lie elsewhere, and the same text has the same vector in every process. Vectors have length 1. The wires are strict where
providers are: OpenAI's refuses empty input, Gemini's a batch that names another model than its address, Ollama's a text over its
model's context unless it may cut it off.

Sources: OpenAI API reference, Embeddings; Gemini API reference, `models.embedContent`, `models.batchEmbedContents`; Vertex AI
reference, text embeddings `predict`; Ollama docs/api.md, "Generate Embeddings".
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from typing import Any, Literal

import msgspec

from entrepot.simulator.heard import WireError
from entrepot.simulator.tokens import count_tokens, split_tokens

Shape = Literal["openai", "content", "batch", "predict", "ollama"]
_ADDRESS = re.compile(r"/models/(?P<model>[^:]+):(?P<action>embedContent|batchEmbedContents|predict)\Z")
_SHAPES: dict[str, Shape] = {"embedContent": "content", "batchEmbedContents": "batch", "predict": "predict"}
_OLLAMA_CONTEXT_TOKENS = 2048


class EmbeddingAsk(msgspec.Struct, frozen=True):
    """What is asked: texts (or token ids, for OpenAI's wire) of which each becomes a vector."""

    shape: Shape
    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    packed: bool = False
    tasks: tuple[str | None, ...] = ()

    @property
    def tokens(self) -> int:
        """How many tokens the inputs are."""
        return sum(_count(each) for each in self.inputs)


def hear_embeddings(path: str, body: bytes) -> EmbeddingAsk | None:
    """What a request to this path asks; None if it is none for embeddings. Raises WireError as the provider would refuse it."""
    found = _ADDRESS.search(path)
    if found is None and not path.endswith(("/embeddings", "/api/embed")):
        return None
    try:
        asked = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise WireError(400, "The body is not valid JSON.") from None
    if not isinstance(asked, dict):
        raise WireError(400, "The body is not an object.")
    if found is not None:
        return _hear_google(_SHAPES[found["action"]], found["model"], asked)
    return _hear_openai(asked) if path.endswith("/embeddings") else _hear_ollama(asked)


def vector_of(model: str, given: str | tuple[int, ...], dimensions: int) -> list[float]:
    """The vector of one input, in numbers that 32 bits hold exactly."""
    words = split_tokens(given.casefold()) if isinstance(given, str) else [str(each) for each in given]
    total = [0.0] * dimensions
    for word in words or [""]:
        for index, pull in enumerate(_direction(f"{model}|{word.strip()}", dimensions)):
            total[index] += pull
    length = math.sqrt(sum(each * each for each in total)) or 1.0
    return list(struct.unpack(f"<{dimensions}f", struct.pack(f"<{dimensions}f", *(each / length for each in total))))


def render_embeddings(ask: EmbeddingAsk, dimensions: int) -> bytes:
    """The answer of a model whose vectors are `dimensions` long, unless fewer are asked for."""
    vectors = [vector_of(ask.model, each, min(ask.dimensions or dimensions, dimensions)) for each in ask.inputs]
    return msgspec.json.encode(_RENDERS[ask.shape](ask, vectors))


def _hear_openai(asked: dict[str, Any]) -> EmbeddingAsk:
    given = asked.get("input")
    if isinstance(given, str) or (isinstance(given, list) and given and isinstance(given[0], int)):
        given = [given]
    if not isinstance(given, list) or not given or any(each in ("", []) for each in given):
        raise WireError(400, "Invalid 'input': input cannot be an empty string.", param="input")
    if not all(isinstance(each, str) or (isinstance(each, list) and all(map(_is_id, each))) for each in given):
        raise WireError(400, "Invalid 'input': expected strings or arrays of token ids.", param="input")
    encoding = asked.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise WireError(400, f"Invalid value for 'encoding_format': {encoding!r}.", param="encoding_format")
    inputs = tuple(each if isinstance(each, str) else tuple(each) for each in given)
    return EmbeddingAsk("openai", str(asked.get("model")), inputs, asked.get("dimensions"), encoding == "base64")


def _hear_google(shape: Shape, model: str, asked: dict[str, Any]) -> EmbeddingAsk:
    if shape == "predict":
        instances = asked.get("instances") or []
        parameters = asked.get("parameters") or {}
        texts = tuple(each["content"] for each in instances)
        tasks = tuple(each.get("task_type") for each in instances)
        return EmbeddingAsk(shape, model, texts, parameters.get("outputDimensionality"), tasks=tasks)
    requests = asked.get("requests") or [] if shape == "batch" else [asked]
    if not requests:
        raise WireError(400, "BatchEmbedContentsRequest.requests: non-empty value is required")
    for each in requests:
        if each.get("model", "" if shape == "batch" else f"models/{model}") != f"models/{model}":
            raise WireError(400, "model in request must match the model in the URL.")
    texts = tuple(" ".join(part.get("text", "") for part in each["content"]["parts"]) for each in requests)
    tasks = tuple(each.get("taskType") for each in requests)
    return EmbeddingAsk(shape, model, texts, requests[0].get("outputDimensionality"), tasks=tasks)


def _hear_ollama(asked: dict[str, Any]) -> EmbeddingAsk:
    given = asked.get("input")
    texts = tuple(given) if isinstance(given, list) else (str(given),)
    if not asked.get("truncate", True) and any(count_tokens(each) > _OLLAMA_CONTEXT_TOKENS for each in texts):
        raise WireError(400, "the input length exceeds the context length")
    return EmbeddingAsk("ollama", str(asked.get("model")), texts, asked.get("dimensions"))


def _render_openai(ask: EmbeddingAsk, vectors: list[list[float]]) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": index, "embedding": _pack(vector) if ask.packed else vector}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": ask.tokens, "total_tokens": ask.tokens}
    return {"object": "list", "data": data, "model": ask.model, "usage": usage}


def _render_content(ask: EmbeddingAsk, vectors: list[list[float]]) -> dict[str, Any]:
    return {"embedding": {"values": vectors[0]}, "usageMetadata": {"promptTokenCount": ask.tokens}}


def _render_batch(_ask: EmbeddingAsk, vectors: list[list[float]]) -> dict[str, Any]:
    return {"embeddings": [{"values": each} for each in vectors]}  # as the older models do: without a count


def _render_predict(ask: EmbeddingAsk, vectors: list[list[float]]) -> dict[str, Any]:
    statistics = [{"truncated": False, "token_count": _count(each)} for each in ask.inputs]
    predictions = [
        {"embeddings": {"values": vector, "statistics": counted}}
        for vector, counted in zip(vectors, statistics, strict=True)
    ]
    return {"predictions": predictions, "metadata": {"billableCharacterCount": sum(map(len, ask.inputs))}}


def _render_ollama(ask: EmbeddingAsk, vectors: list[list[float]]) -> dict[str, Any]:
    durations = {"total_duration": 14_143_917, "load_duration": 1_019_500}
    return {"model": ask.model, "embeddings": vectors, **durations, "prompt_eval_count": ask.tokens}


_RENDERS = {
    "openai": _render_openai,
    "content": _render_content,
    "batch": _render_batch,
    "predict": _render_predict,
    "ollama": _render_ollama,
}


def _count(given: str | tuple[int, ...]) -> int:
    return count_tokens(given) if isinstance(given, str) else len(given)


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _pack(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _direction(word: str, dimensions: int) -> list[float]:
    """As many numbers between -1 and 1, the same for the same word."""
    seed = hashlib.shake_128(word.encode()).digest(2 * dimensions)
    return [each / 32768 for each in struct.unpack(f"<{dimensions}h", seed)]
