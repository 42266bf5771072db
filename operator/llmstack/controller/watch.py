"""What has happened in the cluster?

kopf watches and tells; all that is done about it is to put keys into the queue. Only `on.event` is
used: it sets no finalizer and writes no annotation. And whatever kopf may try, its session refuses
to write. Secrets and ConfigMaps are not watched: the operator reads single ones by name, and drift
in them is repaired at the next resync.
"""

from collections.abc import Callable
from typing import Any

import aiohttp
import kopf

from llmstack.controller.keys import KnownKeys
from llmstack.controller.names import NameIndex
from llmstack.controller.queue import WorkQueue
from llmstack.desired.metadata import MANAGED_BY_LABEL, MANAGER
from llmstack.kube.kinds import CLAIM, LLM_DEPLOYMENT, MADE, POD, Kind

CHILDREN = (*MADE, CLAIM, POD)
WATCHED = (LLM_DEPLOYMENT, *CHILDREN)

WATCH_SECONDS = 240
"""After so long the API server ends a watch, and a new one begins."""
_SLACK_SECONDS = 30
_INACTIVITY_SECONDS = 75
"""The API server sends a bookmark a minute: a watch that is silent for longer is dead."""

OpenSession = Callable[[], aiohttp.ClientSession]


def registry(
    queue: WorkQueue,
    known: KnownKeys,
    names: NameIndex,
    server: str,
    open_session: OpenSession,
) -> kopf.OperatorRegistry:
    """Which handlers are there? One login, and one for the events of each kind."""
    handlers = kopf.OperatorRegistry()

    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=server, aiohttp_session=open_session())

    kopf.on.login(registry=handlers)(login)
    for kind in WATCHED:
        _register(handlers, kind, queue, known, names)
    return handlers


def _register(
    handlers: kopf.OperatorRegistry,
    kind: Kind,
    queue: WorkQueue,
    known: KnownKeys,
    names: NameIndex,
) -> None:
    async def seen(event: Any, **_: Any) -> None:
        body, deleted = event["object"], event["type"] == "DELETED"
        # First: the pass over this one must know of its conflicts.
        others = names.note(body, deleted=deleted) if kind == LLM_DEPLOYMENT else []
        # What a list tells (None) was there before: at a start nobody waits for all of it.
        urgent = event["type"] is not None
        for key in (*known.concerned(kind, body["metadata"], deleted=deleted), *others):
            queue.add(key, urgent=urgent)

    group, version = kind.group_version
    kopf.on.event(group, version, kind.plural, registry=handlers, id=kind.plural)(seen)


def settings() -> kopf.OperatorSettings:
    """How does kopf watch? Bounded in time and number, and without a trace in the cluster."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    # What is watched is known beforehand: no right to list namespaces or CRDs is needed.
    chosen.scanning.disabled = True
    chosen.watching.server_timeout = WATCH_SECONDS
    chosen.watching.client_timeout = WATCH_SECONDS + _SLACK_SECONDS
    chosen.watching.connect_timeout = _SLACK_SECONDS
    chosen.watching.inactivity_timeout = _INACTIVITY_SECONDS
    chosen.watching.chunk_size = 500
    chosen.networking.request_timeout = 60
    chosen.networking.connect_timeout = 10
    # Short steps: after an outage the watches are back within seconds.
    chosen.networking.error_backoffs = (0.5, 1, 2, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5)
    # A worker's work is done in no time: its idle time is what bounds a large first listing.
    chosen.queueing.worker_limit = 100
    chosen.queueing.idle_timeout = 0.1
    chosen.execution.max_workers = 1
    chosen.process.ultimate_exiting_timeout = None
    for kind in CHILDREN:
        group, version = kind.group_version
        selector = f"{MANAGED_BY_LABEL}={MANAGER}"
        chosen.watching.label_selectors[group, version, kind.plural] = selector
    return chosen
