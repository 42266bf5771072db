"""What is there of a kind, now and after each change?

    list ─> watch ─ ended by the server, broken ─> watch again, from the last version that was seen
      ^        └─ that version is too old (410) ─┐
      └──────────────────────────────────────────┘

While the API server does not answer, what is known stays: a reader of `objects` goes on with it.
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from llmstack.kube.errors import ApiError, from_answer
from llmstack.kube.kinds import Kind
from llmstack.kube.objects import Object, Place, bare, place_of
from llmstack.kube.pace import seconds_to_wait
from llmstack.kube.paging import pages

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 10.0
_LIST_SECONDS = 60.0
_WATCH_SECONDS = 240
"""After so long the API server ends a watch, and a new one begins; up to a quarter more."""
_SILENT_SECONDS = 75.0
"""The API server sends a bookmark a minute: a watch that is silent for longer is dead."""
_BACKOFF = (0.2, 10.0)
"""Wait after the first failure, and the longest, in seconds; the true one is half to all of it."""


@dataclass(frozen=True)
class Scope:
    """A selection of objects: of one namespace or of all, limited by selectors."""

    kind: Kind
    namespace: str = ""
    labels: str = ""
    fields: str = ""

    @property
    def path(self) -> str:
        return self.kind.path(self.namespace)

    def query(self) -> dict[str, str]:
        query = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {key: value for key, value in query.items() if value}


class Informer:
    """All objects of a scope, as the API server told last: `objects` changes with each event.

    `changed` is called when the first list is there, and after changes: once for all that arrived
    together. `session` is one of open_watch_session.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        server: str,
        scope: Scope,
        changed: Callable[[], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._session = session
        self._url = server + scope.path
        self.scope = scope
        self._changed = changed
        self._chance = chance
        self._version = ""
        self._told = False
        self._trouble = ""
        self._pause = _BACKOFF[0]
        self.objects: dict[Place, Object] = {}
        self.synced = False

    async def run(self) -> None:
        """Follows the cluster for as long as it runs."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
                await asyncio.sleep(_BACKOFF[0])
            except (aiohttp.ClientError, ApiError, OSError, ValueError, KeyError) as error:
                await self._failed(error)

    async def _failed(self, error: Exception) -> None:
        if isinstance(error, ApiError) and error.status == 410:
            self._version = ""
        words = str(error) or repr(error)
        if words != self._trouble:
            log.warning("watching %s: %s", self.scope.kind.plural, words)
            self._trouble = words
        # Gateways that lost the same API server come back at different moments.
        asked = error.retry_after if isinstance(error, ApiError) else 0.0
        await asyncio.sleep(asked + self._pause * (1 + self._chance()) / 2)
        self._pause = min(2 * self._pause, _BACKOFF[1])

    def _works(self) -> None:
        if self._trouble:
            log.info("watching %s again", self.scope.kind.plural)
        self._trouble, self._pause = "", _BACKOFF[0]

    async def _list(self) -> None:
        """All of it anew; what is known is replaced only when the last page has come."""
        found: dict[Place, Object] = {}
        version = ""
        async for page in pages(self._page, self.scope.query()):
            version = page["metadata"]["resourceVersion"]
            found |= {place_of(item["metadata"]): bare(item) for item in page.get("items") or ()}
        self._version = version
        self._works()
        if found != self.objects or not self.synced:
            self.objects, self.synced = found, True
            self._tell()

    async def _page(self, query: Mapping[str, str]) -> Object:
        async with self._ask(query, aiohttp.ClientTimeout(total=_LIST_SECONDS)) as answer:
            page: Object = json.loads(await answer.read())
            return page

    async def _watch(self) -> None:
        """The changes since the last version, until the server ends the watch."""
        seconds = int(_WATCH_SECONDS * (1 + self._chance() / 4))
        query = {
            **self.scope.query(),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(seconds),
        }
        patience = aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS)
        async with self._ask(query, patience) as answer:
            self._works()
            async for line in _lines(answer.content):
                self._take(json.loads(line))

    def _take(self, event: Object) -> None:
        kind, body = event["type"], event["object"]
        if kind == "ERROR":
            raise from_answer(body.get("code", 0), json.dumps(body))
        self._version = body["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            return
        place = place_of(body["metadata"])
        if kind == "DELETED":
            self.objects.pop(place, None)
        else:
            self.objects[place] = bare(body)
        self._tell()

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            asyncio.get_running_loop().call_soon(self._tell_now)

    def _tell_now(self) -> None:
        self._told = False
        self._changed()

    @asynccontextmanager
    async def _ask(
        self, query: Mapping[str, str], patience: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A good answer; ApiError for another one."""
        async with self._session.get(self._url, params=query, timeout=patience) as answer:
            if answer.status >= 400:
                told = answer.headers.get("Retry-After", "")
                wait = seconds_to_wait(answer.status, told, time.time(), reads=True)
                raise from_answer(answer.status, await answer.text(), wait or 0.0)
            yield answer


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """One event a line, of any length: an object may be larger than a reader's buffer."""
    begun = bytearray()
    async for chunk in content.iter_any():
        begun += chunk
        *whole, rest = begun.split(b"\n")
        begun = bytearray(rest)
        for line in whole:
            if line:
                yield bytes(line)
