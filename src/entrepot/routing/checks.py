"""`check_router`: what every router must keep, ours and other people's alike.

Call it in a test with a function that makes an unfitted router. It fits small made-up outcomes and raises AssertionError
with a sentence that says what does not hold. It asks nothing about how good the estimates are, except in `check_learns`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from entrepot.routing.base import BoundRouter, Estimates, ModelFacts, Outcomes, Prompt, Router

MakeRouter = Callable[[], Router]

STRONG, WEAK, SPARSE = "maker/strong", "maker/weak", "maker/sparse"
UNSEEN = "maker/unseen"
_EASY = "What is {a} plus {b}? Answer with the number."
_HARD = (
    "Prove that the {a}-th cohomology group of this manifold with {b} punctures vanishes, and give a counterexample."
)

PROMPTS = {
    "English": "Summarize the attached minutes in three bullet points.",
    "Chinese": "请把下面的会议纪要总结成三点，并用中文回答。预算是多少？",
    "Japanese": "次の議事録を三つの要点にまとめてください。カタカナもあります。",
    "Arabic": "لخص محضر الاجتماع التالي في ثلاث نقاط.",
    "Russian": "Составьте краткое изложение протокола в трёх пунктах.",
    "code": "def f(x):\n    return x ** 2\nassert f(3) == ??",
    "empty": "",
    "one letter": "a",
    "a lone surrogate": "text \ud800 text",
    "emoji": "🚀" * 50,
    "only spaces": " \n\t " * 40,
}


def check_router(make_router: MakeRouter) -> None:
    """Every check below."""
    for check in (
        check_bounds,
        check_determinism,
        check_missing_is_missing,
        check_unseen_models,
        check_other_names,
        check_model_order,
        check_long_prompts,
        check_takes_more,
    ):
        check(make_router)


def check_bounds(make_router: MakeRouter) -> None:
    """Estimates are finite and in range, in the order of the models, for text of any script and for none."""
    bound = _bound(make_router, (STRONG, WEAK, SPARSE, UNSEEN))
    for name, text in PROMPTS.items():
        for turns, extras in ((1, False), (40, True)):
            prompt = Prompt(text, len(text) // 3, turns, has_tools=extras, has_images=extras, wants_json=extras)
            _check_estimates(bound, bound.predict(prompt), f"the prompt '{name}'")


def check_determinism(make_router: MakeRouter) -> None:
    """The same outcomes give the same estimates, in whatever order the prompts are asked."""
    prompts = [Prompt(text, 10) for text in PROMPTS.values()]
    first, second = (_bound(make_router, (STRONG, WEAK, UNSEEN)) for _ in range(2))
    forth = [first.predict(prompt) for prompt in prompts]
    back = [second.predict(prompt) for prompt in reversed(prompts)][::-1]
    for one, other in zip(forth, back, strict=True):
        _same(one.p_correct, other.p_correct, "two fits on the same outcomes differ in P(correct)")
        _same(one.output_tokens, other.output_tokens, "two fits on the same outcomes differ in length")


def check_missing_is_missing(make_router: MakeRouter) -> None:
    """A model that answered few prompts, all rightly, is not held to have failed on the others."""
    outcomes = made_up_outcomes()
    estimates = make_router().fit(outcomes).bind((WEAK, SPARSE), {}).predict(outcomes.prompts[1])
    weak, sparse = (float(p) for p in estimates.p_correct)
    record = float(outcomes.correct[outcomes.model == outcomes.models.index(SPARSE)].mean())
    _require(record == 1, "the made-up outcomes are not as this check needs them")
    # made-up numbers cannot say where it belongs, but counting what is missing as wrong would put it at a tenth
    _require(
        sparse > 0.25 or sparse >= weak,
        f"{SPARSE}, never wrong, is estimated at {sparse:.2f}: is missing counted as wrong?",
    )


def check_unseen_models(make_router: MakeRouter) -> None:
    """A model without outcomes gets an estimate that says it rests on scores or on a prior, and is less sure of itself."""
    facts = {UNSEEN: ModelFacts(scores={"gpqa-diamond": 0.5})}
    for given in ({}, facts):
        estimates = make_router().fit(made_up_outcomes()).bind((STRONG, UNSEEN), given).predict(Prompt("Why?", 3))
        _require(estimates.basis[0] == "outcomes", "a model with outcomes does not rest on them")
        _require(estimates.basis[1] in {"scores", "prior"}, "a model without outcomes claims to have some")


def check_other_names(make_router: MakeRouter) -> None:
    """A model that was trained on under one of its other names is found by it."""
    facts = {"strong-2024": ModelFacts(scores={}, names=(STRONG,))}
    bound = make_router().fit(made_up_outcomes()).bind((STRONG, "strong-2024"), facts)
    estimates = bound.predict(Prompt("Why?", 3))
    _require(estimates.basis[1] == "outcomes", "a model is not found by its other name")


def check_model_order(make_router: MakeRouter) -> None:
    """A model's estimate does not depend on its place among the candidates, nor on which others there are."""
    models = (STRONG, WEAK, SPARSE, UNSEEN)
    router = make_router().fit(made_up_outcomes())
    prompt = Prompt(PROMPTS["Chinese"], 20)
    forth = router.bind(models, {}).predict(prompt)
    back = router.bind(models[::-1], {}).predict(prompt)
    alone = router.bind(models[1:2], {}).predict(prompt)
    _same(forth.p_correct, back.p_correct[::-1], "P(correct) depends on the order of the models")
    _same(forth.output_tokens, back.output_tokens[::-1], "expected length depends on the order of the models")
    _same(forth.p_correct[1:2], alone.p_correct, "P(correct) depends on which other models there are")


def check_long_prompts(make_router: MakeRouter) -> None:
    """A megabyte is looked at in part: what is far from both ends changes nothing."""
    bound = _bound(make_router, (STRONG, WEAK))
    filler = "lorem ipsum dolor sit amet " * 20_000
    one, other = (
        bound.predict(Prompt(f"{filler}{middle}{filler}", 250_000)) for middle in ("first middle", "another centre")
    )
    _check_estimates(bound, one, "a prompt of a megabyte")
    _same(one.p_correct, other.p_correct, "the whole of a prompt of a megabyte was read")


def check_takes_more(make_router: MakeRouter) -> None:
    """A few more outcomes are taken in after the fit, those of models never seen too, and leave what is bound alone."""
    outcomes = made_up_outcomes()
    router = make_router().fit(outcomes)
    prompt = outcomes.prompts[1]
    bound = router.bind((STRONG, WEAK, UNSEEN), {})
    before = bound.predict(prompt)
    wrong = Outcomes(
        prompts=(prompt,) * 20,
        models=(STRONG, UNSEEN),
        prompt=np.repeat(np.arange(20, dtype=np.int32), 2),
        model=np.tile(np.array([0, 1], np.int32), 20),
        correct=np.tile(np.array([0, 1], np.float32), 20),
        output_tokens=np.full(40, 30, np.float32),
        weight=np.ones(40, np.float32),
    )
    after = router.partial_fit(wrong).bind((STRONG, WEAK, UNSEEN), {}).predict(prompt)
    _check_estimates(bound, after, "a prompt after more outcomes")
    _require(after.p_correct[0] <= before.p_correct[0], "twenty wrong answers raised a model's estimate")
    # a router that keeps no records of single models that are new lets them follow the others, and no further
    moved = after.p_correct - before.p_correct
    _require(bool(moved[2] >= moved[0] - 1e-6), "a new model's twenty right answers did less for it than wrong ones")


def check_learns(make_router: MakeRouter) -> None:
    """For routers that learn from the prompt: the model that is always right is preferred, and hard prompts are told apart."""
    outcomes = made_up_outcomes()
    bound = make_router().fit(outcomes).bind((STRONG, WEAK), {})
    easy = bound.predict(Prompt(_EASY.format(a=401, b=77), 12)).p_correct
    hard = bound.predict(Prompt(_HARD.format(a=401, b=77), 25)).p_correct
    _require(easy[0] > hard[0] - 0.05, "a prompt of a kind that all solve is not held to be easier")
    _require(easy[1] > hard[1], "a prompt of a kind that the weak model fails is not held to be harder for it")
    _require(hard[0] > hard[1], "the model that solves what the other fails is not preferred")


def made_up_outcomes(prompts: int = 60, seed: int = 7) -> Outcomes:
    """Easy and hard prompts in turn: the strong model solves both, the weak one the easy ones, the sparse is asked thrice."""
    chance = np.random.default_rng(seed)
    texts = [
        (_HARD if number % 2 else _EASY).format(a=chance.integers(1, 999), b=chance.integers(1, 999))
        for number in range(prompts)
    ]
    rows: list[tuple[int, int, float, float]] = []
    for number in range(prompts):
        hard = number % 2
        tokens = 400.0 if hard else 20.0
        rows.append((number, 0, float(chance.random() < 0.97), tokens))
        rows.append((number, 1, float(chance.random() < (0.1 if hard else 0.95)), tokens / 2))
        if number % (prompts // 3) == 1:
            rows.append((number, 2, 1.0, -1.0))
    columns = np.array(rows)
    return Outcomes(
        prompts=tuple(Prompt(text, len(text) // 4) for text in texts),
        models=(STRONG, WEAK, SPARSE),
        prompt=columns[:, 0].astype(np.int32),
        model=columns[:, 1].astype(np.int32),
        correct=columns[:, 2].astype(np.float32),
        output_tokens=columns[:, 3].astype(np.float32),
        weight=np.ones(len(rows), np.float32),
    )


def _bound(make_router: MakeRouter, models: Sequence[str]) -> BoundRouter:
    return make_router().fit(made_up_outcomes()).bind(models, {})


def _check_estimates(bound: BoundRouter, estimates: Estimates, where: str) -> None:
    count = len(bound.models)
    _require(estimates.models == bound.models, f"for {where} the models are not those that were bound")
    for name in ("p_correct", "p_error", "output_tokens", "log_error"):
        values = getattr(estimates, name)
        _require(values.shape == (count,), f"for {where} {name} has shape {values.shape} and not ({count},)")
        _require(values.dtype == np.float32, f"for {where} {name} is {values.dtype} and not float32")
        _require(bool(np.isfinite(values).all()), f"for {where} {name} is not finite")
        _require(bool((values >= 0).all()), f"for {where} {name} is negative")
    _require(bool((estimates.p_correct <= 1).all()), f"for {where} P(correct) is above 1")
    _require(len(estimates.basis) == count, f"for {where} basis does not cover the models")


def _same(
    one: np.ndarray[tuple[int], np.dtype[np.float32]], other: np.ndarray[tuple[int], np.dtype[np.float32]], why: str
) -> None:
    _require(bool(np.allclose(one, other, rtol=1e-4, atol=1e-5)), why)


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise AssertionError(why)
