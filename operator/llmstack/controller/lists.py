"""What has vanished while a watch was interrupted, and has everything been reported once?

If a watch was interrupted for too long (410), kopf lists again but does not report what no longer
exists. So each list of kopf's is followed by one of our own:

    kopf lists ─> kopf watches ─> `requested(path)` ─> list of names and uids ─> Sight.listed
                                                         └─ first time: wait for those not reported

`complete` is set once everything in the first list of every kind and namespace has been reported.
Passes start only then, because they would create again what is not known yet.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from llmstack.controller.sight import Sight
from llmstack.controller.watched import WATCHED, labels_of
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import Kind
from llmstack.kube.listing import Listing

log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 0.05
"""Seconds between checks, since the events for a list come within moments."""

Scope = tuple[Kind, str | None]
"""A kind in one namespace, or in all namespaces (None)."""
ListIdentities = Callable[[str, str], Awaitable[Listing]]
"""Lists the objects under a path that carry these labels. Raises ApiError."""


def scopes(namespaces: Iterable[str]) -> dict[str, Scope]:
    """Returns what is watched, by the path of its collection."""
    served: list[str | None] = list(namespaces) or [None]
    return {
        kind.path(namespace): (kind, namespace)
        for kind in WATCHED
        for namespace in (served if kind.namespaced else [None])
    }


class Lists:
    """Compares the store with own lists. `renew` is called if history went backwards."""

    def __init__(
        self,
        sight: Sight,
        namespaces: Iterable[str],
        list_identities: ListIdentities,
        renew: Callable[[], None],
    ) -> None:
        self._sight = sight
        self._scopes = scopes(namespaces)
        self._list = list_identities
        self._renew = renew
        self._listed: set[str] = set()
        self._due: asyncio.Queue[str] = asyncio.Queue()
        self._missing = set(self._scopes)
        self.complete = asyncio.Event()

    def requested(self, path: str, watch: bool) -> None:
        """Records that kopf's list was answered, or its watch that starts from that list."""
        if not watch:
            self._listed.add(path)
        elif path in self._listed and path in self._scopes:
            self._listed.discard(path)
            self._due.put_nowait(path)

    async def run(self) -> None:
        """Follows each list of kopf's by one of its own, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                path = await self._due.get()
                group.create_task(self._follow(path), name=f"list {path}")

    async def _follow(self, path: str) -> None:
        kind, namespace = self._scopes[path]
        listing = await self._listing(path)
        self._sight.listed(kind, namespace, listing.places, listing.version)
        unseen = self._sight.unseen(kind, listing.places)
        while unseen:
            await asyncio.sleep(_LOOK_SECONDS)
            unseen = self._sight.unseen(kind, unseen)
        self._missing.discard(path)
        if not self._missing:
            self.complete.set()

    async def _listing(self, path: str) -> Listing:
        kind, _ = self._scopes[path]
        while True:
            before = self._sight.store.newest(kind)
            try:
                listing = await self._list(path, labels_of(kind))
            except ApiError as error:
                log.warning("%s cannot be listed yet: %s", kind.plural, error)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if listing.version < before:
                log.error("the cluster was restored to an earlier state: restarting")
                self._renew()
            return listing
