from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.routing.correction import NOTHING, Adjustment, Correction
from entrepot.routing.correction_fit import FEWEST, Seen, fit_correction
from entrepot.routing.logistic import sigmoid

MODELS = ("cheap", "middle", "dear")


def made_up(truth: Correction, n: int, seed: int = 0, models: tuple[str, ...] = MODELS) -> Seen:
    chance = np.random.default_rng(seed)
    model = chance.integers(len(models), size=n)
    at, ease = chance.normal(0.5, 1.5, n), chance.normal(0, 1, n)
    ps = [truth.of(models[m]).apply(x, e) for m, x, e in zip(model, at.tolist(), ease.tolist(), strict=True)]
    score = (chance.random(n) < sigmoid(np.array(ps))).astype(np.float64)
    return Seen(models, model.astype(np.intp), at, ease, score, np.ones(n))


def test_what_live_outcomes_were_made_with_is_found_again() -> None:
    truth = Correction(
        Adjustment(),
        {"cheap": Adjustment(0.8, -0.6, 0.2), "middle": Adjustment(1.0, 0.1, 0.0), "dear": Adjustment(1.1, 0.4, 0.0)},
    )
    found = fit_correction(made_up(truth, 20_000))
    for name, one in truth.models.items():
        assert found.models[name].slope == pytest.approx(one.slope, abs=0.08), name
        assert found.models[name].shift == pytest.approx(one.shift, abs=0.12), name
        assert found.models[name].ease == pytest.approx(one.ease, abs=0.08), name


def test_outcomes_as_expected_change_hardly_anything() -> None:
    found = fit_correction(made_up(NOTHING, 4000), NOTHING)
    assert found.moves(NOTHING) < 0.04
    assert fit_correction(made_up(NOTHING, 0)) == NOTHING


def test_only_shifts_move_where_only_they_may() -> None:
    before = Correction(Adjustment(1.2, 0.1, 0.3), {"cheap": Adjustment(0.9, 0.0, -0.1)})
    found = fit_correction(
        made_up(Correction(models=dict.fromkeys(MODELS, Adjustment(0.7, -1.0, 0.0))), 3000), before, shifts_only=True
    )
    assert (found.models["cheap"].slope, found.models["cheap"].ease) == (0.9, -0.1)
    assert (found.models["dear"].slope, found.models["dear"].ease) == (1.2, 0.3)
    assert found.models["dear"].shift < -0.3


def test_of_one_model_alone_most_is_taken_to_hold_for_all() -> None:
    truth = Correction(models={"cheap": Adjustment(1.0, -1.0, 0.0)})
    alone = made_up(truth, 5000, models=("cheap",))
    found = fit_correction(alone._replace(models=MODELS), shifts_only=True)
    assert found.models["cheap"].shift == pytest.approx(-1.0, abs=0.15)
    assert found.common.shift == pytest.approx(-0.8, abs=0.15)
    assert list(found.models) == ["cheap"]


def test_a_model_of_which_little_is_known_has_nothing_of_its_own() -> None:
    few = int(FEWEST) - 1
    seen = Seen(("cheap",), np.zeros(few, np.intp), np.zeros(few), np.zeros(few), np.zeros(few), np.ones(few))
    assert fit_correction(seen).models == {}
    enough = seen.only(np.arange(few).repeat(2))
    assert list(fit_correction(enough).models) == ["cheap"]


def test_what_stood_of_a_model_without_news_moves_with_what_is_common() -> None:
    before = Correction(models={"dear": Adjustment(1.0, 0.5, 0.0)})
    worse = made_up(Correction(models={"cheap": Adjustment(1.0, -1.0, 0.0)}), 2000, models=("cheap",))
    found = fit_correction(worse, before, shifts_only=True)
    assert found.models["dear"].shift == pytest.approx(0.5 + found.common.shift, abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 300))
def test_any_outcomes_give_a_correction_that_can_be_undone(seed: int, n: int) -> None:
    found = fit_correction(made_up(Correction(models={"cheap": Adjustment(3.0, 4.0, 1.0)}), n, seed))
    assert all(one.slope > 0 for one in (found.common, *found.models.values()))
