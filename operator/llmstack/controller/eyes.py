"""Does the operator still see what it watches, and if not, why?

A watch that was begun before a right or the definition was taken away goes on and tells nothing, or
ends minutes later. So a short list is asked for again and again, of each watched kind in turn.

    the answer is good          ─> it sees
    403, 404 (not for a name)   ─> blind: not ready, with the API server's words in the log
    good again after that       ─> `renew`: the watches begun before are of no use any more
    no answer, 5xx              ─> nothing new; Vitals.in_touch tells of that
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
"""Between two looks at LLMDeployments. The leader sees all kinds within nine of them."""
BLIND_SECONDS = 1.0
"""While it is blind it looks so often."""
_ALSO = 2
"""The leader's further duty is done with each so many looks."""


class Eyes:
    """Looks for ever. `leading` tells whether this process does; `also` is its further duty.

    `tell` gets what is wrong, "" once it sees.
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
        """One look after the other."""
        while True:
            await self.look()
            await asyncio.sleep(BLIND_SECONDS if self._blind else LOOK_SECONDS)

    async def look(self) -> None:
        """Lists LLMDeployments, what it is blind for and, as the leader, the next kind in turn."""
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
