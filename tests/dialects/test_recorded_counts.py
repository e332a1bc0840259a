"""How many of all recorded exchanges hold what a translation must keep, per host and dialect, in one table.

Every exchange is looked at: one of a dialect that we speak in every way that concerns it; any other is left out by its address,
with a reason. What does not hold is listed by its id with the reason; at least 98 % of every host's must.
"""

from __future__ import annotations

import copy
import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Part, Refusal, Text, Unknown
from entrepot.canonical.response import Response
from entrepot.canonical.stream import Ended, Pinged, StreamEvent
from entrepot.dialects.base import Asked, Envelope, Target
from entrepot.dialects.registry import (
    CLIENT_DIALECTS,
    EMBEDDING_CLIENTS,
    EMBEDDING_DIALECTS,
    PROVIDER_DIALECTS,
    open_relay,
)
from entrepot.errors import InvalidRequest
from tests.dialects.bedrock_converse import recorded as bedrock
from tests.dialects.ollama_chat import test_recorded as ollama
from tests.dialects.recorded import Exchange, body_of, unpacked
from tests.dialects.sdk_types import CLIENTS, rendered, text_in_stream, text_in_whole

LEAST_SHARE = 0.98
TARGET = Target("https://provider.example/v1", "upstream-name", max_output_tokens=4096)
NEWER_LIMIT = frozenset({"max_completion_tokens"})

DIALECT_OF = {
    r"/chat/completions": "openai-chat",
    r"/responses": "openai-responses",
    r"/v1/messages": "anthropic-messages",
    r":(?:stream)?[gG]enerateContent": "gemini-generate",
    r"/converse(?:-stream)?": "bedrock-converse",
    r"/api/chat": "ollama-chat",
    r"/embeddings": "openai-embeddings",
}
LEFT_OUT = {
    r"/invoke(?:-with-response-stream)?": "Bedrock's InvokeModel has a form for each maker; Bedrock is spoken to by Converse",
    r"/count_tokens": "a count is no answer of a model: the server gives an estimate of its own",
}
EXCUSED: dict[str, str] = {}
"""Id of an exchange that does not hold in every way -> the reason."""


class Checked(NamedTuple):
    """One exchange: where it belongs, in what ways it held or did not, and which dialects refused its request for what."""

    id: str
    host: str
    dialect: str
    held: dict[str, bool]
    refused: tuple[tuple[str, str], ...]


def exchanges(wire_dir: Path) -> Iterator[Exchange]:
    with gzip.open(wire_dir / "exchanges.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            exchange = json.loads(line)
            exchange["response"] = unpacked(exchange["response"])
            yield exchange


def dialect_of(exchange: Exchange) -> str | None:
    """The dialect of an exchange; None where it is left out. Fails for an address that nobody thought of."""
    path = exchange["url"].partition("?")[0]
    found = next((name for end, name in DIALECT_OF.items() if re.search(rf"{end}$", path)), None)
    assert found or any(re.search(rf"{end}$", path) for end in LEFT_OUT), f"{exchange['id']}: {path}"
    return found


def asked_in(dialect: str, exchange: Exchange) -> Asked:
    """What was asked, as its own dialect understands it; where no client speaks it to us, as its tests read it."""
    if dialect == "bedrock-converse":
        return Asked(bedrock.asked_in(exchange), "another-dialect", {})
    if dialect == "ollama-chat":
        return Asked(ollama.asked_in(exchange), "another-dialect", {})
    path, _, query = exchange["url"].partition("?")
    body = exchange["request"]
    if dialect != "gemini-generate":
        streams = {} if dialect == "openai-embeddings" else {"stream": is_stream(exchange)}
        body = {"model": "named-in-the-address", **body, **streams}
    clients = EMBEDDING_CLIENTS if dialect == "openai-embeddings" else CLIENT_DIALECTS
    envelope = Envelope(path[path.index("/", 8) :], query)
    return clients[dialect].parse_request(json.dumps(body).encode(), envelope)


def is_stream(exchange: Exchange) -> bool:
    return isinstance(exchange["response"], str) or bool(exchange["url"].endswith("-stream"))


def bytes_of(dialect: str, exchange: Exchange) -> bytes:
    return bedrock.bytes_of(exchange) if dialect == "bedrock-converse" else body_of(exchange["response"])


def parsed(dialect: str, asked: Asked, body: bytes) -> list[StreamEvent]:
    parser = PROVIDER_DIALECTS[dialect].open_parser(asked, TARGET)
    return [event for event in (*parser.feed(body), *parser.close()) if not isinstance(event, Pinged)]


def plain(part: Part) -> Part:
    """A part without the words that only its own dialect has for it."""
    return part if isinstance(part, Refusal | Unknown) else msgspec.structs.replace(part, extra={})


def said(response: Response) -> list[Any]:
    """What an answer says, why it ended, and what it cost."""
    usage = response.usage
    reasons = ["stop" if choice.finish_reason == "unknown" else choice.finish_reason for choice in response.choices]
    counted = None if usage is None else (usage.all_input, usage.cache_read_tokens, usage.all_output)
    return [[[plain(part) for part in choice.parts] for choice in response.choices], reasons, counted]


def is_equal_again(dialect: str, asked: Asked, events: list[StreamEvent], exchange: Exchange) -> bool:
    """Whether its own dialect says the answer as it was: a whole one to the letter, a stream in what it says."""
    client = CLIENT_DIALECTS[dialect]
    counting = msgspec.structs.replace(asked, request=msgspec.structs.replace(asked.request, include_usage=True))
    again = client.open_renderer(counting, 1).render(events)
    if is_stream(exchange):
        return said(fold(parsed(dialect, asked, again))) == said(fold(events))
    if dialect == "openai-responses":  # what it keeps of a request it says again from the request, not from the answer
        relay = open_relay(client, PROVIDER_DIALECTS[dialect], asked, TARGET)
        passed = relay.feed(body_of(exchange["response"])).data + relay.close().data
        same = said(fold(parsed(dialect, asked, again))) == said(fold(events))
        return same and json.loads(passed) == exchange["response"]
    wanted = copy.deepcopy(exchange["response"])
    for candidate in wanted.get("candidates", ()):
        candidate.setdefault("index", 0)  # Google leaves a zero out
    return bool(json.loads(again) == wanted)


def reads_alike(client: str, events: list[StreamEvent], asked: Asked) -> bool:
    """Whether the client's official SDK takes the answer, whole and streamed, and reads its text."""
    parts = fold(events).choices[0].parts
    texts = "".join(part.text for part in parts if isinstance(part, Text))
    spoken = "".join(part.text for part in parts if isinstance(part, Text | Refusal))  # some have no word for a refusal
    whole = text_in_whole(client, rendered(client, events, asked.request, stream=False))
    streamed = text_in_stream(client, rendered(client, events, asked.request, stream=True))
    return whole == streamed and whole in (texts, spoken)


def check_answer(dialect: str, asked: Asked, exchange: Exchange) -> Iterator[tuple[str, bool]]:
    events = parsed(dialect, asked, bytes_of(dialect, exchange))
    understood = isinstance(events[-1], Ended)
    yield "answer understood", understood
    if dialect in CLIENT_DIALECTS:
        yield "answer back", understood and is_equal_again(dialect, asked, events, exchange)
    for client in CLIENTS:
        if client != dialect:
            yield f"answer to {client}", understood and reads_alike(client, events, asked)


def check_error(dialect: str, exchange: Exchange) -> Iterator[tuple[str, bool]]:
    """An error answer is the caller's fault by its body, and every client is told so in its own words."""
    providers = EMBEDDING_DIALECTS if dialect == "openai-embeddings" else PROVIDER_DIALECTS
    provider = providers["openai-chat" if dialect == "openai-embeddings" else dialect]
    failure = provider.parse_failure(exchange["status"], {}, body_of(exchange["response"]), None)
    yield "error classified", failure.kind in ("bad_request", "context_length", "content_filter", "model_gone")
    for client in CLIENTS:
        answer = CLIENT_DIALECTS[client].render_error(InvalidRequest(failure.message))
        again = PROVIDER_DIALECTS[client].parse_failure(answer.status, dict(answer.headers), answer.body, None)
        yield f"error to {client}", failure.message[:100] in again.message


def check_request(
    dialect: str, asked: Asked, exchange: Exchange, refused: list[tuple[str, str]]
) -> Iterator[tuple[str, bool]]:
    """Whether it is sent on as it was, and taken by every other dialect or refused for a reason that names the part."""
    yield "request back", sent_alike(dialect, asked, exchange)
    for other in PROVIDER_DIALECTS:
        if other != dialect:
            try:
                sent = PROVIDER_DIALECTS[other].render_request(asked, TARGET, None)
            except InvalidRequest as error:
                refused.append((other, re.sub(r"'[^']*'|(?<=\[)\d+", "…", error.message)))
                yield f"request to {other}", bool(error.param and error.message)
            else:
                yield f"request to {other}", isinstance(json.loads(sent.body), dict)


def sent_alike(dialect: str, asked: Asked, exchange: Exchange) -> bool:
    """Whether a provider of the same dialect is asked what was asked, but for the model's name and the call for usage."""
    request = exchange["request"]
    quirks = NEWER_LIMIT & request.keys()
    target = Target(TARGET.base_url, model_in(dialect, exchange), frozenset(quirks))
    sent = json.loads(PROVIDER_DIALECTS[dialect].render_request(asked, target, None).body)
    if dialect in MEANINGS:
        return MEANINGS[dialect](sent, request)
    # Without a store of our own a provider keeps nothing, and reasoning is asked for sealed.
    ours = {"model", "stream", "stream_options", "store", "include"}
    return {k: v for k, v in sent.items() if k not in ours} == {k: v for k, v in request.items() if k not in ours}


def model_in(dialect: str, exchange: Exchange) -> str:
    """The model's name at its provider, which says what else it takes."""
    if dialect == "bedrock-converse":
        return bedrock.model_of(exchange)
    if dialect == "gemini-generate":
        return re.search(r"models/([^:]+):", exchange["url"])[1]  # type: ignore[index]  # every address of it has one
    return str(exchange["request"].get("model") or TARGET.upstream_name)


def _same_converse(sent: dict[str, Any], request: dict[str, Any]) -> bool:
    return bedrock.meaning(sent) == bedrock.meaning(request)


def _same_ollama(sent: dict[str, Any], request: dict[str, Any]) -> bool:
    ours = {"model"}
    wanted, found = ollama.meaning(request), ollama.meaning(sent)
    return {k: v for k, v in found.items() if k not in ours} == {k: v for k, v in wanted.items() if k not in ours}


MEANINGS: dict[str, Callable[[dict[str, Any], dict[str, Any]], bool]] = {
    "bedrock-converse": _same_converse,
    "ollama-chat": _same_ollama,
}


def check_embedding(exchange: Exchange) -> Iterator[tuple[str, bool]]:
    asked = asked_in("openai-embeddings", exchange)
    provider = EMBEDDING_DIALECTS["openai-chat"]
    parser = provider.open_parser(asked, TARGET)
    events = [*parser.feed(body_of(exchange["response"])), *parser.close()]
    yield "answer understood", isinstance(events[-1], Ended)
    body = EMBEDDING_CLIENTS["openai-embeddings"].open_renderer(asked, 1).render(events)
    wanted = exchange["response"]
    yield "answer back", [each["index"] for each in json.loads(body)["data"]] == [e["index"] for e in wanted["data"]]


def check(exchange: Exchange) -> Checked | None:
    """One exchange in every way that concerns it; None where it is left out."""
    dialect = dialect_of(exchange)
    if dialect is None:
        return None
    held: dict[str, bool] = {}
    refused: list[tuple[str, str]] = []
    if exchange["status"] != 200:
        held.update(check_error(dialect, exchange))
    elif dialect == "openai-embeddings":
        held.update(check_embedding(exchange))
    else:
        asked = asked_in(dialect, exchange)
        held.update(check_answer(dialect, asked, exchange))
        held.update(check_request(dialect, asked, exchange, refused))
    return Checked(exchange["id"], exchange["host"], dialect, held, tuple(refused))


@cache
def checked_all(wire_dir: Path) -> tuple[list[Checked], Counter[str], int]:
    """Every exchange that is not left out, how many are, by reason, and how many there are in all."""
    checked: list[Checked] = []
    left_out: Counter[str] = Counter()
    total = 0
    for exchange in exchanges(wire_dir):
        total += 1
        found = check(exchange)
        if found is not None:
            checked.append(found)
            continue
        path = exchange["url"].partition("?")[0]
        left_out[next(reason for end, reason in LEFT_OUT.items() if re.search(rf"{end}$", path))] += 1
    return checked, left_out, total


def test_at_least_98_of_100_of_every_hosts_exchanges_hold_in_every_way(
    wire_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked, left_out, total = checked_all(wire_dir)
    ways: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    of: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in checked:
        place = (each.host, each.dialect)
        of[place].update(each.held.keys())
        ways[place].update(way for way, holds in each.held.items() if holds)
    with capsys.disabled():
        print(f"\n{len(checked)} of {total} recorded exchanges are of dialects that we speak")
        for reason, times in left_out.items():
            print(f"  left out {times}: {reason}")
        for host, dialect in sorted(of):
            print(f"{host}, {dialect}")
            for kind in ("answer", "error", "request"):
                told = [
                    f"{way.removeprefix(kind)} {ways[host, dialect][way]}/{count}"
                    for way, count in sorted(of[host, dialect].items())
                    if way.startswith(kind)
                ]
                if told:
                    print(f"  {kind}:{','.join(told)}")
        refused = Counter(reason for each in checked for reason in each.refused)
        print(f"of the requests to other dialects {refused.total()} were refused for a stated reason:")
        for (other, reason), times in refused.most_common():
            print(f"  {times} to {other}: {reason}")
    assert total >= 800
    assert len(checked) + left_out.total() == total
    for place, counts in of.items():
        for way, count in counts.items():
            assert ways[place][way] >= LEAST_SHARE * count, (place, way)


def test_whatever_does_not_hold_is_listed_with_its_reason(wire_dir: Path) -> None:
    checked, _, _ = checked_all(wire_dir)
    failed = {each.id: [way for way, holds in each.held.items() if not holds] for each in checked}
    assert {id_: ways for id_, ways in failed.items() if ways and id_ not in EXCUSED} == {}
    assert not [id_ for id_ in EXCUSED if not failed.get(id_)], "excused although it holds"
