"""Sources that an answer names, and the likelihood of its tokens, between the wire's words and those that dialects share.

The shared words are in canonical/request.py (SHARED_EXTRA). The wire counts places in bytes of UTF-8, the shared form in
characters.
"""

from __future__ import annotations

from typing import Any


def citations_of(extra: dict[str, Any], text: str | None) -> list[dict[str, Any]]:
    """Citations in a candidate's `groundingMetadata` and `citationMetadata`. Places are given where `text` is known."""
    grounding, cited = extra.get("groundingMetadata"), extra.get("citationMetadata")
    found = _grounded(grounding, text) if isinstance(grounding, dict) else []
    if isinstance(cited, dict):
        sources = cited.get("citationSources") or cited.get("citations") or ()
        found.extend(_citation(each, each, None, text) for each in sources if isinstance(each, dict))
    return found


def _grounded(grounding: dict[str, Any], text: str | None) -> list[dict[str, Any]]:
    chunks = [each if isinstance(each, dict) else {} for each in grounding.get("groundingChunks") or ()]
    found: list[dict[str, Any]] = []
    for support in grounding.get("groundingSupports") or ():
        segment = support.get("segment") if isinstance(support, dict) else None
        for position in (support.get("groundingChunkIndices") or ()) if isinstance(support, dict) else ():
            if isinstance(position, int) and 0 <= position < len(chunks):
                found.append(_citation(_source(chunks[position]), segment or {}, chunks[position], text))
    return found or [_citation(_source(chunk), {}, chunk, None) for chunk in chunks]


def _source(chunk: dict[str, Any]) -> dict[str, Any]:
    named = next((value for value in chunk.values() if isinstance(value, dict)), {})
    return named


def _citation(
    source: dict[str, Any], segment: dict[str, Any], raw: dict[str, Any] | None, text: str | None
) -> dict[str, Any]:
    citation: dict[str, Any] = {name: source[field] for name, field in _NAMES if isinstance(source.get(field), str)}
    if isinstance(segment.get("text"), str):
        citation["cited_text"] = segment["text"]
    end = segment.get("endIndex")
    if text is not None and isinstance(end, int):
        start = segment.get("startIndex")
        encoded = text.encode("utf-8", "surrogatepass")
        citation["start"] = _characters(encoded, start if isinstance(start, int) else 0)
        citation["end"] = _characters(encoded, end)
    return {**citation, "raw": raw if raw is not None else source}


_NAMES = (("url", "uri"), ("title", "title"))


def _characters(encoded: bytes, count: int) -> int:
    return len(encoded[: max(0, count)].decode("utf-8", "ignore"))


def shared_citations(extra: dict[str, Any], offset: int) -> list[dict[str, Any]]:
    """The citations that a text's `extra` shares, with places `offset` characters further on."""
    given = extra.get("citations")
    found = []
    for cited in given if isinstance(given, list) else ():
        if isinstance(cited, dict):
            places = {name: offset + cited[name] for name in ("start", "end") if isinstance(cited.get(name), int)}
            found.append({**cited, **places})
    return found


def grounding_of(citations: list[dict[str, Any]], text: str) -> dict[str, Any]:
    """The wire's `groundingMetadata` for citations of another dialect's answer; those without an address are left out."""
    addresses: dict[str, int] = {}
    chunks: list[dict[str, Any]] = []
    supports: list[dict[str, Any]] = []
    for cited in citations:
        url = cited.get("url")
        if not isinstance(url, str):
            continue
        if url not in addresses:
            addresses[url] = len(chunks)
            chunks.append({"web": {"uri": url, **({"title": cited["title"]} if cited.get("title") else {})}})
        start, end = cited.get("start"), cited.get("end")
        if isinstance(start, int) and isinstance(end, int):
            segment = {
                "startIndex": len(text[:start].encode()),
                "endIndex": len(text[:end].encode()),
                "text": text[start:end],
            }
            supports.append({"segment": segment, "groundingChunkIndices": [addresses[url]]})
    if not chunks:
        return {}
    return {"groundingChunks": chunks, **({"groundingSupports": supports} if supports else {})}


def logprobs_of(result: dict[str, Any]) -> dict[str, Any]:
    """A candidate's `logprobsResult` as OpenAI chat's object."""
    tops = result.get("topCandidates") or []
    content = []
    for i, chosen in enumerate(result.get("chosenCandidates") or ()):
        others = (tops[i].get("candidates") or ()) if i < len(tops) else ()
        content.append({**_likely(chosen), "top_logprobs": [_likely(other) for other in others]})
    return {"content": content, "refusal": None}


def _likely(candidate: dict[str, Any]) -> dict[str, Any]:
    token = str(candidate.get("token") or "")
    return {"token": token, "logprob": candidate.get("logProbability", 0.0), "bytes": list(token.encode())}


def logprobs_result(logprobs: dict[str, Any]) -> dict[str, Any]:
    """OpenAI chat's object as a candidate's `logprobsResult`."""
    content = [each for each in logprobs.get("content") or () if isinstance(each, dict)]
    return {
        "chosenCandidates": [_candidate(each) for each in content],
        "topCandidates": [
            {"candidates": [_candidate(other) for other in each.get("top_logprobs") or ()]} for each in content
        ],
    }


def _candidate(likely: dict[str, Any]) -> dict[str, Any]:
    return {"token": likely.get("token", ""), "logProbability": likely.get("logprob", 0.0)}
