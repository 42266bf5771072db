"""Who works on which deployment now?

N workers share one schedule. Everything that happens in the cluster only puts a key into it. What
somebody waits for is urgent: a new or edited LLMDeployment, a request for a sleeping model. Events
of children, the resync, second looks and retries are not: they come after what is urgent, not
within a second after the last pass over the same deployment began, and not before the wait after a
failed pass is over.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from llmstack.api.key import Key
from llmstack.controller.fence import now
from llmstack.controller.schedule import Backoff, Rest, Schedule
from llmstack.errors import LeaseLost
from llmstack.kube.errors import ApiError

log = logging.getLogger(__name__)

REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 5.0
_REST_SHARE = 0.1
"""Ten further passes a second, up to the longest rest: a burst costs no more than it has to."""

Work = Callable[[Key], Awaitable[float | None]]
"""One pass. Returns after how many seconds it wants to run again, None if only when asked for."""


class WorkQueue:
    """Runs `work` for each key that is added: one pass a key at a time, failures again later."""

    def __init__(self, work: Work, workers: int, clock: Callable[[], float] = now) -> None:
        self._work = work
        self._workers = workers
        self._clock = clock
        self._schedule = Schedule()
        self._backoff = Backoff()
        self._rest = Rest(REST_SECONDS, _REST_SHARE, LONGEST_REST_SECONDS)
        self._wake = asyncio.Event()
        self._started: dict[Key, float] = {}
        self._stopping = False
        self.retries = 0

    def __len__(self) -> int:
        return len(self._schedule)

    def longest_pass(self) -> float:
        """For how many seconds has the oldest running pass been at it?"""
        started = self._started.values()
        return self._clock() - min(started) if started else 0.0

    def add(self, key: Key, delay: float = 0.0, *, urgent: bool = True) -> None:
        """Asks for a pass, at once or after some seconds."""
        due = self._clock() + delay
        due = due if urgent else max(due, self._rest.until(key), self._backoff.until(key))
        self._schedule.add(key, due, urgent=urgent)
        self._wake.set()

    async def run(self) -> None:
        """Works until stop(). Raises LeaseLost as soon as a pass met it."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                group.create_task(self._worker(), name=f"worker {number}")

    def stop(self) -> None:
        """Begins no further pass; run() returns when those that are running have ended."""
        self._stopping = True
        self._wake.set()

    async def _worker(self) -> None:
        while key := await self._next():
            self._started[key] = self._clock()
            self._rest.begin(key, self._started[key])
            try:
                await self._pass(key)
            finally:
                del self._started[key]
                self._schedule.done(key)
            self._wake.set()

    async def _next(self) -> Key | None:
        while not self._stopping:
            key = self._schedule.take(self._clock())
            if key:
                return key
            # No await between `take` and here: an add() in between cannot be missed.
            self._wake.clear()
            due = self._schedule.next_due()
            try:
                async with asyncio.timeout(None if due is None else max(due - self._clock(), 0)):
                    await self._wake.wait()
            except TimeoutError:
                pass
        return None

    async def _pass(self, key: Key) -> None:
        """One pass; the next one is asked for where there has to be one."""
        try:
            again = await self._work(key)
        except LeaseLost:
            raise
        except Exception as error:
            self._failed(key, error)
        else:
            self._backoff.succeeded(key)
            if again is not None:
                self.add(key, again, urgent=False)

    def _failed(self, key: Key, error: Exception) -> None:
        self.retries += 1
        known = error if isinstance(error, ApiError) else None
        asked = known.retry_after if known else 0.0
        spread = random.random()  # noqa: S311 - only spreads load
        delay = self._backoff.failed(key, self._clock(), spread, asked)
        log.warning("%s: %s; again in %.1f s", key, error, delay, exc_info=known is None)
        # Somebody changed it while the pass ran, and may be waiting for what comes of it.
        self.add(key, delay, urgent=bool(known and known.conflict))
