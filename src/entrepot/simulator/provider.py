"""Stand-in providers over HTTP: who is asked, with which key, for which model, with which fault; and the books.

One port serves every provider of the plan under its own prefix, `/{provider}` and the paths of its dialect (`wires.py`), as in
`/{provider}/v1/chat/completions` and `/{provider}/v1/models`; each local server (`plan.LocalServer`) has a port of its own
without prefix, and `/api/tags` and `/api/version` if it is an Ollama. Beside them, on every port: `GET /_books`,
`GET /{provider}/_books` and `GET /_connections` (open TCP connections and requests under way, the asking one left out).
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from entrepot.simulator.answers import PrefixCache, compose
from entrepot.simulator.books import Books, Row, State, Tokens, cost_of, in_nano, total
from entrepot.simulator.delivery import JSON_HEADERS, Delivery, Tally
from entrepot.simulator.embeddings import EmbeddingAsk, hear_embeddings, render_embeddings
from entrepot.simulator.faults import SEPARATOR, Fault, draw_fault, parse_fault, show_fault
from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.http1 import Connection, HttpRequest, port_of, start_server
from entrepot.simulator.minds import Memory
from entrepot.simulator.plan import LocalServer, Plan, StandInModel, StandInProvider
from entrepot.simulator.said import Frame, Reply, spoken_tokens
from entrepot.simulator.tokens import count_tokens
from entrepot.simulator.wire import Rendering, Wire
from entrepot.simulator.wires import wire_of

_HEARD = 64


class Host:
    """One stand-in provider at work: its wire, its models, their minds, its prefix cache and its count of requests.

    `heard` are its latest requests as it understood them, `bodies` and `headers` what it was sent, for tests.
    """

    def __init__(self, provider: StandInProvider, memory: Memory) -> None:
        self.provider = provider
        self.wire = wire_of(provider.dialect)
        self.heard: deque[Heard] = deque(maxlen=_HEARD)
        self.bodies: deque[bytes] = deque(maxlen=_HEARD)
        self.headers: deque[dict[str, str]] = deque(maxlen=_HEARD)
        self.models = {model.name: model for model in provider.models}
        self.minds = {model.name: memory.mind(model) for model in provider.models}
        self.cache = PrefixCache()
        self.numbers = itertools.count()


class Simulator:
    """All stand-ins of one plan. `url` and `local_urls` are known once `run_simulator` has started it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.books = Books()
        self.connections: set[Connection] = set()
        self.under_way = 0
        self.started = int(time.time())
        self.url = ""
        self.local_urls: dict[str, str] = {}
        memory = Memory(plan)
        self.hosts = {each.name: Host(each, memory) for each in plan.providers}
        self.local_hosts = {each.provider.name: Host(each.provider, memory) for each in plan.local}

    def base_url(self, provider: str) -> str:
        """What a deployment at this provider has as its base URL."""
        if provider in self.local_urls:
            return self.local_urls[provider] + self.local_hosts[provider].wire.base_path
        if provider not in self.hosts:
            raise KeyError(f"the plan has no provider {provider!r}")
        return f"{self.url}/{provider}{self.hosts[provider].wire.base_path}"

    def base_paths(self) -> dict[str, str]:
        """What the base URLs of each provider's deployments end in."""
        return {name: host.wire.base_path for name, host in (self.hosts | self.local_hosts).items()}

    def heard(self, provider: str) -> Heard:
        """The latest request that a provider was sent and understood. Raises KeyError or IndexError if there is none."""
        return (self.hosts | self.local_hosts)[provider].heard[-1]

    async def serve(self, request: HttpRequest, connection: Connection) -> None:
        """Serve the port that all hosted providers share."""
        name, _, rest = request.path.lstrip("/").partition("/")
        host = self.hosts.get(name)
        if host is None:
            self._serve_own(request, connection)
        else:
            await self._serve_provider(host, f"/{rest}", request, connection)

    async def serve_local(self, local: LocalServer, request: HttpRequest, connection: Connection) -> None:
        """Serve the port of one local server."""
        host = self.local_hosts[local.provider.name]
        found = _ollama_answer(host.provider, request.path) if local.kind == "ollama" else None
        if found is not None:
            connection.write_whole(200, JSON_HEADERS, msgspec.json.encode(found))
        elif request.path.startswith("/_"):
            self._serve_own(request, connection)
        else:
            await self._serve_provider(host, request.path, request, connection)

    def _serve_own(self, request: HttpRequest, connection: Connection) -> None:
        if request.path == "/_books":
            connection.write_whole(200, JSON_HEADERS, _render_books(self.books.rows))
        elif request.path == "/_connections":
            seen = {"open": len(self.connections - {connection}), "under_way": self.under_way}
            connection.write_whole(200, JSON_HEADERS, msgspec.json.encode(seen))
        else:
            error = WireError(404, f"Invalid URL ({request.method} {request.path})")
            _refuse(connection, wire_of("openai-chat"), error)

    async def _serve_provider(self, host: Host, path: str, request: HttpRequest, connection: Connection) -> None:
        if path == "/_books":
            connection.write_whole(200, JSON_HEADERS, _render_books(self.books.of(host.provider.name)))
            return
        wire = host.wire
        host.bodies.append(request.body)
        host.headers.append(request.headers)
        try:
            if host.provider.key is not None:
                wire.check_key(request, host.provider.key)
            if path in wire.models_paths and request.method == "GET":
                body = wire.render_models(host.models, host.provider.name, self.started)
                connection.write_whole(200, JSON_HEADERS, body)
                return
            if request.method == "POST" and (asked := hear_embeddings(path, request.body)) is not None:
                await self._embed(host, asked, request, connection)
                return
            heard = _hear(wire, request, path)
            model, fault_name = _model(host, heard.model, embeds=False)
            host.heard.append(heard)
            if heard.operation == "count_tokens":
                connection.write_whole(200, JSON_HEADERS, wire.render_count(count_tokens(heard.read)))
                return
            number = next(host.numbers)
            fault = _fault(fault_name or request.headers.get("x-simulate", ""), model, host.provider.name, number)
            await self._answer(host, heard, model, fault, number, connection)
        except WireError as error:
            _refuse(connection, wire, error)

    async def _answer(
        self, host: Host, heard: Heard, model: StandInModel, fault: Fault | None, number: int, connection: Connection
    ) -> None:
        digest = hashlib.sha256(f"{host.provider.name}|{number}|{self.started}".encode()).hexdigest()
        id = host.wire.reply_id(digest)
        reply = compose(heard, model, host.minds[model.name], host.cache, id, int(time.time()))
        reply = msgspec.structs.replace(reply, tokens=host.wire.bill(reply.tokens))
        rendering = Rendering(host.wire, heard, reply, model.tokens_per_chunk)
        headers = host.wire.headers(id)
        if heard.stream:
            headers |= {"content-type": host.wire.stream_type(heard)}
        await self._deliver(host, model, rendering, rendering.frames(), headers, fault, connection)

    async def _embed(self, host: Host, asked: EmbeddingAsk, request: HttpRequest, connection: Connection) -> None:
        model, fault_name = _model(host, asked.model, embeds=True)
        number = next(host.numbers)
        fault = _fault(fault_name or request.headers.get("x-simulate", ""), model, host.provider.name, number)
        asked = msgspec.structs.replace(asked, model=model.name)
        reply = Reply(f"embd-{number}", model.name, int(time.time()), (), Tokens(input_tokens=asked.tokens))
        rendering = Rendering(host.wire, Heard(model.name, "", ""), reply, model.tokens_per_chunk)
        frames = [Frame(render_embeddings(asked, model.dimensions))]
        await self._deliver(host, model, rendering, frames, host.wire.headers(reply.id), fault, connection)

    async def _deliver(
        self,
        host: Host,
        model: StandInModel,
        rendering: Rendering,
        frames: list[Frame],
        headers: dict[str, str],
        fault: Fault | None,
        connection: Connection,
    ) -> None:
        tally = Tally()
        stream = rendering.heard.stream
        delivery = Delivery(
            connection, frames, stream, headers, model.first_token_ms / 1000, model.chunk_ms / 1000, tally, rendering
        )
        sent_before = connection.sent_bytes
        self.under_way += 1
        try:
            await (delivery.whole() if fault is None else show_fault(fault, delivery))
        finally:  # also when the client leaves and this task is cancelled
            delivered = connection.sent_bytes - sent_before
            state = _state(tally, connection.gone.is_set())
            self._book(host.provider.name, model, stream, rendering.reply, delivered, tally, state, fault)
            self.under_way -= 1  # last: who sees none under way, maybe from another thread, finds all of them booked

    def _book(
        self,
        provider: str,
        model: StandInModel,
        stream: bool,
        reply: Reply,
        delivered_bytes: int,
        tally: Tally,
        state: State,
        fault: Fault | None,
    ) -> None:
        tokens = _billed(reply, tally)
        cost = None if model.price is None else cost_of(tokens, model.price)
        self.books.rows.append(
            Row(
                id=reply.id,
                provider=provider,
                model=model.name,
                stream=stream,
                status=tally.status,
                state=state,
                tokens=tokens,
                cost=cost,
                cost_nano=None if cost is None else in_nano(cost),
                currency=None if model.price is None else model.price.currency,
                delivered_bytes=delivered_bytes,
                delivered_tokens=tally.delivered_tokens,
                fault=None if fault is None else str(fault),
            )
        )


def _hear(wire: Wire, request: HttpRequest, path: str) -> Heard:
    heard = wire.parse_request(request, path)
    if heard is None:
        raise WireError(404, f"Invalid URL ({request.method} {path})")
    return heard


def _model(host: Host, asked: str, *, embeds: bool) -> tuple[StandInModel, str]:
    """The model that is asked, to embed or to answer, and the name of the fault that it is asked to show."""
    name, _, fault = asked.partition(SEPARATOR)
    model = host.models.get(name)
    if model is None:
        message = f"The model `{name}` does not exist or you do not have access to it."
        raise WireError(404, message, code="model_not_found")
    if bool(model.dimensions) != embeds:
        does = "does not make embeddings" if embeds else "makes embeddings; it does not chat"
        raise WireError(400, f"The model `{name}` {does}.", param="model")
    return model, fault


def _fault(named: str, model: StandInModel, provider: str, number: int) -> Fault | None:
    if named:
        return parse_fault(named)
    return None if model.faults is None else draw_fault(model.faults, provider, number)


def _state(tally: Tally, gone: bool) -> State:
    if tally.whole:
        return "completed"
    if tally.status not in {0, 200}:
        return "refused"
    if gone:
        return "client_gone"
    return "broken" if tally.delivered_tokens else "refused"


def _billed(reply: Reply, tally: Tally) -> Tokens:
    if tally.whole:
        return reply.tokens
    if not tally.delivered_tokens:
        return Tokens()
    spoken = max(1, spoken_tokens(reply))
    written = reply.tokens.output_tokens * tally.delivered_tokens // spoken
    return msgspec.structs.replace(reply.tokens, output_tokens=written)


def _refuse(connection: Connection, wire: Wire, error: WireError) -> None:
    connection.write_whole(error.status, {**JSON_HEADERS, **error.headers}, wire.render_error(error))


def _render_books(rows: list[Row]) -> bytes:
    return msgspec.json.encode({"rows": rows, "totals": total(rows)})


def _ollama_answer(provider: StandInProvider, path: str) -> dict[str, Any] | None:
    if path == "/api/version":
        return {"version": "0.12.0-simulated"}
    if path != "/api/tags":
        return None
    return {
        "models": [
            {
                "name": model.name,
                "model": model.name,
                "modified_at": "2026-01-01T00:00:00Z",
                "size": 4_683_087_332,
                "digest": hashlib.sha256(model.name.encode()).hexdigest(),
                "details": {"format": "gguf", "family": "simulated", "quantization_level": "Q4_K_M"},
            }
            for model in provider.models
        ]
    }


@asynccontextmanager
async def run_simulator(plan: Plan) -> AsyncIterator[Simulator]:
    """Run a plan's stand-ins in this event loop, on loopback, until the block ends."""
    simulator = Simulator(plan)
    async with AsyncExitStack() as stack:
        server = await start_server(simulator.serve, plan.host, plan.port, simulator.connections)
        stack.push_async_callback(_stop, server, simulator)
        simulator.url = f"http://{plan.host}:{port_of(server)}"
        for local in plan.local:
            listening = await _start_local(simulator, local)
            stack.push_async_callback(_stop, listening, simulator)
            simulator.local_urls[local.provider.name] = f"http://{plan.host}:{port_of(listening)}"
        yield simulator


async def _start_local(simulator: Simulator, local: LocalServer) -> asyncio.Server:
    async def serve(request: HttpRequest, connection: Connection) -> None:
        await simulator.serve_local(local, request, connection)

    return await start_server(serve, simulator.plan.host, local.port, simulator.connections)


async def _stop(server: asyncio.Server, simulator: Simulator) -> None:
    server.close()
    for connection in tuple(simulator.connections):
        connection.reset()
    await asyncio.sleep(0)
    await server.wait_closed()
