"""How long a routing decision takes: features, estimates for ten candidates, and the choice, on prompts all different.

What a session adds is measured beside it: recognising the conversation (a table on disk included) at its first turn and at its
sixth, of the same size in all, and settling the decision for it.

Run with `OPENBLAS_NUM_THREADS=1 python benchmarks/decision.py [--router FILE]`; prints milliseconds by size of prompt. With
more than one BLAS thread a product this small waits for threads to wake, which costs more than it saves.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from entrepot.canonical.request import Message, Request, Text
from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment
from entrepot.exchange.records import AttemptRecord
from entrepot.exchange.sessions import recognise, remember, weigh_caches
from entrepot.ledger.session_table import SessionTable
from entrepot.policy.rules import Principal
from entrepot.routing.artifact import default_artifact_path, load_artifact
from entrepot.routing.explore import Exploration, explore
from entrepot.routing.features import prompt_of
from entrepot.routing.settling import settle
from entrepot.routing.utility import Goal, decide
from entrepot.routing.worth import Knob

CANDIDATES = (
    "gpt-4o-2024-08-06", "claude-3-5-sonnet-20241022", "gemini-1.5-pro", "llama-3.1-405b", "llama-3.1-70b",
    "mistral-large-2", "deepseek-v2.5-0908", "qwen2-72b-instruct", "gpt-4o-mini-2024-07-18", "never-seen",
)  # fmt: skip
WORDS = (
    "the contract tenant obligation list every clause with its date and amount if def return x for in "
    "请 总结 以下 合同 的 主要 义务 预算 报告 数据 分析 市场 成本"
).split()
KNOB = Knob(0.01, 0.02, 0.3, 0.9, 400, measured=False)
SIZES = {"200 B": 200, "2 kB": 2_000, "1 MB": 1_000_000}


def text_of(size: int, chance: random.Random) -> str:
    """About `size` bytes of words in both scripts, different every time."""
    words: list[str] = []
    length = 0
    while length < min(size, 20_000):
        word = f"{chance.choice(WORDS)}{chance.randrange(100)}"
        words.append(word)
        length += len(word.encode()) + 1
    text = " ".join(words)
    return (text * (size // length + 1))[:size] if size > length else text


def conversation(size: int, chance: random.Random) -> Request:
    """Five questions with their answers and a sixth question, of about `size` bytes in all."""
    texts = [text_of(size // 11, chance) for _ in range(11)]
    return Request(
        "auto",
        tuple(Message("assistant" if at % 2 else "user", (Text(text),)) for at, text in enumerate(texts)),
    )


def quantiles_ms(run: Callable[[Request], object], requests: list[Request], repeats: int) -> tuple[float, float]:
    """Median and 99th percentile."""
    for request in requests:
        run(request)
    taken = []
    for _ in range(repeats):
        for request in requests:
            start = time.perf_counter()
            run(request)
            taken.append(1000 * (time.perf_counter() - start))
    taken.sort()
    return taken[len(taken) // 2], taken[len(taken) * 99 // 100]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--router", type=Path, default=default_artifact_path())
    router = load_artifact(parser.parse_args().router).router()
    bound = router.bind(CANDIDATES, {})
    rates = ExchangeRates(usd_per_cny=Decimal("0.14"), as_of="", source="")
    price = Price(input_per_mtok=Decimal("1"), output_per_mtok=Decimal("2"), source="", as_of="")
    tariffs = {model: Tariff(price, rates) for model in CANDIDATES}
    deployments = [Deployment(m, m, "", "US", "", "US", "US", "", "openai_chat", m) for m in CANDIDATES]

    def whole(request: Request) -> object:
        prompt = prompt_of(request)
        estimates = bound.predict(prompt)
        return decide(deployments, (), estimates, tariffs, Goal(), CANDIDATES[0], prompt, router.version, KNOB)

    prompt = prompt_of(Request("auto", (Message("user", (Text("Why?"),)),)))
    estimates = bound.predict(prompt)

    def choice(_request: Request) -> object:
        return decide(deployments, (), estimates, tariffs, Goal(), CANDIDATES[0], prompt, router.version, KNOB)

    def exploring(_request: Request) -> object:
        return explore(decided, Exploration("posterior"), 0.5)

    decided = decide(deployments, (), estimates, tariffs, Goal(), CANDIDATES[0], prompt, router.version, KNOB)
    folder = tempfile.TemporaryDirectory()
    table, asker = SessionTable(folder.name), Principal(key="a")

    def recognised(request: Request) -> object:
        return recognise(request, asker, None, table, deployments, 1.0)

    def settled(request: Request) -> object:
        session = recognise(request, asker, None, table, deployments, 1.0)
        session = weigh_caches(session, deployments, tariffs, 2_000)
        decision = decide(deployments, (), estimates, tariffs, Goal(), CANDIDATES[0], prompt, router.version)
        return settle(decision, session, {})

    def answered(request: Request) -> None:
        session = recognise(request, asker, None, table, deployments, 0.0)
        attempt = AttemptRecord(0, CANDIDATES[1], CANDIDATES[1], "", 200, 1.0, answered=True)
        table.keep(session.keys[0], remember(session, attempt, None, None, 0.0, completed=True))

    chance = random.Random(1)  # noqa: S311 - text to measure with, no secret
    print(f"{len(CANDIDATES)} candidates, {router.version}; milliseconds, p50 and p99")
    for name, size in SIZES.items():
        requests = [Request("auto", (Message("user", (Text(text_of(size, chance)),)),)) for _ in range(50)]
        for what, run in (
            ("decision", whole),
            ("  of it prompt", prompt_of),
            ("  of it choice", choice),
            ("exploring", exploring),
        ):
            median, slow = quantiles_ms(run, requests, 20)
            print(f"{name:>6}  {what:<26} {median:7.3f} {slow:7.3f}")
        talks = [conversation(size, chance) for _ in range(50)]
        for talk in talks:
            answered(Request("auto", talk.messages[:-2]))
        for what, run, asked in (
            ("session, first turn", recognised, requests),
            ("session, sixth turn", recognised, talks),
            ("choice, sixth turn settled", settled, talks),
        ):
            median, slow = quantiles_ms(run, asked, 20)
            print(f"{name:>6}  {what:<26} {median:7.3f} {slow:7.3f}")
    table.close()
    folder.cleanup()


if __name__ == "__main__":
    main()
