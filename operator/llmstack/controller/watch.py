"""How does kopf watch, and through what does it reach the API server?

It watches with limits on time and number, and leaves no trace in the cluster: its session refuses
to write, whatever kopf tries. Its reports go through handlers.py.
"""

from collections.abc import Callable
from typing import Any

import aiohttp
import kopf

from llmstack.controller.fence import now
from llmstack.controller.health import Vitals
from llmstack.controller.sight import Sight
from llmstack.controller.watched import CHILDREN, LABELS, WATCH_SECONDS, WATCHED
from llmstack.kube.cluster_access import ClusterAccess
from llmstack.kube.kinds import Kind
from llmstack.kube.session import open_watch_session

_SLACK_SECONDS = 30
_INACTIVITY_SECONDS = 75
"""Seconds of silence after which a watch is dead; the API server sends a bookmark every minute."""


class Watching:
    """The `memo` of the handlers: leads them to the Sight, and kopf to its session.

    kopf copies the memo for each object; all copies are this one object.
    """

    def __init__(
        self,
        connection: ClusterAccess,
        agent: str,
        sight: Sight,
        requested: Callable[[str, bool], None],
        vitals: Vitals,
    ) -> None:
        self._connection = connection
        self._agent = agent
        self._sight = sight
        self._requested = requested
        self._vitals = vitals
        self._sessions: list[aiohttp.ClientSession] = []

    def __copy__(self) -> "Watching":
        return self

    def told(self, kind: Kind, event: kopf.RawEvent) -> None:
        """Takes what a list (without a type) or a watch of kopf has reported."""
        self._sight.note(kind, event["object"], deleted=event["type"] == "DELETED")

    def login(self) -> kopf.AiohttpSession:
        """Returns a new session. kopf asks for another if the API server refuses the last one."""
        for kind in WATCHED:
            self._vitals.watches.setdefault(kind.plural, now())
        session = open_watch_session(self._connection, self._agent, self._began, self._listed)
        self._sessions = [*(old for old in self._sessions if not old.closed), session]
        return kopf.AiohttpSession(server=self._connection.server, aiohttp_session=session)

    async def close(self) -> None:
        """Closes all sessions."""
        for session in self._sessions:
            await session.close()

    def _began(self, path: str) -> None:
        self._vitals.watches[path.rpartition("/")[2]] = now()
        self._requested(path, True)

    def _listed(self, path: str) -> None:
        self._requested(path, False)


class NothingToCompare(kopf.DiffBaseStorage):
    """Spares kopf a copy of each object to compare with, which no `on.event` needs."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Returns an empty essence."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        """Returns None, because nothing is stored."""
        return None

    def store(self, **_: Any) -> None:
        """Stores nothing, so that objects are not changed."""


class NoProgress(kopf.ProgressStorage):
    """Spares kopf a search for its annotations in each object; no `on.event` leaves any."""

    def fetch(self, **_: Any) -> None:
        """Returns None, because nothing is stored."""

    def store(self, **_: Any) -> None:
        """Stores nothing, so that objects are not changed."""

    def purge(self, **_: Any) -> None:
        """Removes nothing, because nothing is stored."""

    def touch(self, **_: Any) -> None:
        """Does nothing, so that objects are not changed."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Returns the essence unchanged."""
        return essence


def configure(settings: kopf.OperatorSettings) -> None:
    """Sets how kopf watches."""
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = NothingToCompare()
    settings.persistence.progress_storage = NoProgress()
    # What is watched is known in advance, so no right to list namespaces or CRDs is needed.
    settings.scanning.disabled = True
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = WATCH_SECONDS + _SLACK_SECONDS
    settings.watching.connect_timeout = _SLACK_SECONDS
    settings.watching.inactivity_timeout = _INACTIVITY_SECONDS
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    # Short steps, so that the watches are back within seconds after an outage.
    settings.networking.error_backoffs = (0.5, 1, 2, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5)
    # Workers have next to nothing to do, so their idle time limits a large first listing.
    settings.queueing.worker_limit = 100
    settings.queueing.idle_timeout = 0.1
    settings.execution.max_workers = 1
    settings.process.ultimate_exiting_timeout = None
    for kind in CHILDREN:
        group, version = kind.group_version
        settings.watching.label_selectors[group, version, kind.plural] = LABELS
