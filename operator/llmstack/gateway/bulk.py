"""How is a long array of inputs served? In parts, each of which waits for its turn.

    body ─ cut (routing/portions.py) ─> part ─ slots, replica ─> its result ─ merged ─> client
             └──────────────── one after the other <──────────────────┘

Other requests, of the same tenant too, wait for one part and not for the whole array. A short
response is sent only when it is complete, so that an error in a later part can still be reported.
A longer response is sent part by part; if a later part fails the connection is broken off, so that
the response is never silently short.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from llmstack.engines.llamacpp.merging import BareEmbeddings, Embeddings, Merging, Ranks
from llmstack.gateway.app import App
from llmstack.gateway.forwarding import Forward, next_id
from llmstack.gateway.http.answer import Answer
from llmstack.gateway.http.framing import LAST, chunk
from llmstack.gateway.note import Whole
from llmstack.gateway.part import Part
from llmstack.gateway.refusals import Refused, no_merged
from llmstack.routing.messages import WHOLE, Ask
from llmstack.routing.portions import Portion, Portions, is_cut

_HELD = 1024 * 1024
"""Bytes up to which a response is held until it is complete."""
_OPENAI = "/v1/embeddings"
"""Where `input` is answered in OpenAI's format; elsewhere, like `content`, in llama.cpp's."""
_TRIES = 2
"""Times that a part is sent if its response breaks off."""
_LOOK_SECONDS = 0.05
_ADMITTED = frozenset({""})
"""Names no replica, but marks later parts: the first part was counted and admitted for them."""

One = Callable[[Forward], Awaitable[None]]
"""Sends a request to replicas until one responds. Raises Refused."""


class Bulk:
    """Serves requests with an array of inputs."""

    def __init__(self, app: App, one: One) -> None:
        self._app = app
        self._one = one

    async def serve(self, request: Forward) -> Answer | None:
        """Returns the response, or None if it was sent or relayed already. Raises Refused."""
        array, slots = request.array, self._slots(request)
        if array is None or array.entries <= slots:
            if array is not None:
                request.ask = request.ask._replace(slots=array.entries)
            await self._one(request)
            return None
        if not is_cut(request.body, array, slots):
            await self._one(request)
            return None
        return await _Job(request, self._one, Portions(request.body, array, slots), slots).run()

    def _slots(self, request: Forward) -> int:
        """Returns the slots of the smallest replica, or without replicas the intended number."""
        load = self._app.load().get(request.model.id)
        totals = [each.total for each in load.replicas if each.total] if load else []
        return min(totals, default=request.model.slots or 1)


class _Job:
    """One request that is served in parts."""

    def __init__(self, request: Forward, one: One, portions: Portions, slots: int) -> None:
        self._request = request
        self._one = one
        self._portions = portions
        self._slots = slots
        self._merging = _merging(request)
        self._said: list[bytes] = []
        self._held = 0
        self._sent = 0
        self._first_byte = 0.0

    async def run(self) -> Answer | None:
        note = self._request.note
        try:
            avoid: frozenset[str] = frozenset()
            while portion := self._portions.next():
                self._say(await self._part(portion, avoid))
                avoid = _ADMITTED
                await self._read()
            self._say(self._merging.end())
        except Refused as refused:
            if not self._sent:
                raise
            note.code = refused.answer.code or "replica_failed"
            self._request.client.end_early(None)
            return None
        tokens = self._merging.tokens
        usage = b'{"usage":{"prompt_tokens":%d,"total_tokens":%d}}' % (tokens, tokens)
        size = self._sent + self._held
        note.whole = Whole(200, self._first_byte or time.monotonic(), size, usage)
        return self._finish()

    async def _part(self, portion: Portion, avoid: frozenset[str]) -> bytes:
        """Serves one part. Returns the next bytes of the whole response."""
        note, tries = self._request.note, self._request.note.tries
        for _ in range(_TRIES):
            part = Part(self._request.client, note)
            self._request.client.early = part
            note.code = ""
            began = time.monotonic()
            queued = note.queued
            await self._one(self._of(portion, avoid))
            if not part.cut:
                break
        else:
            raise Refused(no_merged("broke its answer off"))
        note.tries = max(1, tries)  # Retries count, the number of parts does not.
        self._portions.took(time.monotonic() - began - (note.queued - queued))
        try:
            return self._merging.add(part.body, portion.inputs)
        except ValueError as error:
            raise Refused(no_merged(f"answered a part with something else: {error}")) from error

    def _of(self, portion: Portion, avoid: frozenset[str]) -> Forward:
        """Returns a part as a request of its own, which arrives now."""
        slots = portion.inputs if portion.inputs <= self._slots else WHOLE
        ask = self._request.ask
        own = Ask(next_id(), ask.model, ask.tenant, slots, (), time.monotonic(), avoid)
        return replace(self._request, body=portion.body, ask=own, array=None)

    def _say(self, data: bytes) -> None:
        """Holds data while the response is short, then sends it."""
        if data:
            self._said.append(data)
            self._held += len(data)
        if self._sent or self._held > _HELD:
            self._send()

    def _send(self) -> None:
        data, client = b"".join(self._said), self._request.client
        self._said, self._held = [], 0
        if not self._sent:
            self._first_byte = time.monotonic()
            client.say(self._head(client.keep))
        if data:
            client.say(chunk(data))
        self._sent += len(data)

    def _finish(self) -> Answer | None:
        if self._sent:
            self._request.client.say(LAST)
            return None
        headers = tuple(self._lines())
        return Answer(200, b"".join(self._said), headers)

    async def _read(self) -> None:
        """Waits for a client that reads slowly, so that unread data does not pile up."""
        while self._request.client.paused:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(_LOOK_SECONDS)

    def _lines(self) -> list[tuple[bytes, bytes]]:
        note = self._request.note
        return [
            (b"x-llmstack-replica", note.replica.encode("latin-1", "replace")),
            (b"x-llmstack-queued-ms", b"%d" % (note.queued * 1000)),
        ]

    def _head(self, keep: bool) -> bytes:
        lines = b"".join(b"%b: %b\r\n" % line for line in self._lines())
        close = b"" if keep else b"connection: close\r\n"
        return (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"
            + self._request.ours
            + lines
            + close
            + b"\r\n"
        )


def _merging(request: Forward) -> Merging:
    assert request.array is not None
    match request.array.name:
        case "input" if request.path == _OPENAI:
            return Embeddings()
        case "input" | "content":
            return BareEmbeddings()
        case name:
            return Ranks(request.most, bare=name == "texts")
