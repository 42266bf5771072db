"""When does one replica come up, how is it doing, and when does it go?

    away ── good /health, /props, /slots ──> up ── polled for /slots every second ──┐
      ^                                       │  ^──────────────────────────────────┘
      └── refuses the connection or the key, is loading, or has no /slots ──┘

After a cancelled request it is polled at once and then often, until its slots are accounted for. A
poll may wait long behind a prefill: only if /slots and all its streams have been silent for
`wedge_seconds` is it quarantined (routing/wedge.py).
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from enum import StrEnum

from llmstack.engines.for_gateway import REPLICA
from llmstack.errors import LLMStackError
from llmstack.gateway.catalog import Model
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.replica_pace import Pace, answer_timeout
from llmstack.gateway.replica_probe import Broken, NoConnection, Probe, Reply
from llmstack.gateway.slot_owner import SlotOwner
from llmstack.routing.slots import SlotsSeen
from llmstack.routing.wedge import Wedge

log = logging.getLogger(__name__)


class State(StrEnum):
    """The state of a replica."""

    AWAY = "away"
    UP = "up"
    WEDGED = "wedged"


class _Gone(LLMStackError):
    """The replica serves nobody now; the message says why. `died`: its process has ended."""

    def __init__(self, why: str, died: bool = False) -> None:
        super().__init__(why)
        self.died = died


class _NoAnswer(LLMStackError):
    """This poll says nothing; the next one may."""


class ReplicaWatch:
    """Watches one replica of one model for as long as the catalog has it.

    A replica that accepts no new requests (it is terminating, or no longer ready) is polled too: it
    may be computing, or come back. The owner decides whether it gets requests.
    """

    def __init__(
        self,
        owner: SlotOwner,
        model: Model,
        backend: Backend,
        last_byte: Callable[[], float],
        pace: Pace,
        lost: Callable[[Backend], None],
    ) -> None:
        self._owner = owner
        self._ids = (model.id, backend.id)
        self._last_byte = last_byte
        self._lost = lost
        self._pace = pace
        self._soon = asyncio.Event()
        self._began = 0.0
        self._step = pace.quick
        self._metrics_at = 0.0
        self._connections = 0
        self._broken = False
        self._away_since = self._why_since = time.monotonic()
        self._backend = backend
        self._wedge = Wedge(model.wedge_seconds)
        self._patience = answer_timeout(pace, model.wedge_seconds)
        self._probe = Probe(backend.host, backend.port, pace.connect)
        self.asked = False
        self.state = State.AWAY
        self.why = ""
        self.deferred = 0
        self.keeps_apart = False
        self.context = 0
        self.started = ""
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts watching the replica."""
        self.task = asyncio.create_task(self._run(), name=str(self))

    def __str__(self) -> str:
        return f"replica {self._ids[1]} of {self._ids[0]}"

    def update(self, model: Model, backend: Backend) -> bool:
        """Takes the newest catalog entry. Returns False if it has moved, so it needs a new
        watch."""
        if (backend.host, backend.port) != (self._backend.host, self._backend.port):
            return False
        if backend.ready and not self._backend.ready:
            self._away_since = time.monotonic()
        self._backend = backend
        self._wedge.wedge_seconds = model.wedge_seconds
        self._patience = answer_timeout(self._pace, model.wedge_seconds)
        return True

    def unreachable(self) -> str:
        """Returns why a ready replica cannot be reached; "" if it can, or still may be late."""
        away = self.state is State.AWAY and self._backend.ready
        late = time.monotonic() - self._away_since >= self._pace.unreachable
        return self.why if away and late else ""

    def hurry(self) -> None:
        """Polls soon and often, because a request there was cancelled or broke."""
        self._step = self._pace.quick
        self._soon.set()

    def stop(self) -> None:
        """Stops watching, because the replica was removed."""
        self._leave("it was removed", logging.INFO)
        if self.task is not None:
            self.task.cancel()
        self._probe.close()

    async def _run(self) -> None:
        while True:
            try:
                await self._enter()
                await self._follow()
            except _Gone as gone:
                was_there = self.state is not State.AWAY
                self._leave(str(gone))
                if gone.died and was_there:
                    self._lost(self._backend)
            except Exception:
                # A bug here must not take a replica away forever.
                log.exception("%s", self)
                self._leave("the gateway failed to watch it")
            await asyncio.sleep(self._pace.until_next_try(time.monotonic() - self._why_since))

    async def _enter(self) -> None:
        try:
            await self._ask(REPLICA.HEALTH_PATH)
            total, self.context, self.keeps_apart = REPLICA.capacity(
                (await self._ask(REPLICA.CAPACITY_PATH)).body
            )
            poll = await self._look()
        except (_NoAnswer, ValueError) as error:
            raise _Gone(str(error)) from error
        self._wedge = Wedge(self._wedge.wedge_seconds)
        self._broken = False
        self.started = ""
        await self._measure()
        self.state, self.why, self.asked = State.UP, "", True
        log.info("%s is ready with %d slots", self, total)
        self._owner.replica_up(*self._ids, total)
        self._owner.seen(*self._ids, poll)

    async def _follow(self) -> None:
        """Polls until the replica is gone."""
        # Replicas that came up together must not be polled in one burst.
        delay = self._pace.poll * random.random()  # noqa: S311 - no secret
        self._metrics_at = time.monotonic() + self._pace.metrics * random.random()  # noqa: S311
        while True:
            await self._pause(delay)
            await self._poll()
            delay = self._delay()
            now = time.monotonic()
            if self._reconnected() or (delay == self._pace.poll and now >= self._metrics_at):
                await self._measure()

    def _leave(self, why: str, level: int = logging.WARNING) -> None:
        if why != self.why:
            log.log(level, "%s is not available: %s", self, why)
            self._why_since = time.monotonic()
        was, self.state, self.why, self.deferred = self.state, State.AWAY, why, 0
        self.asked = True
        if was is not State.AWAY:
            self._away_since = time.monotonic()
            self._owner.replica_down(*self._ids)

    async def _poll(self) -> None:
        self._wedge.asked(time.monotonic())
        try:
            poll = await self._look()
        except _NoAnswer as silence:
            log.debug("%s: %s", self, silence)
        else:
            self._wedge.answered()
            self._owner.seen(*self._ids, poll)
        self._wedge.byte(self._last_byte())
        self._quarantine(self._wedge.check(time.monotonic()))

    def _quarantine(self, on: bool) -> None:
        if on is (self.state is State.WEDGED):
            return
        self.state = State.WEDGED if on else State.UP
        log.warning("%s %s", self, "is hung and gets no new requests" if on else "responds again")
        self._owner.quarantine(*self._ids, on)

    async def _look(self) -> SlotsSeen:
        self._began = time.monotonic()
        reply = await self._ask(REPLICA.BUSY_PATH)
        try:
            return SlotsSeen(self._began, *REPLICA.busy(reply.body, reply.headers))
        except ValueError as error:
            raise _NoAnswer(str(error)) from error

    async def _measure(self) -> None:
        """Reads how many requests wait inside it, and whether it is still the same process."""
        self._metrics_at = time.monotonic() + self._pace.metrics
        try:
            reply = await self._ask(REPLICA.METRICS_PATH)
        except (_NoAnswer, _Gone):
            return
        self._connections = self._probe.connections
        self.deferred = REPLICA.deferred(reply.body) or 0
        before, self.started = self.started, REPLICA.started(reply.headers)
        if before and self.started != before:
            raise _Gone("its process was replaced", died=True)

    def _reconnected(self) -> bool:
        """True if the connection is not the one over which its process was last identified."""
        return bool(self.started) and self._probe.connections != self._connections

    def _delay(self) -> float:
        """Returns the seconds until the next poll."""
        if not self._owner.draining(*self._ids):
            return self._pace.poll
        delay, self._step = self._step, min(2 * self._step, self._pace.slow)
        return delay

    async def _pause(self, delay: float) -> None:
        """Waits for `delay`, or until hurry() is called, but never less than the quick pace."""
        least = self._began + self._pace.quick - time.monotonic()
        if least > 0:
            await asyncio.sleep(least)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay - max(0.0, least)):
                await self._soon.wait()
        self._soon.clear()

    async def _ask(self, path: str) -> Reply:
        """Returns a good answer. Raises _Gone if the replica serves nobody now, else _NoAnswer."""
        try:
            reply = await self._probe.get(path, self._backend.key, self._patience)
        except NoConnection as error:
            raise _Gone("it accepts no connections", died=True) from error
        except Broken as error:
            raise self._of_broken(path) from error
        except TimeoutError as error:
            raise _NoAnswer(f"{path} does not answer") from error
        self._broken = False
        if reply.status in _GONE:
            raise _Gone(_GONE[reply.status].format(path=path))
        if reply.status != 200:
            raise _NoAnswer(f"{path} answers with status {reply.status}")
        return reply

    def _of_broken(self, path: str) -> Exception:
        """Returns the fault to raise. One break may end an old connection; two mean it is gone."""
        again, self._broken = self._broken, True
        self._soon.set()
        return (
            _Gone("its connections break", died=True)
            if again
            else _NoAnswer(f"{path}: connection broken")
        )


_GONE = {
    401: "it refuses the gateway's key",
    403: "it refuses the gateway's key",
    404: "it has no {path}",
    501: "it has {path} switched off",
    503: "it is loading its model",
}
"""Statuses that mean that the replica serves nobody now, and why."""
