from pathlib import Path

import pytest

from entrepot.errors import DataError
from entrepot.simulator.heard import WireError
from entrepot.simulator.judge import judge
from entrepot.simulator.replay import Recording, Replayer, load_recording


@pytest.fixture(scope="module")
def zeroeval(outcomes_dir: Path) -> Recording:
    return load_recording(outcomes_dir, "zeroeval")


@pytest.fixture(scope="module")
def mmlupro(outcomes_dir: Path) -> Recording:
    return load_recording(outcomes_dir, "mmlupro")


def test_a_recorded_text_is_repeated_with_its_recorded_counts(zeroeval: Recording) -> None:
    model = "deepseek-v2.5-0908"
    replayer = Replayer(zeroeval, model)
    for prompt in list(zeroeval.prompts.values())[::97]:
        recorded = zeroeval.answers[prompt.id][model]
        thought = replayer.think(prompt.text, 0)
        assert thought.text == recorded.text
        assert (thought.input_tokens, thought.output_tokens) == (recorded.input_tokens, recorded.output_tokens)


def test_the_judge_agrees_with_the_record_on_every_text_but_a_few(zeroeval: Recording) -> None:
    judged = [
        (judge(prompt.benchmark, prompt.answer_key, recorded.text), recorded.correct)
        for prompt in zeroeval.prompts.values()
        for recorded in zeroeval.answers[prompt.id].values()
        if recorded.text is not None
    ]
    assert len(judged) == 25086
    disagreed = sum(ours != theirs for ours, theirs in judged)
    assert disagreed / len(judged) < 0.001


def test_a_letter_without_text_is_replayed_so_that_the_judge_finds_it(mmlupro: Recording) -> None:
    replayer = Replayer(mmlupro, "llama-3.1-70b")
    agreed = []
    for prompt in list(mmlupro.prompts.values())[::11]:
        recorded = mmlupro.answers[prompt.id].get("llama-3.1-70b")
        if recorded is not None:
            text = replayer.think(prompt.text, 0).text
            agreed.append(judge(prompt.benchmark, prompt.answer_key, text) == recorded.correct)
    assert len(agreed) > 400
    assert sum(agreed) / len(agreed) >= 0.99


def test_a_prompt_that_was_not_recorded_is_an_error_not_a_wrong_answer(zeroeval: Recording) -> None:
    with pytest.raises(WireError) as caught:
        Replayer(zeroeval, "gpt-4o-2024-08-06").think("什么是转口港？", 0)
    assert (caught.value.status, caught.value.code) == (404, "not_recorded")


def test_a_model_that_was_not_recorded_is_refused(zeroeval: Recording) -> None:
    with pytest.raises(DataError, match="gpt-99"):
        Replayer(zeroeval, "gpt-99")


def test_a_folder_without_outcomes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"_prompts\.parquet"):
        load_recording(tmp_path)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x_prompts.parquet").write_text("no")
    with pytest.raises(DataError, match="x_prompts"):
        load_recording(tmp_path)
