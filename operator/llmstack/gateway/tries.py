"""How is a request sent to one replica, and how does that end?

a lease ─ a connection ─ send ─ relay ─> release
             └── a fault before the first byte: released, the story continues (exchange.py)
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from llmstack.engines.llamacpp import usage
from llmstack.gateway import forms, whose
from llmstack.gateway.app import App
from llmstack.gateway.catalog import Model
from llmstack.gateway.deaths import Deaths
from llmstack.gateway.forwarding import Forward
from llmstack.gateway.http import forward
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.http.early import Early
from llmstack.gateway.http.faults import (
    BeforeFirstByte,
    CutOff,
    Forgotten,
    Overtaken,
    Unanswered,
    Unreachable,
)
from llmstack.gateway.http.head import ResponseHead
from llmstack.gateway.http.relay import Relay
from llmstack.gateway.http.upstream import Upstream, Upstreams
from llmstack.gateway.note import Note
from llmstack.gateway.refusals import Refused, no_answer
from llmstack.gateway.uncached import without_cache
from llmstack.routing.messages import Ending, Grant
from llmstack.routing.suspects import Then
from llmstack.settings.limits import Limits

log = logging.getLogger(__name__)

_OURS = b"%bx-llmstack-replica: %b\r\nx-llmstack-queued-ms: %d\r\nx-llmstack-prefix-hit: %.2f\r\n"
_LAST_BYTES = 4096
"""Replicas whose last byte is remembered; above that, removed replicas are forgotten."""


class Tries:
    """Sends requests to replicas, each for one lease."""

    def __init__(self, app: App, limits: Limits, deaths: Deaths) -> None:
        self._app = app
        self._lost_seconds = limits.lost_seconds
        self._deaths = deaths
        self._upstreams = Upstreams(limits)
        self._running: dict[int, Note] = {}  # by lease
        self._last_bytes: dict[tuple[str, str], float] = {}

    def last_byte(self, model: str, replica: str) -> float:
        """Returns when a response of this replica last sent a byte; -inf if never."""
        return self._last_bytes.get((model, replica), float("-inf"))

    def last_bytes(self) -> Mapping[tuple[str, str], float]:
        """Returns the same for all replicas, by model and replica."""
        return self._last_bytes

    def heard(self, relay: Relay, now: float) -> None:
        """Records that bytes of this response have come lately. Called per tick, not per byte."""
        self._last_bytes[relay.origin] = now

    def lost(self, lease: int) -> None:
        """Fails a request that its replica has not shown for `lost_seconds` without a byte."""
        note = self._running.get(lease)
        if note is not None and note.relay is not None:
            note.relay.forgotten(self._lost_seconds)

    def running(self) -> Iterable[Note]:
        """Returns the requests that replicas work on."""
        return self._running.values()

    def tick(self, now: float) -> None:
        """Closes old idle connections and forgets removed replicas. Called once per tick."""
        self._upstreams.tick(now)
        if len(self._last_bytes) > _LAST_BYTES:
            known = {(m.id, b.id) for m in self._app.catalog.models for b in m.backends}
            self._last_bytes = {k: v for k, v in self._last_bytes.items() if k in known}

    def close(self) -> None:
        """Closes the idle connections to replicas."""
        self._upstreams.close()

    async def attempt(self, request: Forward, grant: Grant) -> BeforeFirstByte | None:
        """Sends the request to the lease's replica and ends the lease.

        Returns a fault if the client has seen nothing, so that another replica may serve it; None
        if it was served. Raises Refused.
        """
        note = request.note
        note.replica, note.hit, note.relay = grant.replica, grant.hit, None
        ending = Ending.DONE  # Until something is sent, the slots stay idle.
        self._running[grant.lease] = note
        failed: BeforeFirstByte | None = None
        try:
            backend = self._backend(request.model, grant.replica)
            body = request.body
            if not self._may_reuse(request, grant.replica):
                body = await without_cache(request.path, body)
            upstream = self._upstreams.idle(backend) or await self._upstreams.connect(backend)
            self._check_held(grant, upstream)
            ending = Ending.CANCELLED
            await self._relay(request, body, grant, backend, upstream)
        except Overtaken as fault:
            failed = fault
        except BeforeFirstByte as fault:
            ending = Ending.FAILED
            failed = fault
        except Forgotten as fault:
            log.warning("replica %s of %s %s", grant.replica, request.model.id, fault)
            raise Refused(no_answer(request.model.id, str(fault))) from fault
        except asyncio.CancelledError:
            self._deaths.left(request)
            raise
        except CutOff as fault:
            ending = Ending.FAILED
            note.code = "replica_failed"
            self._deaths.was_cut(request, backend)
            log.warning("replica %s of %s %s", grant.replica, request.model.id, fault)
        finally:
            del self._running[grant.lease]
            if note.relay is not None and note.relay.whole:
                ending = Ending.DONE  # Even if the client left just then.
                self._learn(grant, note.relay)
            self._end(request, grant, ending)
        if isinstance(failed, Unanswered) and failed.then is None:
            failed.then = await self._deaths.after(request, backend, stale=False)
        return failed

    def _learn(self, grant: Grant, relay: Relay) -> None:
        """Tells the owner whether the replica had cached what it was believed to have."""
        if grant.hit:
            tokens = usage.read(relay.text)
            if tokens.prompt:
                self._app.owner.cached(grant.lease, tokens.cached)

    def _end(self, request: Forward, grant: Grant, ending: Ending) -> None:
        """Releases the lease, now or once the replica knows that its client has left."""
        relay, owner, deaths = request.note.relay, self._app.owner, self._deaths
        if relay is None or ending is Ending.DONE:
            owner.release(grant.lease, ending)
            deaths.ended(request, grant.replica)
            if relay is not None:  # Without one nothing was sent, so nothing was answered.
                deaths.answered(request)
        elif grant.echoes:  # Its polls show what it works on, so no slot is granted twice.
            relay.abandon(partial(deaths.ended, request, grant.replica))
            owner.release(grant.lease, ending)
        else:
            relay.abandon(partial(self._both, request, grant, ending))

    def _both(self, request: Forward, grant: Grant, ending: Ending) -> None:
        """Releases the lease, because the replica has ended the request."""
        self._app.owner.release(grant.lease, ending)
        self._deaths.ended(request, grant.replica)

    def _backend(self, model: Model, replica: str) -> Backend:
        """Returns the replica. The catalog may have changed while the request waited."""
        known = self._app.catalog.by_id.get(model.id, model)
        for backends in (known.backends, model.backends):
            for backend in backends:
                if backend.id == replica:
                    return backend
        raise Unreachable("is no longer there")

    async def _relay(
        self,
        request: Forward,
        body: bytes | bytearray,
        grant: Grant,
        backend: Backend,
        upstream: Upstream,
    ) -> None:
        """Relays over this connection, and once over a new one if a reused one was dead already."""
        ours = whose.lines(grant.lease, backend, request.model.id, request.cache)
        if request.opening:
            ours += forms.CONTENT_TYPE
        length = len(request.opening) + len(body)
        head = forward.request_head(
            request.client.head, request.path, backend, length, request.note.id, ours
        )
        head += request.opening
        client = request.client.early or request.client
        dress, origin = self._dress(request, grant), (request.model.id, grant.replica)
        while True:
            relay = request.note.relay = Relay(upstream, client, dress, origin, request.path)
            self._deaths.sent(request, grant.replica)
            try:
                relay.send(head, body)
                await relay.over
                self._last_bytes[origin] = time.monotonic()
                if isinstance(client, Early) and (refused := client.refused()):
                    raise Refused(refused)
                return
            except asyncio.CancelledError:
                relay.abandon()
                raise
            except Unanswered as fault:
                if not (upstream.reused and fault.silent):
                    raise
                fault.then = await self._deaths.after(request, backend, stale=True)
                if fault.then is not Then.ELSEWHERE:
                    raise
            upstream = await self._again(backend)
            self._check_held(grant, upstream)

    def _check_held(self, grant: Grant, upstream: Upstream) -> None:
        """Raises Overtaken if the slots may have been granted to others since."""
        if not self._app.owner.holds(grant.lease):
            upstream.give_back(reusable=True)
            raise Overtaken

    async def _again(self, backend: Backend) -> Upstream:
        """Opens a connection for another try. Raises Unanswered: the first may have done harm."""
        try:
            return await self._upstreams.connect(backend)
        except Unreachable as fault:
            raise Unanswered(str(fault), silent=True) from fault

    def _may_reuse(self, request: Forward, replica: str) -> bool:
        """True if what is cached may be used: not if the replica cannot keep tenants apart."""
        apart = self._app.keys is not None and request.cache
        return not apart or self._app.keeps_apart(request.model.id, replica)

    def _dress(self, request: Forward, grant: Grant) -> Callable[[ResponseHead], bytes]:
        """Returns the function that makes the client's head, called when the response begins."""
        ours = _OURS % (
            request.ours,
            grant.replica.encode("latin-1", "replace"),
            request.note.queued * 1000,
            grant.hit,
        )
        early = request.client.early

        def dress(head: ResponseHead) -> bytes:
            self._app.owner.first_byte(grant.lease)
            self._deaths.begun(request, grant.replica)
            if early is not None and early.begun:
                return early.dress(head)
            return forward.response_head(head, ours, request.client.keep)

        return dress
