import pytest

from entrepot.simulator.contest import Entrant, always, at_random, best_and_cheapest, entrant_of, stated_nano_usd
from entrepot.simulator.replay import RecordedPrompt
from entrepot.simulator.workload import Got

PROMPTS = [RecordedPrompt(str(number), "gsm", "", f"{number}?", str(number)) for number in range(40)]


def got(answer: str, model: str, cost: str | None = "0.000002500") -> Got:
    headers = {"x-entrepot-model": model} | ({} if cost is None else {"x-entrepot-cost-usd": cost})
    return Got("id", "auto", 200, f'{{"answer": "{answer}"}}', headers, 1.0, whole=True)


def single(name: str, wrong: int, cost: str = "0.000002500") -> Entrant:
    answers = [got("x" if at < wrong else prompt.id, name, cost) for at, prompt in enumerate(PROMPTS)]
    return entrant_of(name, "", PROMPTS, answers)


def test_an_entrant_is_judged_by_its_texts_and_costs_what_the_headers_say() -> None:
    entrant = single("m", wrong=10)
    assert sum(entrant.quality.right) == 30
    assert entrant.cost_nano_usd == 40 * 2_500
    assert entrant.largest_share == 1.0


def test_an_answer_without_a_cost_is_counted_and_not_free() -> None:
    entrant = entrant_of("m", "", PROMPTS[:2], [got("0", "m", None), got("1", "m", "unknown")])
    assert entrant.unpriced == 2


def test_always_is_the_single_models_own_answers() -> None:
    entrant = always("always-best", single("m", 3))
    assert (entrant.name, sum(entrant.quality.right), entrant.sent) == ("always-best", 37, False)


def test_a_lot_takes_each_answer_whole_from_the_model_it_draws() -> None:
    cheap, dear = single("cheap", 40, "0.000000001"), single("dear", 0, "0.000000100")
    entrant = at_random([cheap, dear], seed=1)
    assert entrant == at_random([cheap, dear], seed=1)
    assert entrant.models != at_random([cheap, dear], seed=2).models
    assert set(entrant.models) == {"cheap", "dear"}
    assert entrant.nano_usd == tuple(1 if model == "cheap" else 100 for model in entrant.models)
    assert entrant.quality.right == tuple(model == "dear" for model in entrant.models)


def test_only_what_was_sent_was_paid_for() -> None:
    one = single("m", 0)
    assert stated_nano_usd([one, always("always-best", one)]) == one.cost_nano_usd


def test_the_best_is_the_cheaper_of_equals() -> None:
    assert best_and_cheapest({"a": 0.9, "b": 0.9, "c": 0.1}, {"a": 3.0, "b": 2.0, "c": 1.0}) == ("b", "c")


def test_the_largest_share_is_that_of_the_model_which_answered_most() -> None:
    entrant = entrant_of("auto", "0.02", PROMPTS[:4], [got("0", model) for model in "aaab"])
    assert entrant.largest_share == pytest.approx(0.75)
