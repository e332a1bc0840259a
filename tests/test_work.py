"""How much work an exchange is, counted in calls of our own functions: the same on every machine, however busy it is.

It stops a change that makes every request dearer without anybody noticing. What the work takes in seconds is measured by
`make bench`. Who adds to it on purpose raises the number here, and says in the commit what it buys.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import entrepot
from entrepot.learning.asking import Answer
from entrepot.policy.rules import Facts, Rule, When
from entrepot.server.in_process import InProcess
from tests.exchange.planners import a_planner
from tests.learning.asked import Provider, an_asker

OURS = str(Path(entrepot.__file__).parent)
MOST_CALLS = 340
"""For one whole answer of a fixed model, with its key checked and its entry written. It was 310 at first, in Python 3.11."""


async def calls_of(asker: InProcess, text: str) -> int:
    """How many of our functions one exchange calls, the client's own not counted, once everything is warm."""
    asked = {"model": "cheap/small", "messages": [{"role": "user", "content": text}]}
    for _ in range(3):
        assert isinstance(await asker.ask(asked), Answer)
    count = 0

    def see(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        file = frame.f_code.co_filename
        count += event == "call" and file.startswith(OURS) and not file.endswith("in_process.py")

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        await asker.ask(asked)
    finally:
        sys.setprofile(before)
    return count


async def test_an_exchange_takes_no_more_calls_than_it_did(tmp_path: Path) -> None:
    assert 100 < await calls_of(an_asker(Provider(lambda *_: "x"), tmp_path), "hello") <= MOST_CALLS


async def test_a_long_prompt_takes_no_more_calls_than_a_short_one(tmp_path: Path) -> None:
    asker = an_asker(Provider(lambda *_: "x"), tmp_path)
    assert await calls_of(asker, "hello " * 20_000) == await calls_of(asker, "hello")


async def test_what_rules_are_not_about_a_request_cost_it_nothing(tmp_path: Path) -> None:
    few, many = (
        an_asker(
            Provider(lambda *_: "x"),
            tmp_path / str(number),
            a_planner(
                rules=[Rule(f"rule {n}", When(tags=(f"tag {n}",)), deny=Facts(region=("US",))) for n in range(number)]
            ),
        )
        for number in (1, 300)
    )
    assert await calls_of(many, "hello") == await calls_of(few, "hello")
