"""What has vanished while a watch was cut, and has everything been told for the first time?

After a watch that was cut for too long (410) kopf lists again, and does not tell what is no longer
there. So each list of kopf's is followed by one of our own:

    kopf lists ─> kopf watches ─> `began(path)` ─> list of names and uids ─> Sight.listed
                                                         └─ first time: not told yet? wait for it

`complete` is set once, for every kind and namespace, all that the first list named has been told.
Passes begin then, not earlier: what is not known yet would be made again.
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
"""The events of a list come within moments of it."""

Scope = tuple[Kind, str | None]
"""A kind in one namespace, or in all (None)."""
ListIdentities = Callable[[str, str], Awaitable[Listing]]
"""Lists what is under a path and carries labels. Raises ApiError."""


def scopes(namespaces: Iterable[str]) -> dict[str, Scope]:
    """What is watched, by the path of its collection."""
    served: list[str | None] = list(namespaces) or [None]
    return {
        kind.path(namespace): (kind, namespace)
        for kind in WATCHED
        for namespace in (served if kind.namespaced else [None])
    }


class Lists:
    """Compares the store with lists of its own. `renew` is called where history went backwards."""

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
        """kopf has had an answer: to a list, or to a watch that begins with what it listed."""
        if not watch:
            self._listed.add(path)
        elif path in self._listed and path in self._scopes:
            self._listed.discard(path)
            self._due.put_nowait(path)

    async def run(self) -> None:
        """Follows each list of kopf's by one of its own, for as long as it runs."""
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
