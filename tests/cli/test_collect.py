"""`entrepot collect` against stand-in providers over real sockets, ended in every way and begun again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from entrepot.catalog.price import Price
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.sqlite import open_sqlite
from entrepot.ledger.store import Period
from entrepot.simulator.plan import AnswerKey, FaultMix, Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator
from tests.cli.run import Command
from tests.cli.test_explain import DOCUMENT
from tests.end_to_end.world import CHEAP, DEAR, PROVIDER_SECRET, simulator_in_thread

OFFICE = Path(__file__).parents[2] / "examples" / "office"
COUNT = 12
PROMPTS = [{"id": f"甲{n}", "prompt": f"第{n}题：{n} 加 {n} 等于多少？", "answer": 2 * n} for n in range(COUNT)]
KEYS = tuple(AnswerKey(str(line["id"]), str(line["prompt"]), str(line["answer"])) for line in PROMPTS)


def stand_in(name: str, price: Price, **more: Any) -> StandInModel:
    return StandInModel(name, price, **{"skill": 3.0, "first_token_ms": 30.0, **more})


PLAN = Plan(
    providers=(
        StandInProvider(
            "one",
            (stand_in("large", DEAR, reasoning_tokens=200), stand_in("small", CHEAP, skill=0.5)),
            key=PROVIDER_SECRET,
        ),
        StandInProvider(
            "two",
            (stand_in("closed", CHEAP),),
            key="another",
        ),
        StandInProvider(
            "three",
            (stand_in("shaky", CHEAP, faults=FaultMix(first=2, opening="status:429:ms=20")), stand_in("wise", CHEAP)),
            key=PROVIDER_SECRET,
        ),
    ),
    keys=KEYS,
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Stand-ins that know the answers."""
    with simulator_in_thread(PLAN) as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, simulator: Simulator) -> Path:
    """A folder with prompts and settings, as an operator has them."""
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(p, ensure_ascii=False) + "\n" for p in PROMPTS), "utf-8")
    tables = []
    for host, model, price in (
        ("one", "large", DEAR),
        ("one", "small", CHEAP),
        ("two", "closed", CHEAP),
        ("three", "shaky", CHEAP),
        ("three", "wise", CHEAP),
    ):
        tables.append(
            f'[[deployments]]\nid = "{host}/{model}"\nprovider = "openai-compatible"\nmodel = "{model}"\nmaker = "{host}"\n'
            f'base_url = "{simulator.base_url(host)}"\nkey = "env:TEST_PROVIDER_KEY"\nregion = "CN"\n'
            f"price = {{ input_per_mtok = {price.input_per_mtok}, output_per_mtok = {price.output_per_mtok} }}\n"
        )
    (tmp_path / "entrepot.toml").write_text(
        "\n".join(tables) + '\n[[routes]]\nname = "auto"\ncandidates = ["one/*"]\nreference = "one/large"\n'
        '[[keys]]\nname = "法务"\nsha256 = "' + "0" * 64 + '"\ntags = ["机密"]\n'
        '[[policy]]\nname = "机密不去甲"\nwhen = { tags = ["机密"] }\ndeny = { model = ["small"] }\n',
        "utf-8",
    )
    return tmp_path


def start(office: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "entrepot", "collect", "--prompts", "mine.jsonl", "--yes", *more],
        cwd=office,
        env={**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(office: Path, *more: str) -> tuple[int, str, str]:
    with start(office, *more) as process:
        said, told = process.communicate(timeout=60)
    assert "Traceback" not in told
    return process.returncode, said, told


def records(office: Path) -> list[dict[str, Any]]:
    journal = office / "outcomes.journal.jsonl"
    return [json.loads(line) for line in journal.read_text("utf-8").splitlines()] if journal.exists() else []


def answered(office: Path) -> list[tuple[str, str]]:
    return [(one["prompt"], one["deployment"]) for one in records(office) if one["type"] == "answered"]


@pytest.mark.end_to_end
def test_outcomes_prices_and_values_are_what_the_providers_billed(office: Path, simulator: Simulator) -> None:
    code, said, told = run(office, "--deployments", "one/*", "--prices-out", "prices.csv", "--json")
    assert code == 0, told
    document = json.loads(said)
    rows = [json.loads(line) for line in (office / "outcomes.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 2 * COUNT
    billed = sum(row.cost_nano or 0 for row in simulator.books.rows)
    assert sum(round(row["cost_usd"] * 1e9) for row in rows) == billed
    values = {row["deployment"]: row for row in document["tables"][0]["rows"]}
    for deployment in ("one/large", "one/small"):
        right = [row["correct"] for row in rows if row["deployment"] == deployment]
        assert values[deployment]["quality"] == pytest.approx(sum(right) / COUNT)
    assert values["one/large"]["quality"] > values["one/small"]["quality"]
    assert document["reference"] == "one/large"
    assert document["missing"] == []
    assert (office / "prices.csv").read_text("utf-8").startswith("model,input_usd_per_mtok,output_usd_per_mtok")
    store = open_sqlite(office / "entrepot-data")
    try:
        Ingester(store, office / "entrepot-data").run_once()
        totals = store.totals(Period(0, time.time_ns()))
        assert (totals.exchanges, totals.cost_nano_usd) == (2 * COUNT, billed)
    finally:
        store.close()


@pytest.mark.end_to_end
def test_killed_in_the_middle_it_goes_on_and_asks_nothing_twice_that_was_answered(
    office: Path, simulator: Simulator
) -> None:
    process = start(office, "--deployments", "one/large", "--concurrency", "2")
    try:
        while len(answered(office)) < 3:
            assert process.poll() is None
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    before = answered(office)
    assert 3 <= len(before) < COUNT
    asked_before = len(simulator.books.rows)
    code, _, told = run(office, "--deployments", "one/large", "--concurrency", "2")
    assert code == 0, told
    assert f"{len(before)} are there already" in told
    everything = answered(office)
    assert everything[: len(before)] == before
    assert len(everything) == len(set(everything)) == COUNT
    # a call whose answer was still on its way at the kill is made again, and no other
    assert len(simulator.books.rows) - asked_before <= COUNT - len(before) + 2
    again = len(simulator.books.rows)
    code, _, told = run(office, "--deployments", "one/large")
    assert code == 0
    assert len(simulator.books.rows) == again
    assert "0 answers to ask for" in told


@pytest.mark.end_to_end
def test_ctrl_c_keeps_what_there_is_and_says_how_to_go_on(office: Path) -> None:
    process = start(office, "--deployments", "one/large", "--concurrency", "1")
    while len(answered(office)) < 3:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the same command goes on" in told
    assert "Traceback" not in told
    assert len(answered(office)) >= 3


@pytest.mark.end_to_end
def test_it_stops_before_the_sum_is_spent(office: Path, simulator: Simulator) -> None:
    code, said, told = run(office, "--deployments", "one/large", "--max-cost-usd", "0.03")
    assert code == 3, told
    assert "the sum allowed is spent" in said
    assert 0 < sum(row.cost_nano or 0 for row in simulator.books.rows) <= 30_000_000
    assert 0 < len(answered(office)) < COUNT


@pytest.mark.end_to_end
def test_rate_limits_are_waited_for_and_a_wrong_key_is_told(office: Path, simulator: Simulator) -> None:
    code, said, _ = run(office, "--deployments", "three/shaky,two/closed", "--reference", "three/shaky")
    assert code == 3
    assert sum(deployment == "three/shaky" for _, deployment in answered(office)) == COUNT
    assert "two/closed: " in said
    assert "it refused the operator's credentials" in said
    assert PROVIDER_SECRET not in said + (office / "outcomes.journal.jsonl").read_text("utf-8")


@pytest.mark.end_to_end
def test_a_key_is_held_to_its_rules(office: Path, simulator: Simulator) -> None:
    code, said, told = run(office, "--deployments", "one/*", "--as", "法务", "--json")
    assert code == 3
    assert f"one/small is not asked {COUNT} of the prompts: the rule '机密不去甲' forbids it" in told
    missing = json.loads(said)["missing"]
    assert {(one["deployment"], one["rule"]) for one in missing} == {("one/small", "机密不去甲")}
    assert {row.model for row in simulator.books.rows} == {"large"}


@pytest.mark.end_to_end
def test_judges_judge_by_the_key_and_are_paid_apart(office: Path, simulator: Simulator) -> None:
    arguments = ("--deployments", "one/small", "--reference", "one/small", "--grade", "judge", "--judge", "three/wise")
    code, said, told = run(office, *arguments, "--json")
    assert code == 0, told
    document = json.loads(said)
    judging = sum(row.cost_nano or 0 for row in simulator.books.rows if row.provider == "three")
    assert document["judging_cost_nano_usd"] == judging > 0
    rows = [json.loads(line) for line in (office / "outcomes.jsonl").read_text("utf-8").splitlines()]
    assert {row["graded_by"] for row in rows} == {"judge:three/wise"}
    calls = len(simulator.books.rows)
    assert run(office, *arguments)[0] == 0
    assert len(simulator.books.rows) == calls


@pytest.mark.end_to_end
def test_stand_ins_answer_for_the_settings_own_deployments(tmp_path: Path) -> None:
    (tmp_path / "entrepot.toml").write_text(DOCUMENT, "utf-8")
    process = subprocess.run(
        [sys.executable, "-m", "entrepot", "collect", "--prompts", str(OFFICE / "prompts.jsonl"), "--deployments", "*",
         "--simulate", "--yes"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert "SIMULATED" in process.stdout
    assert "本地/千问" in process.stdout
    assert not (tmp_path / "entrepot-data").exists()
    rows = (tmp_path / "outcomes.jsonl").read_text("utf-8").splitlines()
    assert len(rows) == 180


@pytest.fixture
def configured(entrepot: Command) -> Command:
    """The command beside settings and one prompt."""
    (entrepot.directory / "entrepot.toml").write_text(DOCUMENT, "utf-8")
    (entrepot.directory / "mine.jsonl").write_text('{"prompt": "1+1?", "answer": 2}\n', "utf-8")
    return entrepot


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--deployments", "openai/gpt-6.1-sl"), "did you mean 'openai/gpt-6.1-sol'?"),
        (("--deployments", "openai/*", "--reference", "deepseek-v4.1-flash"), "name it in --deployments too"),
        (("--deployments", "*", "--grade", "judge"), "--grade judge and --judge go together"),
        (("--deployments", "*", "--judge", "本地/千问"), "--grade judge and --judge go together"),
        (
            ("--deployments", "openai/*,deepseek/*", "--grade", "judge", "--judge", "openai/*"),
            "nobody may judge openai/gpt-6.1-sol: every judge is of openai",
        ),
        (("--deployments", "*", "--as", "nobody"), "no key of the settings is called 'nobody'"),
        (("--deployments", "*", "--out", "x.csv"), "says neither Parquet"),
        (("--deployments", "*", "--out", "mine.jsonl"), "over your prompts"),
        (("--deployments", "*", "--prompts-out", "outcomes.jsonl"), "over itself"),
        (("--deployments", "openai/*"), "add --yes"),
    ],
)
def test_a_mistake_is_told_before_anything_is_asked(configured: Command, arguments: tuple[str, ...], said: str) -> None:
    result = configured("collect", "--prompts", "mine.jsonl", *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert not (configured.directory / "outcomes.jsonl").exists()


def test_a_prompt_without_anything_to_grade_it_by_is_told_with_its_line(configured: Command) -> None:
    (configured.directory / "mine.jsonl").write_text('{"prompt": "合同何时到期？"}\n', "utf-8")
    result = configured("collect", "--prompts", "mine.jsonl", "--deployments", "*")
    assert result.exit_code == 2
    assert "mine.jsonl, line 1: nothing says which answer is right" in result.output


@pytest.mark.end_to_end
def test_a_budget_holds_a_collection_where_no_server_ever_ran(office: Path, simulator: Simulator) -> None:
    settings = (office / "entrepot.toml").read_text("utf-8")
    limited = settings.replace('reference = "one/large"\n', 'reference = "one/large"\nmax_output_tokens = 200\n')
    budget = '[[budgets]]\nname = "收集"\nkey = "法务"\namount_usd = "{}"\nperiod = "once"\nkind = "hard"\n'
    (office / "entrepot.toml").write_text(limited + budget.format(50), "utf-8")
    asked = ("--deployments", "one/large", "--as", "法务", "--max-output-tokens", "200", "--retries", "0")
    code, _, told = run(office, *asked)
    assert code == 0, told
    assert len(simulator.books.rows) == COUNT
    (office / "outcomes.journal.jsonl").unlink()
    (office / "entrepot.toml").write_text(limited + budget.format("0.000001"), "utf-8")
    code, _, told = run(office, *asked)
    assert code == 2
    assert "收集" in told
    assert len(simulator.books.rows) == COUNT
