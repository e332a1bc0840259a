from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest

from entrepot.errors import ArtifactError
from entrepot.routing.artifact import (
    Artifact,
    Provenance,
    default_artifact_path,
    load_artifact,
    parse_artifact,
    render_artifact,
)
from entrepot.routing.base import ModelFacts, Prompt
from entrepot.routing.checks import PROMPTS, STRONG, UNSEEN, WEAK, made_up_outcomes
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.votes import SHIPPED_VOTES, Habits, VoteModel

PROVENANCE = Provenance(
    window="2024-07..2024-11", sources=("made up",), prompts=60, outcomes=123, fitted_on="2026-11-22"
)


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    router = EnsembleRouter(rank=30, folds=2, aliases={"strong-1": STRONG}).fit(made_up_outcomes())
    return Artifact(router.fitted_, PROVENANCE)


@pytest.fixture(scope="module")
def content(artifact: Artifact) -> bytes:
    return render_artifact(artifact)


def test_what_is_read_estimates_as_what_was_written(artifact: Artifact, content: bytes) -> None:
    read = parse_artifact(content, "a test")
    assert read.provenance == PROVENANCE
    for text in PROMPTS.values():
        before, after = (
            a.router().bind((STRONG, WEAK, UNSEEN), {}).predict(Prompt(text, 50)) for a in (artifact, read)
        )
        assert after.p_correct == pytest.approx(before.p_correct, abs=1e-3)
        assert after.output_tokens == pytest.approx(before.output_tokens, rel=1e-2)
        assert after.basis == before.basis


def test_a_model_that_came_after_the_fit_is_kept_with_what_was_learned_of_it() -> None:
    router = EnsembleRouter(rank=30, folds=2).fit(made_up_outcomes())
    router.place({"later": ModelFacts({"gpqa": 0.9}, reasoning=True)})
    read = parse_artifact(render_artifact(Artifact(router.fitted_, PROVENANCE)), "a test").router()
    prompt = Prompt("what is the sum?", 9)
    kept, made = (one.bind(("later", WEAK), {}).predict(prompt) for one in (read, router))
    assert kept.p_correct == pytest.approx(made.p_correct, abs=1e-3)
    assert kept.basis == ("outcomes", "outcomes")


def test_how_votes_are_weighed_is_kept_where_it_was_learned(artifact: Artifact, content: bytes) -> None:
    assert parse_artifact(content, "a test").votes is SHIPPED_VOTES
    learned = VoteModel({"text": Habits(1.0, 0.5, 2.0, 3.0)}, (0.9, -0.1), "发票")
    kept = render_artifact(msgspec.structs.replace(artifact, votes=learned))
    assert parse_artifact(kept, "a test").votes == learned


def test_the_same_fit_gives_the_same_bytes(artifact: Artifact, content: bytes) -> None:
    assert render_artifact(artifact) == content


def test_reading_and_writing_again_changes_nothing(content: bytes) -> None:
    assert render_artifact(parse_artifact(content, "a test")) == content


def test_the_version_names_estimator_day_and_digest(content: bytes) -> None:
    read = parse_artifact(content, "a test")
    assert read.digest == content[-32:].hex()
    assert read.router().version == f"ensemble/2026-11-22/{read.digest[:12]}"


@pytest.mark.parametrize("at", [0, 20, 200, -40, -1])
def test_a_flipped_byte_is_found(content: bytes, at: int) -> None:
    spoiled = bytearray(content)
    spoiled[at] ^= 0x40
    with pytest.raises(ArtifactError, match=r"damaged|not a router's file"):
        parse_artifact(bytes(spoiled), "a test")


@pytest.mark.parametrize("length", [0, 5, 16, 40, 1000])
def test_a_file_cut_short_is_found(content: bytes, length: int) -> None:
    with pytest.raises(ArtifactError, match=r"damaged|not a router's file"):
        parse_artifact(content[:length], "a test")


def resigned(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()


def test_another_format_says_which_and_what_to_do(content: bytes) -> None:
    header = msgspec.msgpack.encode({"format": 99})
    other = resigned(b"entrepot router\n" + len(header).to_bytes(8, "big") + header)
    with pytest.raises(ArtifactError, match="has format 99, this program reads 4: train it again"):
        parse_artifact(other, "a test")


@pytest.mark.parametrize("body", [b"", b"not deflated"])
def test_a_well_signed_file_of_another_shape_is_refused(content: bytes, body: bytes) -> None:
    end = 24 + int.from_bytes(content[16:24], "big")
    with pytest.raises(ArtifactError, match="written by another version"):
        parse_artifact(resigned(content[:end] + body), "a test")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"absent\.router cannot be read: No such file"):
        load_artifact(tmp_path / "absent.router")


FRONTIER, OPEN, SMALL = "frontier", "open", "small"
NEW = {
    FRONTIER: ModelFacts({"gpqa-diamond": 0.93}),
    OPEN: ModelFacts({"gpqa-diamond": 0.80}),
    SMALL: ModelFacts({"gpqa-diamond": 0.45}),
}
ASKED = ("What is 12 plus 30?", "请证明素数有无穷多个。", "Write a haiku about ports.", "Summarize this contract: …")


def test_the_router_that_ships_is_small_and_says_where_it_comes_from() -> None:
    shipped = load_artifact(default_artifact_path())
    assert default_artifact_path().stat().st_size < 4_000_000
    assert shipped.provenance.outcomes > 100_000
    assert shipped.provenance.prompts > 7_000
    assert shipped.digest[:12] in shipped.router().version
    said = (default_artifact_path().parent / "README.md").read_text(encoding="utf-8")
    assert shipped.digest[:12] in said
    assert "Apache-2.0" in said


@pytest.mark.parametrize("text", ASKED)
def test_the_router_that_ships_places_models_it_never_saw_by_their_scores(text: str) -> None:
    bound = load_artifact(default_artifact_path()).router().bind(tuple(NEW), NEW)
    estimates = bound.predict(Prompt(text, 20))
    assert estimates.basis == ("scores",) * 3
    assert estimates.p_correct[0] > estimates.p_correct[1] > estimates.p_correct[2]
    assert (estimates.p_correct < 1).all()
    assert (estimates.p_error > 0).all()


def test_the_router_that_ships_finds_small_sums_easier_than_olympiad_problems() -> None:
    bound = load_artifact(default_artifact_path()).router().bind(("llama-3.1-8b",), {})
    easy = "Tom has 3 boxes with 12 pencils each. He gives away 5 pencils. How many pencils does he have left?"
    hard = r"Let $p$ be a prime and $f(x)=\sum_{k=0}^{p} \binom{p}{k} x^{k^2}$. Find the number of roots modulo $p^3$."
    p_easy, p_hard = (float(bound.predict(Prompt(text, 30)).p_correct[0]) for text in (easy, hard))
    assert p_easy > p_hard + 0.1


def test_nothing_in_the_file_is_code(content: bytes) -> None:
    assert b"numpy" not in content
    assert np.dtype("<f2").str.encode() in content


def test_the_router_that_ships_is_a_prior_and_keeps_no_outcomes_to_promise_on() -> None:
    sample = load_artifact(default_artifact_path()).sample
    assert sample is None or sample.quality.shape[1] == 0
