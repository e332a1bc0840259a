from __future__ import annotations

from rich.console import Console

from entrepot.cli.explain import render_decision
from entrepot.routing.utility import Decision, Goal, Weighed

DECISION = Decision(
    order=("dashscope/qwen", "openai/gpt"),
    candidates=(
        Weighed("openai/gpt", "gpt", 0.912, 0.031, 420.0, 0.004321, "outcomes"),
        Weighed("dashscope/qwen", "qwen", 0.9, 0.08, 512.4, 0.000123, "scores", propensity=1.0),
        Weighed("house/llama[8b]", "llama", rejected="rule 'personal data stays': region is DE"),
    ),
    reason="dashscope/qwen is the least expensive candidate expected to stay within 2 points.",
    goal=Goal(),
    reference="openai/gpt",
    router="ensemble/2026-11-22/abc",
)


def rendered(decision: Decision) -> str:
    console = Console(width=140, record=True, force_terminal=False)
    with console.capture() as capture:
        render_decision(decision, console)
    return capture.get()


def test_candidates_come_in_the_order_in_which_they_would_be_asked() -> None:
    lines = [line.split() for line in rendered(DECISION).splitlines() if "/" in line]
    assert [line[:2] for line in lines[:2]] == [["1", "dashscope/qwen"], ["2", "openai/gpt"]]
    assert lines[2][0] == "house/llama[8b]"


def test_a_candidate_shows_chance_error_length_cost_and_what_they_rest_on() -> None:
    line = next(line for line in rendered(DECISION).splitlines() if "dashscope" in line)
    assert "0.900 ± 0.080" in line
    assert "512" in line
    assert "0.000123" in line
    assert "published scores" in line


def test_a_rejected_candidate_shows_why_and_no_numbers() -> None:
    line = next(line for line in rendered(DECISION).splitlines() if "llama" in line)
    assert "rule 'personal data stays': region is DE" in line
    assert "±" not in line
    assert "unknown" not in line


def test_the_sentence_the_router_and_the_absence_of_a_promise_follow() -> None:
    text = rendered(DECISION)
    assert text.index("least expensive candidate") > text.index("llama")
    assert "Router: ensemble/2026-11-22/abc." in text
    assert "promises no floor" in text


def test_an_unknown_price_is_called_unknown() -> None:
    free = Decision(
        ("a",), (Weighed("a", "a", 0.5, 0.1, 10.0, None, "prior", 1.0),), "a is the only eligible candidate."
    )
    text = rendered(free)
    assert "unknown" in text
    assert "a guess on the low side" in text


def test_a_model_asked_for_by_name_has_no_estimates_to_show() -> None:
    named = Decision(("p/m",), (Weighed("p/m", "m", propensity=1.0),), "'m' was asked for by name")
    text = rendered(named)
    assert "'m' was asked for by name" in text
    assert "promises" not in text
