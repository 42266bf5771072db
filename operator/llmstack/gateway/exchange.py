"""What happens to a request, from its head to its record?

    head ─ answered by us? whose? ─ body ─ peek, which model? ─ acquire ─> a replica
       ┌── a fault before the first byte: release, ask again, avoid that replica ──┘
       └─> send ─ relay ─ release ─ record

A client that leaves cancels the story where it is, and the outcome is recorded. The lease is
released once the replica knows, too (upstream.py).
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from llmstack.gateway import cors, local
from llmstack.gateway.app import App
from llmstack.gateway.catalog import Backend, Model
from llmstack.gateway.early import Early, closing
from llmstack.gateway.forwarding import Forward, forward_of
from llmstack.gateway.http import forward
from llmstack.gateway.http.connection import Connection
from llmstack.gateway.http.faults import BeforeFirstByte, CutOff, Unanswered, Unreachable
from llmstack.gateway.http.head import Malformed, RequestHead, ResponseHead
from llmstack.gateway.http.limits import Limits
from llmstack.gateway.http.relay import Relay
from llmstack.gateway.http.upstream import Upstream, Upstreams
from llmstack.gateway.note import Note
from llmstack.gateway.refusals import (
    INVALID,
    SERVER,
    Answer,
    Refused,
    error,
    no_replica_left,
    of,
    unauthorized,
)
from llmstack.routing.messages import Ending, Grant, Reason, Refusal

log = logging.getLogger(__name__)

_LAST_BYTES = 4096
"""Replicas whose last byte is remembered, before those that are gone are forgotten."""


class Exchanges:
    """Answers all requests."""

    def __init__(self, app: App, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._upstreams = Upstreams(limits)
        self._last_bytes: dict[tuple[str, str], float] = {}

    def last_byte(self, model: str, replica: str) -> float:
        """When did a response of this replica last say something? -inf: never."""
        return self._last_bytes.get((model, replica), float("-inf"))

    def close(self) -> None:
        """Closes the idle connections to replicas."""
        self._upstreams.close()

    def heard(self, relay: Relay, now: float) -> None:
        """Bytes of this response have come lately. Asked for from time to time, not per byte."""
        self._last_bytes[relay.origin] = now

    def tick(self, now: float) -> None:
        """Called from time to time."""
        self._upstreams.tick(now)
        if len(self._last_bytes) > _LAST_BYTES:
            known = {(m.id, b.id) for m in self._app.catalog.models for b in m.backends}
            self._last_bytes = {k: v for k, v in self._last_bytes.items() if k in known}

    def refuse(self, client: Connection, fault: Malformed) -> None:
        """What came is no request; it is answered and recorded all the same."""
        note = Note(client.request)
        answered = _answer(client, note, _malformed(fault), b"")
        self._app.record(note.outcome(answered))

    async def serve(self, client: Connection) -> None:
        """One request."""
        head = client.head
        note = Note(head)
        ours = b"x-request-id: %b\r\n" % note.id
        if self._app.cors:
            origin = (head.get(b"origin") or "").encode("latin-1")
            ours += forward.lines(cors.headers(self._app.cors, origin))
        answered = 0
        try:
            answer = await self._story(client, head, note, ours)
            if answer is not None:
                answered = _answer(client, note, answer, ours)
        except asyncio.CancelledError:
            note.code = client.why_gone
            raise
        except Exception:
            log.exception("request %s was not answered", note.id.decode("ascii"))
            note.code = "internal"
            if note.relay is not None and client.responded:
                client.end_early(None)
            else:
                answered = _answer(client, note, _our_fault(), ours)
        finally:
            self._app.record(note.outcome(answered))

    async def _story(
        self, client: Connection, head: RequestHead, note: Note, ours: bytes
    ) -> Answer | None:
        """The answer, unless a replica's was relayed."""
        app = self._app
        preflight = local.preflight(head)
        if preflight is not None:
            return preflight
        tenant = local.tenant(app, head)
        if tenant is None:
            return unauthorized()
        note.tenant = tenant
        answer = local.without_replica(app, head)
        if answer is not None:
            return answer
        try:
            body = await client.body()
            note.bytes_in = len(body)
            request = forward_of(app.catalog, client, head, note, body, ours)
            await self._until_answered(request)
        except Malformed as fault:
            return _malformed(fault)
        except Refused as refused:
            return refused.answer
        return None

    async def _until_answered(self, request: Forward) -> None:
        """Tries replicas until one answers. Raises Refused."""
        ask, note, client = request.ask, request.note, request.client
        resends = 0
        fault: BeforeFirstByte | None = None
        while True:
            if request.streams and client.early is None:
                client.early = self._early(request)
            granted = await self._app.owner.acquire(ask)
            if client.early is not None and not client.early.begun:
                client.early = None
            if isinstance(granted, Refusal):
                if fault is not None and granted.reason is Reason.NO_REPLICA:
                    raise Refused(no_replica_left(request.model.id, len(ask.avoid), str(fault)))
                raise Refused(of(granted, request.model.id))
            note.tries += 1
            note.queued += granted.waited
            fault = await self._try(request, granted)
            if fault is None:
                return
            log.warning("replica %s of %s %s", granted.replica, request.model.id, fault)
            ask = ask._replace(avoid=ask.avoid | {granted.replica})
            resends += isinstance(fault, Unanswered)
            if resends > self._limits.resends or not self._others(request.model.id, ask.avoid):
                raise Refused(no_replica_left(request.model.id, len(ask.avoid), str(fault)))

    def _early(self, request: Forward) -> Early:
        """What it hears if it waits for a replica to start."""
        return Early(
            request.client,
            request.note,
            request.ours,
            self._limits.early_seconds,
            partial(self._app.owner.starting, request.model.id),
        )

    def _others(self, model: str, avoid: frozenset[str]) -> bool:
        """Is there a replica that has not failed this request?"""
        known = self._app.catalog.by_id.get(model)
        backends = known.backends if known is not None else ()
        return any(backend.accepting and backend.id not in avoid for backend in backends)

    async def _try(self, request: Forward, grant: Grant) -> BeforeFirstByte | None:
        """Sends it to the replica of a lease, which ends here. A fault: nothing was seen yet."""
        note = request.note
        note.replica, note.hit, note.relay = grant.replica, grant.hit, None
        ending = Ending.DONE  # Until something is sent, its slots stay idle.
        try:
            backend = self._backend(request.model, grant.replica)
            upstream = self._upstreams.idle(backend) or await self._upstreams.connect(backend)
            ending = Ending.CANCELLED
            await self._relay(request, grant, backend, upstream)
        except BeforeFirstByte as fault:
            ending = Ending.FAILED
            return fault
        except CutOff as fault:
            ending = Ending.FAILED
            note.code = "replica_failed"
            log.warning("replica %s of %s %s", grant.replica, request.model.id, fault)
        finally:
            if note.relay is not None and note.relay.whole:
                ending = Ending.DONE  # Also where the client left in that moment.
            if note.relay is None or ending is Ending.DONE:
                self._app.owner.release(grant.lease, ending)
            else:
                note.relay.abandon(partial(self._app.owner.release, grant.lease, ending))
        return None

    def _backend(self, model: Model, replica: str) -> Backend:
        """Where is it now? The catalog may have changed while the request waited."""
        known = self._app.catalog.by_id.get(model.id, model)
        for backend in (*known.backends, *model.backends):
            if backend.id == replica:
                return backend
        raise Unreachable("is no longer there")

    async def _relay(
        self, request: Forward, grant: Grant, backend: Backend, upstream: Upstream
    ) -> None:
        """Over this connection; and once more over a new one if a used one was dead already."""
        head = forward.request_head(
            request.client.head, request.path, backend, len(request.body), request.note.id
        )
        client = request.client.early or request.client
        dress, origin = self._dress(request, grant), (request.model.id, grant.replica)
        while True:
            relay = request.note.relay = Relay(upstream, client, dress, origin)
            try:
                relay.send(head, request.body)
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
            upstream = await self._upstreams.connect(backend)

    def _dress(self, request: Forward, grant: Grant) -> Callable[[ResponseHead], bytes]:
        """How does the head of the replica's response reach the client? Called as it begins."""
        ours = b"%bx-llmstack-replica: %b\r\nx-llmstack-queued-ms: %d\r\n" % (
            request.ours,
            grant.replica.encode("latin-1", "replace"),
            request.note.queued * 1000,
        )
        ours += b"x-llmstack-prefix-hit: %.2f\r\n" % grant.hit

        early = request.client.early

        def dress(head: ResponseHead) -> bytes:
            self._app.owner.first_byte(grant.lease)
            if early is not None:
                return early.dress(head)
            return forward.response_head(head, ours, request.client.keep)

        return dress


def _answer(client: Connection, note: Note, answer: Answer, ours: bytes) -> int:
    """Answers by ourselves; gives the bytes of the body."""
    note.status, note.code = answer.status, answer.code
    if client.responded:  # Its head was sent while it waited.
        client.end_early(closing(answer))
    else:
        client.answer(answer, ours)
    return len(answer.body)


def _malformed(fault: Malformed) -> Answer:
    kind = INVALID if fault.status < 500 else SERVER
    return error(fault.status, fault.message, kind=kind, code=fault.code)


def _our_fault() -> Answer:
    return error(
        500, "The gateway failed on this request; its log says how.", kind=SERVER, code="internal"
    )
