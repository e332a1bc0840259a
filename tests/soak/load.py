"""Clients of every dialect, many at once, and what they make of each answer."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import msgspec

from tests.end_to_end.world import KEY

WORDS = ("alpha", "beta", "货", "物", "harbour", "émigré")


class Told(msgspec.Struct, frozen=True):
    """What became of one request. `ending`: whole, error, broken (an error inside a stream), left (by us), refused, cut.

    `wrong` says what is not well-formed about the answer.
    """

    exchange: str
    dialect: str
    ending: str
    took_s: float
    wrong: str = ""


class Load(msgspec.Struct):
    """Every request of a run."""

    told: list[Told] = []

    def endings(self) -> Counter[str]:
        """How many ended how."""
        return Counter(one.ending for one in self.told)

    def wrong(self) -> list[Told]:
        """What no client should have to see."""
        return [one for one in self.told if one.wrong]


def request_of(dialect: str, model: str, text: str, stream: bool) -> tuple[str, dict[str, Any]]:
    """Path and body."""
    messages = [{"role": "user", "content": text}]
    if dialect == "gemini":
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{model}:{verb}", {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    if dialect == "responses":
        return "/v1/responses", {"model": model, "input": text, "stream": stream}
    if dialect == "messages":
        return "/v1/messages", {"model": model, "messages": messages, "max_tokens": 500, "stream": stream}
    return "/v1/chat/completions", {"model": model, "messages": messages, "stream": stream}


def judge_whole(dialect: str, status: int, body: bytes) -> tuple[str, str]:
    """How a whole answer ended, and what is wrong with it."""
    try:
        value = json.loads(body)
    except ValueError:
        return "error", f"status {status} and no JSON: {body[:200]!r}"
    if status != 200:
        message = value.get("error", {}).get("message") if isinstance(value, dict) else None
        return ("refused" if status == 503 else "error"), "" if message else f"an error without words: {body[:200]!r}"
    member = {"chat": "choices", "responses": "output", "messages": "content", "gemini": "candidates"}[dialect]
    return "whole", "" if value.get(member) else f"no {member}: {body[:200]!r}"


def judge_stream(dialect: str, body: bytes) -> tuple[str, str]:
    """How a stream ended, and what is wrong with it."""
    datas = [
        b"\n".join(line[5:].strip() for line in frame.splitlines() if line.startswith(b"data:"))
        for frame in body.replace(b"\r\n", b"\n").split(b"\n\n")
    ]
    datas = [data for data in datas if data]
    if not body.endswith((b"\n\n", b"\r\n\r\n")):
        return "cut", f"the last frame has no end: {body[-200:]!r}"
    values = []
    for data in datas:
        if data != b"[DONE]":
            try:
                values.append(json.loads(data))
            except ValueError:
                return "broken", f"a frame that is no JSON: {data[:200]!r}"
    last = values[-1] if values else {}
    if last.get("error") or last.get("type") in ("error", "response.failed"):
        return "broken", "[DONE] after an error" if datas[-1] == b"[DONE]" else ""
    complete = {
        "chat": datas[-1:] == [b"[DONE]"],
        "messages": last.get("type") == "message_stop",
        "responses": last.get("type") in ("response.completed", "response.incomplete"),
        "gemini": any(each.get("finishReason") for value in values for each in value.get("candidates", ())),
    }[dialect]
    return ("whole", "") if complete else ("cut", f"neither an end nor an error: {body[-300:]!r}")


class Clients:
    """So many clients at once, each asking one thing after another until told to stop."""

    def __init__(
        self, base_url: str, models: Sequence[str], deadline_s: float, seed: int, *, leave: float = 0.05
    ) -> None:
        self._base_url = base_url.removesuffix("/v1")
        self._models = models
        self._deadline_s = deadline_s
        self._chance = random.Random(seed)
        self._leave = leave
        self.load = Load()

    async def run(self, at_once: int, seconds: float, during: Callable[[], None] | None = None) -> Load:
        """Ask for so long. `during` happens again and again meanwhile, in a thread."""
        until_s = time.monotonic() + seconds
        connector = aiohttp.TCPConnector(limit=at_once + 8)
        timeout = aiohttp.ClientTimeout(total=self._deadline_s)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

            async def client() -> None:
                while time.monotonic() < until_s:
                    self.load.told.append(await self._ask(session))

            async def disturb() -> None:
                while during is not None and time.monotonic() < until_s:
                    await asyncio.to_thread(during)

            await asyncio.gather(disturb(), *(client() for _ in range(at_once)))
        return self.load

    async def _ask(self, session: aiohttp.ClientSession) -> Told:
        chance = self._chance
        dialect, stream = chance.choice(("chat", "responses", "messages", "gemini")), chance.random() < 0.6
        text = " ".join(chance.choices(WORDS, k=chance.randint(3, 60)))
        path, body = request_of(dialect, chance.choice(self._models), text, stream)
        started_s, exchange = time.monotonic(), ""

        def told(ending: str, wrong: str = "") -> Told:
            return Told(exchange, dialect, ending, time.monotonic() - started_s, wrong)

        try:
            headers = {"authorization": f"Bearer {KEY}"}
            async with session.post(self._base_url + path, json=body, headers=headers) as answer:
                exchange = answer.headers.get("x-entrepot-exchange", "")
                if chance.random() < self._leave:
                    await answer.content.readany()
                    answer.close()
                    return told("left")
                data = await answer.read()
                streamed = answer.status == 200 and answer.content_type == "text/event-stream"
                ending = judge_stream(dialect, data) if streamed else judge_whole(dialect, answer.status, data)
                return told(*ending)
        except TimeoutError:
            return told("silence", "neither an answer nor an error within its deadline")
        except aiohttp.ClientError as error:
            return told("cut", f"{type(error).__name__}: {error}")
