"""How does one replica come, how does it do, and when does it go?

    away ── good /health, /props, /slots ──> up ── asked for /slots each second ──┐
      ^                                       │  ^────────────────────────────────┘
      └── refuses the connection, or our key; loads; has no /slots ──┘

Right after a cancelled request it is asked at once and then often, until its slots are accounted
for. A poll may wait for long behind a prefill: only silence of `wedge_seconds`, of its streams as
well, puts it into quarantine (routing/wedge.py).
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from llmstack.gateway import replica_answers
from llmstack.gateway.catalog import Backend, Model
from llmstack.gateway.replica_probe import Broken, NoConnection, Probe, Reply
from llmstack.routing.slots import SlotsSeen
from llmstack.routing.wedge import Wedge

log = logging.getLogger(__name__)


class SlotOwner(Protocol):
    """Who is told of replicas: the owner of their models' slots (local_owner.py)."""

    def replica_up(self, model: str, backend: str, slots: int) -> None:
        """It answers. It gets requests from its first poll on."""
        ...

    def replica_down(self, model: str, backend: str) -> None:
        """It is gone, and all that it did with it."""
        ...

    def seen(self, model: str, backend: str, poll: SlotsSeen) -> None:
        """A poll of /slots was answered."""
        ...

    def quarantine(self, model: str, backend: str, on: bool) -> None:
        """It is wedged, or no longer."""
        ...

    def draining(self, model: str, backend: str) -> bool:
        """Are slots of it in doubt, so that a poll is waited for?"""
        ...


@dataclass(frozen=True)
class Pace:
    """When is a replica asked? In seconds.

    Every `poll` it is asked for /slots, and every `metrics` for /metrics. `quick` to `slow`: while
    slots are in doubt, ever slower. `soon` to `away`: between two tries to find it, a twentieth of
    the time for which it has been away for the same reason. `patience`: longest wait for an answer,
    `connect` for a connection. A replica that is said to be ready and was not reached for
    `unreachable` seconds cannot be reached, and is not only late.
    """

    poll: float = 1.0
    quick: float = 0.03
    slow: float = 0.25
    soon: float = 0.1
    away: float = 0.5
    metrics: float = 10.0
    patience: float = 15.0
    connect: float = 3.0
    unreachable: float = 15.0

    def until_next_try(self, away: float) -> float:
        """Seconds until one that has been away for `away` seconds is tried again.

        A start of seconds is seen within a tenth of a second, a long one within a twentieth of it.
        """
        return min(max(self.soon, away / 20), self.away)


class State(StrEnum):
    """How does a replica stand?"""

    AWAY = "away"
    UP = "up"
    WEDGED = "wedged"


class _Gone(Exception):
    """It serves nobody now; the message says why. `died`: its process has ended."""

    def __init__(self, why: str, died: bool = False) -> None:
        super().__init__(why)
        self.died = died


class _NoAnswer(Exception):
    """This poll tells nothing; the next one may."""


class ReplicaWatch:
    """One replica of one model, for as long as the catalog has it.

    One that accepts no new requests (it terminates, or is no longer ready) is asked all the same:
    it may be computing, or come back. Whether it gets requests is the owner's matter.
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
        self._patience = _patience(pace, model.wedge_seconds)
        self._probe = Probe(backend.host, backend.port, pace.connect)
        self.asked = False
        self.state = State.AWAY
        self.why = ""
        self.deferred = 0
        self.keeps_apart = False
        self.context = 0
        self.started = ""
        self.task = asyncio.create_task(self._run(), name=str(self))

    def __str__(self) -> str:
        return f"replica {self._ids[1]} of {self._ids[0]}"

    def update(self, model: Model, backend: Backend) -> bool:
        """What the newest catalog says of it. False: it stands elsewhere, so it is another one."""
        if (backend.host, backend.port) != (self._backend.host, self._backend.port):
            return False
        if backend.ready and not self._backend.ready:
            self._away_since = time.monotonic()
        self._backend = backend
        self._wedge.wedge_seconds = model.wedge_seconds
        self._patience = _patience(self._pace, model.wedge_seconds)
        return True

    def unreachable(self) -> str:
        """Why it cannot be reached although it is said to be ready; "" if it can, or may yet."""
        away = self.state is State.AWAY and self._backend.ready
        late = time.monotonic() - self._away_since >= self._pace.unreachable
        return self.why if away and late else ""

    def hurry(self) -> None:
        """A request of it was cancelled or broke: how it stands shall be known soon."""
        self._step = self._pace.quick
        self._soon.set()

    def stop(self) -> None:
        """It is no more: it is not asked again."""
        self._leave("it was removed", logging.INFO)
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
                # A mistake here must not take a replica away for ever.
                log.exception("%s", self)
                self._leave("the gateway failed to follow it")
            await asyncio.sleep(self._pace.until_next_try(time.monotonic() - self._why_since))

    async def _enter(self) -> None:
        try:
            await self._ask("/health")
            props = (await self._ask("/props")).body
            total = replica_answers.total_slots(props)
            self.keeps_apart = replica_answers.keeps_apart(props)
            self.context = replica_answers.context(props)
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
        """Asks again and again, until it is gone."""
        # Replicas that came together shall not be asked in one burst.
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
        reply = await self._ask("/slots")
        leases, waiting = replica_answers.leases(reply) or (None, frozenset[int]())
        try:
            slots = replica_answers.slots(reply.body)
        except ValueError as error:
            raise _NoAnswer(str(error)) from error
        work = replica_answers.work(reply.body)
        return SlotsSeen(self._began, *slots, leases, waiting, work)

    async def _measure(self) -> None:
        """Learns how many requests wait inside it, and whether it is the same process."""
        self._metrics_at = time.monotonic() + self._pace.metrics
        try:
            reply = await self._ask("/metrics")
        except (_NoAnswer, _Gone):
            return
        self._connections = self._probe.connections
        self.deferred = replica_answers.deferred(reply.body) or 0
        before, self.started = self.started, replica_answers.started(reply)
        if before and self.started != before:
            raise _Gone("its process is another one", died=True)

    def _reconnected(self) -> bool:
        """Its answers come over another connection than when its process was last known."""
        return bool(self.started) and self._probe.connections != self._connections

    def _delay(self) -> float:
        """How long until the next poll?"""
        if not self._owner.draining(*self._ids):
            return self._pace.poll
        delay, self._step = self._step, min(2 * self._step, self._pace.slow)
        return delay

    async def _pause(self, delay: float) -> None:
        """So long, or until there is reason to hurry; never less than the quickest pace."""
        least = self._began + self._pace.quick - time.monotonic()
        if least > 0:
            await asyncio.sleep(least)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay - max(0.0, least)):
                await self._soon.wait()
        self._soon.clear()

    async def _ask(self, path: str) -> Reply:
        """A good answer. Raises _Gone where it serves nobody now, else _NoAnswer."""
        try:
            reply = await self._probe.get(path, self._backend.key, self._patience)
        except NoConnection as error:
            raise _Gone("it takes no connection", died=True) from error
        except Broken as error:
            raise self._of_broken(path) from error
        except TimeoutError as error:
            raise _NoAnswer(f"{path} is not answered") from error
        self._broken = False
        if reply.status in _GONE:
            raise _Gone(_GONE[reply.status].format(path=path))
        if reply.status != 200:
            raise _NoAnswer(f"{path} is answered with {reply.status}")
        return reply

    def _of_broken(self, path: str) -> Exception:
        """Once may be the end of an old connection; twice is a server that cannot be talked to."""
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
    503: "it loads its model",
}
"""By which status does it say that it serves nobody now?"""


def _patience(pace: Pace, wedge_seconds: float) -> float:
    # Several polls fit into the silence that it takes to be wedged.
    return min(pace.patience, wedge_seconds / 4)
