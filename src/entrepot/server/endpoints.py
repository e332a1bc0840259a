"""The data plane's endpoints over raw ASGI: find the path, know the caller, read the body, hand over.

Rules of this file: nothing is decided here. Every error of ours becomes an answer in the asking dialect at one border
(`_answer_error`); whatever else escapes is our own defect, logged with the exchange's id and answered as 500.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping

import msgspec

from entrepot.canonical.capabilities import estimate_input_tokens
from entrepot.dialects.base import Asked, ClientDialect, Envelope
from entrepot.dialects.counting import counting_dialect, parse_count, render_count
from entrepot.dialects.openai_responses.wire import DIALECT as OPENAI_RESPONSES
from entrepot.dialects.registry import CLIENT_PATHS, client_dialect
from entrepot.drive.admit import Admission
from entrepot.drive.driver import Client, Driver
from entrepot.drive.identity import new_exchange_id
from entrepot.drive.recorder import Recorder
from entrepot.errors import (
    BodyTimeout,
    BodyTooLarge,
    CallerError,
    Defect,
    EntrepotError,
    MethodNotAllowed,
    NotFound,
    OverloadedHere,
    Unavailable,
)
from entrepot.exchange.circumstance import UNSEEN, Seen
from entrepot.exchange.course import course_of
from entrepot.exchange.entries import refusal_entry
from entrepot.exchange.listing import Listed
from entrepot.exchange.planning import Planner
from entrepot.exchange.records import Entry
from entrepot.exchange.refusing import Refusal
from entrepot.exchange.steering import Steering
from entrepot.exchange.tracing import UNTRACED, TraceRules
from entrepot.policy.rules import Principal
from entrepot.server.afterwards import Afterwards
from entrepot.server.authenticate import Keyring
from entrepot.server.call import Call, Handler
from entrepot.server.connection import CERTIFICATE
from entrepot.server.content import KEEP_NOTHING, ContentKeeper
from entrepot.server.decisions import entry_of, render_decision
from entrepot.server.feedback import PATH as FEEDBACK
from entrepot.server.http import (
    ClientDisconnected,
    Receive,
    Scope,
    Send,
    answer,
    asker_behind,
    check_body,
    discard_body,
    end_answer,
    has_body,
    headers_of,
    read_body,
)
from entrepot.server.inspection import Inspector
from entrepot.server.kept_responses import PATH as _RESPONSES
from entrepot.server.kept_responses import KeptResponses, methods_below, unkept
from entrepot.server.letting_in import let_in
from entrepot.server.metrics_page import Telling
from entrepot.server.models import asker_of, model_named, render_model, render_models
from entrepot.server.outcomes import Outcomes
from entrepot.server.status import Status
from entrepot.server.steering import may_store, steering_of
from entrepot.server.tracing import tracing_of
from entrepot.server.verdicts import PATH as VERDICTS
from entrepot.settings.schema import GatewaySettings

log = logging.getLogger("entrepot.gateway")

_JSON = ((b"content-type", b"application/json"),)
_ESTIMATED = (*_JSON, (b"x-entrepot-estimated", b"tokens"))
_DECISIONS = "/v1/decisions/"
TELL_EVERY_S = 10.0


class Gateway:
    """The ASGI application of a gateway process, once everything it needs exists."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        keyring: Keyring,
        planner: Planner,
        driver: Driver,
        recorder: Recorder,
        find_entry: Callable[[str], Entry | None],
        outcomes: Outcomes,
        responses: KeptResponses,
        inspector: Inspector,
        afterwards: Afterwards | None = None,
        contents: ContentKeeper = KEEP_NOTHING,
        admission: Admission | None = None,
        telling: Telling | None = None,
        look_at_deployments: Callable[[], Mapping[str, int]] = dict,
        trace_rules: TraceRules = UNTRACED,
    ) -> None:
        self._settings = settings
        self._trace_rules = trace_rules
        self._keyring = keyring
        self._ruled = planner, inspector
        self._driver = driver
        self.recorder = recorder
        self._find_entry = find_entry
        self._outcomes = outcomes
        self._responses = responses
        self._afterwards = afterwards
        self._contents = contents
        self._admission = admission
        self._telling = telling
        self._under_way = 0
        self._overload_told_s = -math.inf
        self._created = int(time.time())
        self._paths: dict[str, dict[str, Handler]] = {
            FEEDBACK: {"POST": self._feedback},
            **Status(recorder, admission, telling, look_at_deployments).paths,
            **{path: {"POST": self._exchange} for path in CLIENT_PATHS if not path.endswith("/")},
        }

    def under_way(self) -> int:
        """How many exchanges have not ended."""
        return self._under_way

    def planner(self) -> Planner:
        """What plans at the moment."""
        return self._ruled[0]

    def trouble(self) -> str | None:
        """What keeps entries from being written down, None if nothing does."""
        return self.recorder.trouble

    def admit_by(self, keyring: Keyring) -> None:
        """Know these keys from now on. May be called from any thread."""
        self._keyring = keyring

    def plan_with(self, planner: Planner, inspector: Inspector) -> None:
        """Look into requests and plan with these from now on; what is under way ends as it was planned.

        May be called from any thread.
        """
        self._ruled = planner, inspector

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        now_ns = time.time_ns()
        client = asker_behind(scope, receive, send)
        call = Call(
            scope,
            receive,
            client,
            send,
            headers_of(scope),
            new_exchange_id(now_ns),
            now_ns,
            time.monotonic(),
        )
        try:
            await self._handler(scope)(call)
        except EntrepotError as error:
            if error.status >= 500 and not isinstance(error, OverloadedHere):
                log.error("exchange %s: %s", call.id, error.message, extra=call.logged)
            await self._answer_error(call, error)
        except asyncio.CancelledError:  # the grace period of a stop is over; the driver has written the exchange down
            log.warning("exchange %s was cut off, because the gateway stops", call.id, extra=call.logged)
            await self._answer_error(call, Unavailable("the gateway is stopping: send the request again"))
        except ClientDisconnected:
            pass  # it left before its request was complete: there is nothing to answer or to write down
        except Exception:  # the border: whatever escaped is our defect, and must not take the process along
            log.exception("exchange %s failed by a defect of the gateway", call.id, extra=call.logged)
            await self._answer_error(call, Defect("unexpected"))

    def _handler(self, scope: Scope) -> Handler:
        path: str = scope["path"]
        methods = self._paths.get(path)
        if methods is not None and scope["method"] in methods:
            return methods[scope["method"]]
        if methods is None and path.startswith(_DECISIONS) and len(path) > len(_DECISIONS):
            methods = {"GET": self._decision}
        if methods is None and path.startswith(VERDICTS):
            methods = {"POST": self._outcomes.take_verdict}
        if methods is None and counting_dialect(path) is not None:
            methods = {"POST": self._count_tokens}
        if methods is None and path.startswith(_RESPONSES):
            methods = dict.fromkeys(methods_below(path[len(_RESPONSES) :]), self._kept_response)
        if methods is None and client_dialect(path) is not None:
            methods = {"POST": self._exchange}
        if (name := model_named(path)) is not None:
            methods = {"GET": self._model if name else self._models, **(methods or {})}
        if methods is None:
            raise NotFound(f"there is nothing at {path[:200]}: requests go to POST {' or '.join(CLIENT_PATHS)}")
        method = scope["method"]
        handler = methods.get("GET" if method == "HEAD" else method)  # uvicorn keeps the body of an answer to HEAD back
        if handler is None:
            told = f"{path[:200]} takes {' or '.join(methods)}, not {method[:20]}"
            raise MethodNotAllowed(told, allowed=tuple(methods))
        return handler

    async def _answer_error(self, call: Call, error: EntrepotError) -> None:
        if self._telling is not None:
            self._telling.refuse(error.code)
        if call.client.head_sent:
            return  # the answer had begun; its end is missing, and uvicorn closes the connection
        rendered = call.dialect.render_error(error)
        headers = [*rendered.headers, (b"x-entrepot-exchange", call.id.encode())]
        if isinstance(error, MethodNotAllowed):
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        unread = not call.received and has_body(call.headers)
        if unread:
            headers.append((b"connection", b"close"))
        await answer(call.send, rendered.status, tuple(headers), rendered.body, end=not unread)
        if unread:
            if not isinstance(error, BodyTimeout):
                await discard_body(call.receive, self._settings.body_timeout_s)
            await end_answer(call.send)

    def _authenticate(self, call: Call) -> Principal:
        """Who asks. Raises Unauthenticated, or Forbidden."""
        googles = call.dialect.name.startswith("gemini")
        return self._keyring.authenticate(
            call.headers,
            call.scope["query_string"] if googles else b"",
            certificate=call.scope.get(CERTIFICATE, ()),
            peer=call.peer,
            now_s=call.started_ns / 1_000_000_000,
        )

    async def _exchange(self, call: Call) -> None:
        if self._under_way >= self._settings.max_concurrent:
            raise self._overloaded(call)
        self._under_way += 1
        try:
            await self._perform(call)
        finally:
            self._under_way -= 1

    def _overloaded(self, call: Call) -> OverloadedHere:
        """Refused before anything was read: it has to cost next to nothing, so the log hears of it once in a while."""
        told = f"{self._under_way} requests are under way here, as many as this gateway takes: try again shortly"
        if call.started_s - self._overload_told_s >= TELL_EVERY_S:
            self._overload_told_s = call.started_s
            log.warning("requests are refused: %s", told)
        return OverloadedHere(told)

    async def _perform(self, call: Call) -> None:
        principal = self._authenticate(call)
        call.tracing = tracing_of(call.scope, call.headers, call.id, self._trace_rules)
        # Read once: a request that is looked into for some rules is held to the same.
        planner, inspector = self._ruled
        asked: Asked | None = None
        seen = UNSEEN
        try:
            asked = await self._read(call)
            steering, may_keep = steering_of(call.headers), may_store(call.headers)
            client: Client = call.client
            if asked.dialect == OPENAI_RESPONSES:
                asked, client = await self._responses.prepare(
                    asked, client, key=principal.key or "", exchange_id=call.id, may_keep=may_keep
                )
            asked, seen = await inspector.inspect(asked, call.dialect, call.envelope, call.peer)
        except CallerError as error:
            self._refuse(call, principal, Refusal(error), asked, seen)
            raise
        planned = planner.plan(
            asked,
            call.dialect,
            principal,
            steering,
            id=call.id,
            started_ns=call.started_ns,
            started_s=call.started_s,
            upload_s=call.upload_s,
            seen=seen,
            tracing=call.tracing,
        )
        if isinstance(planned, Refusal):
            self._refuse(call, principal, planned, asked, seen)
            raise planned.error
        if planned.no_store and asked.dialect == OPENAI_RESPONSES:
            planned, client = unkept(planned), call.client
        try:
            self.recorder.demand()
            planned, ticket = await let_in(self._admission, planned, client, self.recorder.append)
        except EntrepotError as error:
            self._refuse(call, planned.principal, Refusal(error, planned.route, planned.decision), asked, seen)
            raise
        witness = None
        if self._afterwards is not None:
            witness = self._afterwards.witness(client, planned, may_read=may_keep and not planned.no_store)
        try:
            with self._contents.listen(witness or client, planned, may_store=may_keep) as heard:
                await self._driver.perform(course_of(planned, time.monotonic), heard, ticket)
        finally:
            if witness is not None and self._afterwards is not None:
                self._afterwards.take(witness)

    async def _read(self, call: Call, parse: Callable[[ClientDialect, bytes, Envelope], Asked] | None = None) -> Asked:
        """The request, as its dialect understands it."""
        settings = self._settings
        try:
            body = self._body_at_hand(call)
            if body is None:
                body = await read_body(call.receive, call.headers, settings.max_body_bytes, settings.body_timeout_s)
            call.received = True
        finally:
            call.upload_s = time.monotonic() - call.started_s
        envelope = call.envelope
        dialect = call.dialect
        return dialect.parse_request(body, envelope) if parse is None else parse(dialect, body, envelope)

    def _body_at_hand(self, call: Call) -> bytes | None:
        """The body where it is all here, as small ones are: nothing has to be waited for."""
        check_body(call.headers, self._settings.max_body_bytes)
        body = call.client.whole_body()
        if body is not None and len(body) > self._settings.max_body_bytes:
            raise BodyTooLarge(f"the body is longer than the limit of {self._settings.max_body_bytes} bytes")
        return body

    async def _count_tokens(self, call: Call) -> None:
        """About how many tokens a request will be read as, and the header that says that it is an estimate of ours.

        Which model will read it is not decided yet, and to ask a provider would be to send it the prompt.
        """
        principal = self._authenticate(call)
        asked = await self._read(call, parse_count)
        self._find(asked.request.model, principal, steering_of(call.headers))
        tokens = estimate_input_tokens(asked.request)
        await answer(call.send, 200, _ESTIMATED, render_count(call.scope["path"], tokens))

    def _refuse(
        self, call: Call, principal: Principal, refusal: Refusal, asked: Asked | None, seen: Seen = UNSEEN
    ) -> None:
        self.recorder.append(
            refusal_entry(
                id=call.id,
                started_ns=call.started_ns,
                duration_ms=(time.monotonic() - call.started_s) * 1000,
                upload_ms=call.upload_s * 1000,
                principal=principal,
                dialect=call.dialect.name,
                error=refusal.error,
                asked_model="" if asked is None else asked.request.model,
                stream=False if asked is None else asked.request.stream,
                route=refusal.route,
                decision=refusal.decision,
                data_classes=refusal.data_classes,
                sensitive=seen.counts,
                trace=call.trace,
            )
        )

    async def _models(self, call: Call) -> None:
        principal = self._authenticate(call)
        asker = asker_of(call.scope["path"], call.headers)
        query = call.scope["query_string"].decode("latin-1")
        body = render_models(self._ruled[0].names(principal), asker, query, self._created)
        await answer(call.send, 200, _JSON, body)

    async def _model(self, call: Call) -> None:
        principal = self._authenticate(call)
        path: str = call.scope["path"]
        found = self._find(model_named(path) or "", principal, Steering())
        await answer(call.send, 200, _JSON, render_model(found, asker_of(path, call.headers), self._created))

    def _find(self, name: str, principal: Principal, steering: Steering) -> Listed:
        """What may be asked for by this name. Raises Forbidden, or NotFound."""
        found = self._ruled[0].find(name, principal, steering)
        if isinstance(found, Refusal):
            raise found.error
        return found

    async def _decision(self, call: Call) -> None:
        principal = self._authenticate(call)
        wanted = call.scope["path"][len(_DECISIONS) :]
        entry = await entry_of(self._find_entry, wanted, lambda entry: entry.key == principal.key)
        await answer(call.send, 200, _JSON, msgspec.json.encode(render_decision(entry)))

    async def _feedback(self, call: Call) -> None:
        await self._outcomes.take_feedback(call, self._authenticate(call))

    async def _kept_response(self, call: Call) -> None:
        principal = self._authenticate(call)
        rest, query = call.scope["path"][len(_RESPONSES) :], call.scope["query_string"].decode("latin-1")
        found = await self._responses.answer(call.scope["method"], rest, query, principal.key or "")
        await answer(call.send, 200, _JSON, msgspec.json.encode(found))
