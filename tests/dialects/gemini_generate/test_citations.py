from __future__ import annotations

from typing import Any

from entrepot.dialects.gemini_generate.citations import (
    citations_of,
    grounding_of,
    logprobs_of,
    logprobs_result,
    shared_citations,
)

TEXT = "今天晴。"


def test_places_in_bytes_become_places_in_characters_and_back() -> None:
    cited = {"url": "https://h", "title": "题", "start": 2, "end": 3}
    grounding = grounding_of([cited], TEXT)
    assert grounding["groundingSupports"][0]["segment"] == {"startIndex": 6, "endIndex": 9, "text": "晴"}
    (again,) = citations_of({"groundingMetadata": grounding}, TEXT)
    assert {name: again[name] for name in cited} == cited


def test_sources_without_a_place_are_cited_without_one() -> None:
    chunk = {"retrievedContext": {"title": "手册", "text": "…"}}
    assert citations_of({"groundingMetadata": {"groundingChunks": [chunk]}}, TEXT) == [{"title": "手册", "raw": chunk}]


def test_places_are_left_out_where_the_text_is_not_known() -> None:
    source = {"uri": "https://h", "endIndex": 3}
    assert citations_of({"citationMetadata": {"citationSources": [source]}}, None) == [
        {"url": "https://h", "raw": source}
    ]
    (placed,) = citations_of({"citationMetadata": {"citations": [source]}}, TEXT)
    assert (placed["start"], placed["end"]) == (0, 1)


def test_malformed_metadata_says_nothing() -> None:
    odd: list[Any] = [7, None, {"groundingChunkIndices": [9, "x"]}, {"segment": {}}]
    assert citations_of({"groundingMetadata": {"groundingSupports": odd, "groundingChunks": []}}, TEXT) == []
    assert citations_of({"groundingMetadata": 7, "citationMetadata": []}, TEXT) == []
    assert shared_citations({"citations": [7, "x"]}, 0) == shared_citations({"citations": 7}, 0) == []


def test_a_source_cited_twice_is_one_source() -> None:
    cited: list[dict[str, Any]] = [
        {"url": "https://h", "start": 0, "end": 1},
        {"url": "https://h", "start": 2, "end": 3},
        {"title": "x"},
    ]
    grounding = grounding_of(cited, TEXT)
    assert len(grounding["groundingChunks"]) == 1
    assert [each["groundingChunkIndices"] for each in grounding["groundingSupports"]] == [[0], [0]]
    assert grounding_of([{"title": "x"}], TEXT) == {}


def test_likelihoods_survive_there_and_back() -> None:
    result = {
        "chosenCandidates": [{"token": "晴", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "雨", "logProbability": -1.5}]}],
    }
    assert logprobs_result(logprobs_of(result)) == result
