"""Grants of clouds: fetched off the event loop, kept until shortly before they end, fetched once for all who wait.

Rules of this file: a library is imported when the first deployment needs it, so that nobody pays for a cloud that is not used.
While a grant still holds, calls go on with it and its successor is fetched beside them. What a library says of a failure goes
to the operator's log only, with whatever could be a secret taken out.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import re
from collections.abc import Callable
from typing import NamedTuple

from entrepot.catalog.schema import Deployment
from entrepot.errors import ExtraMissing, SettingsError
from entrepot.upstream.grant import Grant, Source

RENEW_BEFORE_S = 225.0
"""Google's metadata server hands out a new token this long before the old one ends, and no sooner (google-auth)."""
UNUSABLE_BEFORE_S = 30.0
FETCH_APART_S = 10.0
YOUNG_S = 60.0
"""A grant younger than this that a provider refuses is refused for another reason than its age."""

EXTRA = "clouds"

logger = logging.getLogger("entrepot.upstream")

_COULD_BE_SECRET = re.compile(r"[A-Za-z0-9+/=_.~%-]{24,}")


class _Cloud(NamedTuple):
    name: str
    package: str
    module: str
    source: str
    loggers: tuple[str, ...]


_CLOUDS = {
    "aws": _Cloud("AWS", "botocore", "cloud_aws", "AwsSource", ("botocore", "urllib3")),
    "google": _Cloud("Google", "google.auth", "cloud_google", "GoogleSource", ("google", "urllib3")),
    "azure": _Cloud("Azure", "azure.identity", "cloud_azure", "AzureSource", ("azure", "msal", "urllib3")),
}
CLOUD_AUTHS = frozenset(_CLOUDS)
"""The values of a deployment's `auth` that stand for a cloud's own credentials."""


def check_extra(auth: str) -> None:
    """Raises ExtraMissing if the library for this `auth` is not installed; imports nothing but its outermost package."""
    cloud = _CLOUDS.get(auth)
    if cloud is None:
        return
    try:
        found = importlib.util.find_spec(cloud.package)
    except ModuleNotFoundError:  # the package around it is not there either
        found = None
    if found is None:
        raise ExtraMissing(f"auth = '{auth}', {cloud.name}'s own credentials,", EXTRA)


def open_source(auth: str, scope: str) -> Source:
    """The source of a cloud's grants; imports its library, which takes some tenths of a second. Raises ExtraMissing."""
    cloud = _CLOUDS[auth]
    check_extra(auth)
    for name in cloud.loggers:  # at DEBUG they write tokens and signatures
        logging.getLogger(name).setLevel(logging.WARNING)
    module = importlib.import_module(f"entrepot.upstream.{cloud.module}")
    source: Source = getattr(module, cloud.source)(scope)
    return source


class Chain:
    """The grants of one cloud and scope. Belongs to the event loop it is first used in."""

    def __init__(self, what: str, open_source: Callable[[], Source]) -> None:
        self._what = what
        self._open_source = open_source
        self._source: Source | None = None
        self._grant: Grant | None = None
        self._fetching: asyncio.Task[Grant] | None = None
        self._fetched_at_s = float("-inf")
        self._failed_at_s = float("-inf")
        self._failure = ""

    def current(self) -> Grant | None:
        """A grant to be used now; None if one must be waited for."""
        grant = self._grant
        if grant is None or grant.expires_within(UNUSABLE_BEFORE_S):
            return None
        if grant.expires_within(RENEW_BEFORE_S) and self._now_s() - self._last_tried_s() >= FETCH_APART_S:
            self._fetch()
        return grant

    async def wait(self) -> Grant:
        """A grant, fetched if need be; one fetch serves all who wait. Raises SettingsError: the cloud gives none."""
        grant = self.current()
        if grant is not None:
            return grant
        if self._fetching is None and self._now_s() - self._failed_at_s < FETCH_APART_S:
            raise SettingsError(self._failure)
        return await asyncio.shield(self._fetch())

    def refused(self, grant: Grant) -> bool:
        """The provider refuses `grant`: whether another is to be had and worth the asking."""
        if self._grant is not grant:
            return True
        if self._now_s() - self._fetched_at_s < YOUNG_S:
            return False
        self._grant = self._source = None
        return True

    def _last_tried_s(self) -> float:
        return max(self._fetched_at_s, self._failed_at_s)

    def _fetch(self) -> asyncio.Task[Grant]:
        if self._fetching is None:
            self._fetching = asyncio.get_running_loop().create_task(self._obtain())
            self._fetching.add_done_callback(self._fetched)
        return self._fetching

    async def _obtain(self) -> Grant:
        try:
            return await asyncio.get_running_loop().run_in_executor(None, self._ask)
        except Exception as error:  # noqa: BLE001 - three libraries, each with errors of its own
            message = _COULD_BE_SECRET.sub("…", str(error).strip().split("\n")[0][:300])
            self._failed_at_s, self._failure = self._now_s(), f"{self._what}: {type(error).__name__}: {message}"
            # not as the cause: its traceback may hold a token
            raise SettingsError(self._failure) from None

    def _ask(self) -> Grant:
        if self._source is None:
            self._source = self._open_source()
        return self._source.obtain()

    def _fetched(self, task: asyncio.Task[Grant]) -> None:
        self._fetching = None
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._grant, self._fetched_at_s = task.result(), self._now_s()
        elif self._grant is not None:
            logger.warning("%s", self._failure)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


class Clouds:
    """The chains of one client, by cloud and scope."""

    def __init__(self, open_source: Callable[[str, str], Source] = open_source) -> None:
        self._open_source = open_source
        self._chains: dict[tuple[str, str], Chain] = {}

    def chain(self, deployment: Deployment) -> Chain:
        """The chain of a deployment whose `auth` is a cloud's. Raises SettingsError: it names no scope."""
        auth, scope = deployment.auth, deployment.auth_scope
        if not scope:
            raise SettingsError(f"deployment '{deployment.id}' has auth = '{auth}' and no auth_scope")
        known = self._chains.get((auth, scope))
        if known is None:
            what = f"no credentials from {_CLOUDS[auth].name} for {scope}"
            known = self._chains[auth, scope] = Chain(what, lambda: self._open_source(auth, scope))
        return known
