"""How does kopf watch, and through what does it reach the API server?

Bounded in time and number, and without a trace in the cluster: whatever kopf may try, its session
refuses to write. What it tells goes through handlers.py.
"""

from collections.abc import Callable
from typing import Any

import aiohttp
import kopf

from llmstack.controller.fence import now
from llmstack.controller.health import Vitals
from llmstack.controller.sight import Sight
from llmstack.controller.watched import CHILDREN, LABELS, WATCH_SECONDS, WATCHED
from llmstack.kube.connection import Connection
from llmstack.kube.kinds import Kind
from llmstack.kube.session import open_watch_session

_SLACK_SECONDS = 30
_INACTIVITY_SECONDS = 75
"""The API server sends a bookmark a minute: a watch that is silent for longer is dead."""


class Watching:
    """What the handlers reach as `memo`: the Sight, and the session that kopf reads through.

    kopf copies the memo for each object: this one stays the same for all of them.
    """

    def __init__(
        self,
        connection: Connection,
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
        """Takes over what kopf was told, by a list (no type) or by a watch."""
        self._sight.note(kind, event["object"], deleted=event["type"] == "DELETED")

    def login(self) -> kopf.AiohttpSession:
        """A new session; kopf asks for one again where the API server refused the last one."""
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
    """Spares kopf a copy of each object: what it would compare matters to no `on.event`."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """An essence of nothing."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        """Nothing was stored."""
        return None

    def store(self, **_: Any) -> None:
        """Stores nothing: objects stay as they are."""


class NoProgress(kopf.ProgressStorage):
    """Spares kopf the search for its own annotations in each object: no `on.event` leaves any."""

    def fetch(self, **_: Any) -> None:
        """Nothing was stored."""

    def store(self, **_: Any) -> None:
        """Stores nothing: objects stay as they are."""

    def purge(self, **_: Any) -> None:
        """There is nothing to take out."""

    def touch(self, **_: Any) -> None:
        """Objects stay as they are."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """The essence as it is."""
        return essence


def configure(settings: kopf.OperatorSettings) -> None:
    """How kopf watches."""
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = NothingToCompare()
    settings.persistence.progress_storage = NoProgress()
    # What is watched is known beforehand: no right to list namespaces or CRDs is needed.
    settings.scanning.disabled = True
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = WATCH_SECONDS + _SLACK_SECONDS
    settings.watching.connect_timeout = _SLACK_SECONDS
    settings.watching.inactivity_timeout = _INACTIVITY_SECONDS
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    # Short steps: after an outage the watches are back within seconds.
    settings.networking.error_backoffs = (0.5, 1, 2, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5)
    # A worker's work is done in no time: its idle time is what bounds a large first listing.
    settings.queueing.worker_limit = 100
    settings.queueing.idle_timeout = 0.1
    settings.execution.max_workers = 1
    settings.process.ultimate_exiting_timeout = None
    for kind in CHILDREN:
        group, version = kind.group_version
        settings.watching.label_selectors[group, version, kind.plural] = LABELS
