"""Which worker runs a pass over which deployment now?

N workers share one schedule; whatever happens in the cluster only adds a key to it. A pass that
somebody waits for is urgent: for a new or edited LLMDeployment, or a request for a sleeping model.
Events of children, the resync, second looks and retries are not. They come after urgent ones, not
within a second after the start of the last pass over the same deployment, and not before the wait
after a failed pass is over.
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
"""Seconds from the start of a pass to the next one that is not urgent, for the same deployment."""
LONGEST_REST_SECONDS = 5.0
"""The longest such rest, reached while many deployments change."""
_REST_SHARE = 0.1
"""Seconds added to the rest per resting deployment: about ten further passes per second in a burst,
until the longest rest is reached."""

Work = Callable[[Key], Awaitable[float | None]]
"""Runs one pass. Returns the seconds until it wants to run again, None if only when asked."""


class WorkQueue:
    """Runs `work` for each key that is added, one pass per key at a time, and retries failures."""

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
        """Returns for how many seconds the oldest running pass has been running."""
        started = self._started.values()
        return self._clock() - min(started) if started else 0.0

    def add(self, key: Key, delay: float = 0.0, *, urgent: bool = True) -> None:
        """Asks for a pass, after `delay` seconds or later."""
        due = self._clock() + delay
        due = due if urgent else max(due, self._rest.until(key), self._backoff.until(key))
        self._schedule.add(key, due, urgent=urgent)
        self._wake.set()

    async def run(self) -> None:
        """Works until stop(). Raises LeaseLost as soon as a pass does."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                group.create_task(self._worker(), name=f"worker {number}")

    def stop(self) -> None:
        """Starts no further pass; run() returns once the running ones have ended."""
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
            # There is no await between `take` and here, so an add() cannot be missed.
            self._wake.clear()
            due = self._schedule.next_due()
            try:
                async with asyncio.timeout(None if due is None else max(due - self._clock(), 0)):
                    await self._wake.wait()
            except TimeoutError:
                pass
        return None

    async def _pass(self, key: Key) -> None:
        """Runs one pass, and asks for the next one if one is needed."""
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
        # On a conflict, somebody changed it during the pass and may be waiting for the result.
        self.add(key, delay, urgent=bool(known and known.conflict))
