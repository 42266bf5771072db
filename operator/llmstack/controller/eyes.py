"""Can the operator still see what it watches, and if not, why?

If a right or the CRD is removed, a watch that started before may go on without reporting anything,
or end minutes later. So short lists are requested regularly, for each watched kind in turn.

    a good answer               ─> it sees
    403, 404 (not for a name)   ─> blind: not ready, with the API server's message in the log
    good again after that       ─> `renew`: watches that started before are no longer reliable
    no answer, 5xx              ─> nothing new; Vitals.in_touch covers that
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from itertools import count, cycle, islice

from llmstack.controller.watched import CHILDREN
from llmstack.kube.client import KubeClient
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import LLM_DEPLOYMENT, Kind

log = logging.getLogger(__name__)

LOOK_SECONDS = 8.0
"""Seconds between lists of LLMDeployments. The leader gets through all kinds in nine rounds."""
BLIND_SECONDS = 1.0
"""Seconds between rounds while it is blind."""
_ALSO = 2
"""Rounds between two calls of `also`."""


class Eyes:
    """Checks forever. `leading` returns whether this process leads; `also` is called if it does.

    `tell` is called with what is wrong, "" if nothing is.
    """

    def __init__(
        self,
        client: KubeClient,
        namespaces: Sequence[str],
        leading: Callable[[], bool],
        tell: Callable[[str], None],
        renew: Callable[[], None],
        also: Callable[[], Awaitable[object]],
    ) -> None:
        self._client = client
        self._namespaces = tuple(namespaces) or (None,)
        self._leading = leading
        self._tell = tell
        self._renew = renew
        self._also = also
        self._others = cycle(CHILDREN)
        self._looks = count()
        self._blind: dict[Kind, str] = {}

    async def run(self) -> None:
        """Runs one round after the other until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(BLIND_SECONDS if self._blind else LOOK_SECONDS)

    async def look(self) -> None:
        """Lists LLMDeployments, kinds it is blind for and, if leading, the next kind in turn."""
        was_blind = bool(self._blind)
        turn = islice(self._others, 1) if self._leading() else ()
        for kind in dict.fromkeys((LLM_DEPLOYMENT, *self._blind, *turn)):
            await self._see(kind)
        self._tell("; ".join(self._blind.values()))
        if was_blind and not self._blind:
            log.info("all watched resources can be listed again")
            if self._leading():
                self._renew()
        if self._leading() and not self._blind and next(self._looks) % _ALSO == 0:
            await self._also()

    async def _see(self, kind: Kind) -> None:
        try:
            for namespace in self._namespaces:
                await self._client.peek(kind, namespace)
        except ApiError as error:
            if error.status not in (403, 404):
                return
            hint = "; are the CRDs of crds/ applied?" if error.not_found else ""
            words = f"cannot list {kind.plural}: {error}{hint}"
            if self._blind.get(kind) != words:
                log.error("not ready: %s", words)
            self._blind[kind] = words
        else:
            self._blind.pop(kind, None)
