"""What happens to a request, from its head to its record?

    head ─ does it need a replica? whose is it? ─ body ─ which model? ─ acquire ─> a replica
       ┌── a fault before the first byte: release, acquire again, avoid that replica ──┘
       └─> send ─ relay ─ release ─ record

If the client leaves, the story is cancelled where it stands and its outcome is recorded. The lease
is released once the replica knows, too (upstream.py).
"""

import asyncio
import logging
from collections.abc import Mapping

from llmstack.gateway import control, cors, paths
from llmstack.gateway import own_answers as local
from llmstack.gateway.app import App
from llmstack.gateway.bulk import Bulk
from llmstack.gateway.deaths import Deaths
from llmstack.gateway.endpoints import CONTROL
from llmstack.gateway.fit import Measurement
from llmstack.gateway.forwarding import Forward, forward_of
from llmstack.gateway.http import forward
from llmstack.gateway.http.answer import INVALID, SERVER, Answer, error
from llmstack.gateway.http.client import Client
from llmstack.gateway.http.early import Early, closing
from llmstack.gateway.http.faults import BeforeFirstByte, Overtaken, Unanswered
from llmstack.gateway.http.head import Malformed, RequestHead
from llmstack.gateway.http.relay import Relay
from llmstack.gateway.http.shapes import shaped
from llmstack.gateway.length import ALWAYS, check_length
from llmstack.gateway.note import Note
from llmstack.gateway.refusals import Refused, no_replica_left, of, replica_died, unauthorized
from llmstack.gateway.tries import Tries
from llmstack.routing.messages import Ending, Reason, Refusal
from llmstack.routing.suspects import Then
from llmstack.settings.limits import Limits

log = logging.getLogger(__name__)

_MEASURED_AT_ONCE = 64 * 1024
"""Bytes of pictures and sounds that are checked without a thread, in a millisecond or two."""


class Exchanges:
    """Serves all requests."""

    def __init__(self, app: App, limits: Limits, deaths: Deaths | None = None) -> None:
        self._app = app
        self._limits = limits
        self._deaths = deaths or Deaths(app, limits)
        self._tries = Tries(app, limits, self._deaths)
        self._bulk = Bulk(app, self._one)
        self._measuring = asyncio.Lock()

    def last_byte(self, model: str, replica: str) -> float:
        """Returns when a response of this replica last sent a byte; -inf if never."""
        return self._tries.last_byte(model, replica)

    def last_bytes(self) -> Mapping[tuple[str, str], float]:
        """Returns the same for all replicas, by model and replica."""
        return self._tries.last_bytes()

    def close(self) -> None:
        """Closes the idle connections to replicas."""
        self._tries.close()
        self._deaths.close()

    def takes_form(self, path: str) -> bool:
        """True if what is sent to this path is a form."""
        return paths.takes_form(path)

    def heard(self, relay: Relay, now: float) -> None:
        """Records that bytes of this response have come lately. Called per tick, not per byte."""
        self._tries.heard(relay, now)

    def lost(self, lease: int) -> None:
        """Fails a request that its replica has not shown for `lost_seconds` without a byte."""
        self._tries.lost(lease)

    def tick(self, now: float) -> None:
        """Is called once per tick."""
        self._tries.tick(now)

    def refuse(self, client: Client, fault: Malformed) -> None:
        """Refuses bytes that are not a request, and records them as one."""
        note = Note(client.request)
        answered = _answer(client, note, _malformed(fault), b"")
        self._app.record(note.outcome(answered))

    async def serve(self, client: Client) -> None:
        """Serves one request and records its outcome."""
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
            log.exception("failed to answer request %s", note.id.decode("ascii"))
            note.code = "internal"
            if note.relay is not None and client.responded:
                client.end_early(None)
            else:
                answered = _answer(client, note, _our_fault(), ours)
        finally:
            self._app.record(note.outcome(answered))

    async def _story(
        self, client: Client, head: RequestHead, note: Note, ours: bytes
    ) -> Answer | None:
        """Returns the gateway's own answer, or None if a replica's response was relayed."""
        app = self._app
        public = local.without_key(app, head)
        if public is not None:
            return public
        tenant = local.tenant(app, head)
        if tenant is None:
            return unauthorized(no_keys=app.keys is not None and app.keys.empty)
        note.tenant = tenant
        answer = local.without_replica(app, head)
        if answer is not None:
            return answer
        try:
            payer = tenant if app.keys is not None else ""
            body = client.admit(payer) or await client.body()
            note.bytes_in = body.size
            request = forward_of(
                app.catalog,
                client,
                head,
                note,
                body,
                ours,
                limits=self._limits,
                secret=app.prompt_secret,
            )
            if request.text > ALWAYS:
                check_length(request.text, app.context(request.model), request.prompts)
            if request.measure is not None:
                await self._measured(request.measure)
            if request.path == CONTROL:
                request = control.only_where_it_runs(request, self._tries.running())
            if request.hash_prompt is not None:
                chain = await asyncio.to_thread(request.hash_prompt)
                request.ask = request.ask._replace(blocks=chain)
            if request.array is None:
                await self._one(request)
            else:
                answer = await self._bulk.serve(request)
        except Malformed as fault:
            return _malformed(fault)
        except Refused as refused:
            return refused.answer
        return answer

    async def _measured(self, measurement: Measurement) -> None:
        """Checks pictures and sounds; large ones in a thread, one at a time. Raises Refused."""
        if measurement.size <= _MEASURED_AT_ONCE:
            measurement.run()
            return
        async with self._measuring:
            await asyncio.to_thread(measurement.run)

    async def _one(self, request: Forward) -> None:
        """Sends the request until a replica has served it. Raises Refused."""
        self._deaths.enter(request)
        try:
            await self._until_answered(request)
        finally:
            self._deaths.leave(request)

    async def _until_answered(self, request: Forward) -> None:
        """Tries replicas until one serves the request. Raises Refused."""
        ask, note, client = request.ask, request.note, request.client
        fault: BeforeFirstByte | None = None
        while True:
            if request.streams and client.early is None:
                client.early = self._early(request)
            if self._deaths.must_wait(request):
                await self._deaths.turn(request)
            granted = await self._app.owner.acquire(ask)
            if isinstance(granted, Refusal):
                if fault is not None and granted.reason is Reason.NO_REPLICA:
                    raise Refused(no_replica_left(request.model.id, len(ask.avoid), str(fault)))
                raise Refused(of(granted, request.model.id, self._obstacle(request.model.id)))
            if self._deaths.must_wait(request):
                self._app.owner.release(granted.lease, Ending.DONE)
                continue
            note.tries += 1
            note.queued += granted.waited
            failed = await self._tries.attempt(request, granted)
            if failed is None:
                return
            if isinstance(failed, Overtaken):
                note.tries -= 1
                continue
            fault = failed
            log.warning("replica %s of %s %s", granted.replica, request.model.id, fault)
            ask = ask._replace(avoid=ask.avoid | {granted.replica})
            if isinstance(fault, Unanswered) and fault.then is not Then.ELSEWHERE:
                ask = ask._replace(blocks=())  # A suspect should go where it disturbs the fewest.
                if fault.then is Then.REFUSED and request.suspect.deaths:
                    again = request.suspect.deaths > 1
                    raise Refused(replica_died(request.model.id, again))
            worn_out = isinstance(fault, Unanswered) and fault.then is Then.REFUSED
            if worn_out or not self._others(request.model.id, ask.avoid):
                raise Refused(no_replica_left(request.model.id, len(ask.avoid), str(fault)))

    def _early(self, request: Forward) -> Early:
        """Returns what keeps the client's stream alive while it waits."""
        return Early(request.client, request.note, request.ours, self._limits.early_seconds)

    def _obstacle(self, model: str) -> str:
        known = self._app.catalog.by_id.get(model)
        return known.obstacle if known is not None else ""

    def _others(self, model: str, avoid: frozenset[str]) -> bool:
        """True if there is a replica that has not failed this request."""
        known = self._app.catalog.by_id.get(model)
        backends = known.backends if known is not None else ()
        return any(backend.accepting and backend.id not in avoid for backend in backends)


def _answer(client: Client, note: Note, answer: Answer, ours: bytes) -> int:
    """Sends an answer of the gateway itself. Returns the size of its body in bytes."""
    answer = shaped(note.path, answer)
    note.status, note.code = answer.status, answer.code
    if client.responded:  # Its head was sent while it waited.
        client.end_early(closing(answer))
    else:
        client.answer(answer, ours)
    return len(answer.body)


def _malformed(fault: Malformed) -> Answer:
    kind = INVALID if fault.status < 500 else SERVER
    return error(
        fault.status, fault.message, kind=kind, code=fault.code, retry_after=fault.retry_after
    )


def _our_fault() -> Answer:
    return error(
        500, "The gateway failed on this request; its log says how.", kind=SERVER, code="internal"
    )
