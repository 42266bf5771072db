"""Does this process lead?

acquire() returns once the Lease is acquired, hold() renews it and raises LeaseLost if it cannot,
and release() hands it over on a graceful stop, after the last write.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from llmstack.controller import lease_rules as rules
from llmstack.controller.fence import Fence, now
from llmstack.controller.lease_rules import Object, Sighting
from llmstack.errors import LeaseLost
from llmstack.kube.client import KubeClient
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import LEASE
from llmstack.settings.lease import LeaseSettings

log = logging.getLogger(__name__)

Writer = Callable[[Object], Awaitable[Object]]


class LeaseKeeper:
    """Acquires, renews and releases one Lease for `identity`."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        identity: str,
        settings: LeaseSettings,
        fence: Fence,
        clock: Callable[[], float] = now,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._identity = identity
        self._settings = settings
        self._fence = fence
        self._clock = clock
        self._seen: Sighting | None = None

    async def acquire(self) -> None:
        """Waits until the Lease is acquired; the fence is open then."""
        while True:
            started = self._clock()
            try:
                async with asyncio.timeout(self._settings.renew_deadline):
                    won = await self._try_to_win()
            except (ApiError, TimeoutError) as error:
                log.warning("cannot acquire the Lease yet: %s", error or "no answer in time")
                won = False
            if won and self._opened(started):
                log.info("leading as %s", self._identity)
                return
            # Without jitter, followers that started together would collide again and again.
            await asyncio.sleep(self._settings.retry * random.uniform(0.8, 1.2))  # noqa: S311

    async def hold(self) -> None:
        """Renews until cancelled. Raises LeaseLost if another holds the Lease, or time is up."""
        while True:
            left = self._fence.until - self._clock()
            await asyncio.sleep(max(min(self._settings.retry, left), 0))
            started = self._clock()
            try:
                async with asyncio.timeout(max(self._fence.until - started, 0)):
                    await self._renew()
            except (ApiError, TimeoutError) as error:
                log.warning("cannot renew the Lease: %s", error or "no answer in time")
                self._fence.check()
                continue
            if not self._opened(started):
                raise LeaseLost("the Lease was renewed too late: the answer took too long")

    async def release(self) -> None:
        """Hands the Lease over. Call it after the last write; a failure only makes others wait."""
        self._fence.close()
        try:
            async with asyncio.timeout(self._settings.renew_deadline):
                live = await self._read()
                if live and live["spec"].get("holderIdentity") == self._identity:
                    await self._client.replace(rules.released(live, time.time()))
                    log.info("released the Lease")
        except (ApiError, TimeoutError) as error:
            log.warning("could not release the Lease, which expires by itself: %s", error)

    async def _read(self) -> Object | None:
        return await self._client.get(LEASE, self._namespace, self._settings.name)

    async def _try_to_win(self) -> bool:
        settings = self._settings
        live = await self._read()
        if live is None:
            first = rules.new_record(
                self._namespace, settings.name, self._identity, settings.duration, time.time()
            )
            return await self._write(self._client.create, first)
        self._seen = rules.sight(live, self._seen, self._clock())
        if not rules.free(self._seen, self._identity, settings.duration, self._clock()):
            return False
        mine = rules.taken(live, self._identity, settings.duration, time.time())
        return await self._write(self._client.replace, mine)

    async def _renew(self) -> None:
        assert self._seen is not None
        if await self._write(self._client.replace, rules.renewed(self._seen.record, time.time())):
            return
        # A renewal whose answer was lost may have been written, so look who holds the Lease.
        live = await self._read()
        holder = live["spec"].get("holderIdentity") if live else None
        if live is None or holder != self._identity:
            raise LeaseLost(f"the Lease is held by {holder or 'nobody'} now")
        if not await self._write(self._client.replace, rules.renewed(live, time.time())):
            raise LeaseLost("somebody else writes to the Lease")

    async def _write(self, how: Writer, record: Object) -> bool:
        """Writes the record. Returns False if another process was faster."""
        try:
            written = await how(record)
        except ApiError as error:
            if error.conflict or (error.not_found and how == self._client.replace):
                return False
            raise
        self._seen = rules.sight(written, None, self._clock())
        return True

    def _opened(self, started: float) -> bool:
        """Opens the fence for the rest of the deadline, counted from before the request."""
        until = started + self._settings.renew_deadline
        if self._clock() >= until:
            return False
        self._fence.extend(until)
        return True
