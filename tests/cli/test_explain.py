from __future__ import annotations

import json

import pytest
from rich.console import Console

from entrepot.cli.explain import render_decision
from entrepot.routing.utility import Decision, Goal, Weighed
from tests.cli.promised import write_promised
from tests.cli.run import Command

DOCUMENT = """\
[[deployments]]
provider = "openai"
model = "gpt-6.1-sol"

[[deployments]]
provider = "deepseek"
model = "deepseek-v4.1-flash"

[[deployments]]
id = "本地/千问"
provider = "ollama"
model = "qwen3:8b"

[[routes]]
name = "auto"
reference = "gpt-6.1-sol"

[[policy]]
name = "机密不出门"
when = { tags = ["机密"] }
require = { on_premises = true }
"""


@pytest.fixture
def configured(entrepot: Command) -> Command:
    """The command beside settings of three deployments, with one rule."""
    (entrepot.directory / "entrepot.toml").write_text(DOCUMENT, encoding="utf-8")
    return entrepot


def test_a_deployments_id_stays_in_one_piece_on_80_columns(configured: Command) -> None:
    result = configured("explain", "港口今日恢复作业。", environ={"COLUMNS": "80"})
    assert result.exit_code == 0
    for id_ in ("openai/gpt-6.1-sol", "deepseek/deepseek-v4.1-flash", "本地/千问"):
        assert id_ in result.output


def test_on_a_narrow_terminal_no_figure_is_cut(configured: Command) -> None:
    wide, narrow = (configured("explain", "hi", environ={"COLUMNS": str(width)}).output for width in (160, 55))
    figures = [word for word in wide.split() if word.startswith("0.")]
    assert figures
    for figure in figures:
        assert figure in narrow


def test_who_is_rejected_is_told_with_the_reason_once(configured: Command) -> None:
    result = configured("explain", "hi", "--tag", "机密")
    assert result.output.count("requires on_premises = true") == 1
    assert "\n  openai/gpt-6.1-sol, deepseek/deepseek-v4.1-flash " in result.output


def test_a_prompt_may_come_from_standard_input_and_the_decision_may_be_json(configured: Command) -> None:
    result = configured("explain", "-", "--json")
    assert json.loads(result.stdout)["order"]
    assert result.stderr == ""


def test_an_unknown_route_is_told_without_a_traceback(configured: Command) -> None:
    result = configured("explain", "hi", "--route", "没有")
    assert result.exit_code == 1
    assert "'没有'" in result.stderr


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
    assert ["house/llama[8b]"] in lines


def test_a_candidate_shows_chance_error_length_cost_and_what_they_rest_on() -> None:
    line = next(line for line in rendered(DECISION).splitlines() if "dashscope" in line)
    assert "0.900 ± 0.080" in line
    assert "512" in line
    assert "0.000123" in line
    assert line.split()[-1] == "scores"
    assert "scores: its published benchmark scores" in rendered(DECISION)


def test_a_rejected_candidate_shows_why_and_no_numbers() -> None:
    told = rendered(DECISION).split("Rejected:")[1].splitlines()
    at = next(number for number, line in enumerate(told) if "llama" in line)
    assert told[at].strip() == "house/llama[8b]"
    assert told[at + 1].strip() == "rule 'personal data stays': region is DE"


def test_the_sentence_the_router_and_the_absence_of_a_promise_follow() -> None:
    text = rendered(DECISION)
    assert text.index("least expensive candidate") < text.index("Rejected:")
    assert "Router ensemble/2026-11-22/abc." in text
    assert "promises no floor" in text


def test_an_unknown_price_is_called_unknown() -> None:
    free = Decision(
        ("a",), (Weighed("a", "a", 0.5, 0.1, 10.0, None, "prior", 1.0),), "a is the only eligible candidate."
    )
    text = rendered(free)
    assert "unknown" in text
    assert "prior" in text


def test_a_model_asked_for_by_name_has_no_estimates_to_show() -> None:
    named = Decision(("p/m",), (Weighed("p/m", "m", propensity=1.0),), "'m' was asked for by name")
    text = rendered(named)
    assert "'m' was asked for by name" in text
    assert "promises" not in text


def test_a_promise_is_told_with_its_data_and_a_refusal_with_its_reason(entrepot: Command) -> None:
    write_promised(entrepot.directory)
    kept = entrepot("explain", "What is 3 plus 4? Answer with the number.", "--route", "promised", "--json")
    decision = json.loads(kept.output)
    assert decision["promise"] == (
        "at most 30 points below strong on average, with 90% confidence, on 60 prompts of 票据.jsonl, 2026-11"
    )
    assert "USD for a right answer" in decision["reason"]
    refused = json.loads(entrepot("explain", "港口", "--route", "不可能", "--json").output)
    assert refused["order"][0] == "strong"
    assert refused["promise"].startswith("no promise of at most 0.1 points below strong can be made")
    assert refused["promise"].endswith("everything goes to strong")
    told = " ".join(entrepot("explain", "港口", "--route", "promised").output.split())
    assert "Promised: at most 30 points below strong" in told
    assert "this route promises no floor" in entrepot("explain", "港口", "--route", "unpromised").output


def test_of_a_request_with_a_loss_of_its_own_nothing_is_promised(entrepot: Command) -> None:
    write_promised(entrepot.directory)
    found = json.loads(entrepot("explain", "hi", "--route", "promised", "--max-loss", "0.5", "--json").output)
    assert found["promise"].startswith("nothing: this request allows a loss of its own")
    assert found["goal"]["each_request"] is True


@pytest.mark.parametrize(("strategy", "said"), [("agreement", "agree well enough"), ("check", "until one passes")])
def test_a_route_that_asks_several_says_what_that_is_expected_to_take(
    entrepot: Command, strategy: str, said: str
) -> None:
    check = "check = { regex = '^[0-9]+$' }" if strategy == "check" else ""
    route = f'reference = "gpt-6.1-sol"\nstrategy = "{strategy}"\n{check}\n'
    document = DOCUMENT.replace('reference = "gpt-6.1-sol"\n', route)
    (entrepot.directory / "entrepot.toml").write_text(document, encoding="utf-8")
    told = " ".join(entrepot("explain", "17 加 25 等于几？").output.split())
    assert said in told
    assert "is expected to take" in told
    shown = json.loads(entrepot("explain", "17 加 25 等于几？", "--json").output)
    assert shown["strategy"].startswith(f"The route asks several models ({strategy})")


def test_a_route_that_asks_one_has_no_strategy_to_tell(configured: Command) -> None:
    assert json.loads(configured("explain", "hi", "--json").output)["strategy"] is None


def test_what_each_rule_did_is_told_for_the_key_that_asks(entrepot: Command) -> None:
    document = DOCUMENT + (
        "\n[[keys]]\nname = '法务'\nsha256 = '" + "0" * 64 + "'\nteam = 'legal'\ntags = ['机密']\n"
        "\n[[policy]]\nname = 'personal'\nwhen = { data_classes = ['personal'] }\nrequire = { on_premises = true }\n"
        "\n[[policy]]\nname = 'elsewhere'\nwhen = { client_regions = ['DE'] }\ndeny = { maker = ['deepseek'] }\n"
    )
    (entrepot.directory / "entrepot.toml").write_text(document, encoding="utf-8")
    told = entrepot(
        "explain", "Mail an a.b@web.de", "--as", "法务", "--client-region", "cn", environ={"COLUMNS": "160"}
    )
    assert told.exit_code == 0, told.output
    assert "Found in it: 1 email" in told.output
    lines = {line.split()[0]: line for line in told.output.splitlines() if line.strip()}
    assert "yes" in lines["机密不出门"]
    assert "openai/gpt-6.1-sol" in lines["personal"]
    assert "no: client elsewhere" in lines["elsewhere"]
    as_json = json.loads(entrepot("explain", "hi", "--as", "法务", "--data-class", "personal", "--json").output)
    assert [(rule["rule"], rule["spared_by"]) for rule in as_json["rules"]] == [
        ("机密不出门", None),
        ("personal", None),
        ("elsewhere", None),
    ]
    assert as_json["order"] == ["本地/千问"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--as", "法"), "there is no key '法'"), (("--client-region", "Germany"), "'Germany' is not a country's")],
)
def test_who_asks_must_be_there(configured: Command, arguments: tuple[str, ...], said: str) -> None:
    result = configured("explain", "hi", *arguments)
    assert result.exit_code == 2
    assert said in result.output
