"""What a gateway process says of itself: what it is, that it lives, whether it is ready, what it counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from entrepot.drive.admit import Admission
from entrepot.drive.recorder import Recorder
from entrepot.errors import NotFound
from entrepot.server.call import Call, Handler
from entrepot.server.http import answer
from entrepot.server.metrics_page import Telling
from entrepot.server.openapi import GREETING, render_document
from entrepot.telemetry.exposition import CONTENT_TYPE

_JSON = ((b"content-type", b"application/json"),)
_PLAIN = ((b"content-type", b"text/plain; charset=utf-8"),)


class Status:
    """Endpoints that need no key. `look_at_deployments` says how many are not well, by state."""

    def __init__(
        self,
        recorder: Recorder,
        admission: Admission | None,
        telling: Telling | None,
        look_at_deployments: Callable[[], Mapping[str, int]],
    ) -> None:
        self._recorder = recorder
        self._admission = admission
        self._telling = telling
        self._look_at_deployments = look_at_deployments

    @property
    def paths(self) -> dict[str, dict[str, Handler]]:
        """The endpoints by path and method."""
        return {
            "/": {"GET": self._greet},
            "/openapi.json": {"GET": self._describe},
            "/livez": {"GET": self._live},
            "/readyz": {"GET": self._ready},
            "/metrics": {"GET": self._metrics},
        }

    async def _greet(self, call: Call) -> None:
        await answer(call.send, 200, _PLAIN, GREETING.encode())

    async def _describe(self, call: Call) -> None:
        await answer(call.send, 200, _JSON, render_document())

    async def _live(self, call: Call) -> None:
        await answer(call.send, 200, _JSON, b'{"status":"live"}')

    async def _ready(self, call: Call) -> None:
        counters = None if self._admission is None else self._admission.trouble
        trouble = self._recorder.trouble or counters
        body: dict[str, object] = {"status": "ready"} if trouble is None else {"status": "degraded", "trouble": trouble}
        if self._telling is not None and (notes := await asyncio.to_thread(self._telling.notes)):
            body["notes"] = notes
        if ill := self._look_at_deployments():
            body["deployments"] = ill
        await answer(call.send, 200 if trouble is None else 503, _JSON, msgspec.json.encode(body))

    async def _metrics(self, call: Call) -> None:
        if self._telling is None:
            raise NotFound("this gateway keeps no metrics")
        body = await self._telling.page.read(call.headers, call.peer)
        await answer(call.send, 200, ((b"content-type", CONTENT_TYPE),), body)
