"""The admin API without a socket: asked as uvicorn would ask it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

from entrepot.control import keys, members
from entrepot.control.api import AdminApi
from entrepot.control.asking import Installation
from entrepot.control.objects import Role
from entrepot.control.sessions import Sessions
from entrepot.control.store import ControlStore
from entrepot.server.http import Message
from entrepot.settings.schema import Settings
from tests.control.books import ALICE
from tests.settings.small_catalog import SMALL
from tests.settings.toml import ONE_DEPLOYMENT, load

FILE = f"""{ONE_DEPLOYMENT}
[[keys]]
name = "from the file"
sha256 = "{"0" * 64}"
team = "法务"
[[keys]]
name = "单独的"
sha256 = "{"1" * 64}"
team = "单独"
[[teams]]
name = "集团"
[[teams]]
name = "法务"
parent = "集团"
[[policy]]
name = "of the file"
deny = {{ maker_country = ["RU"] }}
[[budgets]]
name = "of the file"
amount_usd = "5"
"""


class Answered:
    """What came back."""

    def __init__(self, messages: list[Message]) -> None:
        start, *rest = messages
        self.status: int = start["status"]
        self.all_headers: list[tuple[bytes, bytes]] = start["headers"]
        self.headers = dict(self.all_headers)
        self.body = b"".join(message.get("body", b"") for message in rest)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json["error"]["code"])


class Admin:
    """An installation, and members with their keys."""

    def __init__(self, directory: Path, store: ControlStore, **settings: Any) -> None:
        self.settings: Settings = load(directory, FILE)
        self.store = store
        self.sessions = Sessions(3600)
        self.api = AdminApi(Installation(self.settings, store, SMALL), self.sessions, **settings)
        self.key = self.member("root", "admin")

    def member(self, name: str, role: Role, *teams: str, confined: bool = False) -> str:
        with self.store.change(ALICE, time.time_ns()) as book:
            return members.make(book, members.NewMember(name, role, teams, confined), os.urandom(32))[1]

    def client_key(self, name: str, **asked: Any) -> str:
        with self.store.change(ALICE, time.time_ns()) as book:
            return keys.make(book, keys.NewKey(name, **asked), os.urandom(32))[1]

    def ask(
        self, method: str, path: str, body: object = None, *, key: str | None = None, **headers: str | None
    ) -> Answered:
        """One request by `key` (the admin's where none is named; "" for nobody's); the path is below /admin/v1/."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        bearer = self.key if key is None else key
        sent = {"authorization": f"Bearer {bearer}" if bearer else None, **headers}
        raw, _, query = (path if path.startswith("/") else f"/admin/v1/{path}").partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": raw,
            "raw_path": raw.encode(),
            "query_string": query.encode(),
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in sent.items() if value is not None
            ],
        }
        pending: list[Message] = [{"type": "http.request", "body": data}]
        answered: list[Message] = []

        async def receive() -> Message:
            return pending.pop() if pending else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            answered.append(message)

        asyncio.run(self.api(scope, receive, send))
        return Answered(answered)
