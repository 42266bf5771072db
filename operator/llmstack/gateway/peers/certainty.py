"""Is it certain that the other gateways count on this one?"""

import asyncio
from collections.abc import Callable

from llmstack.routing.peering import Peering


class Certainty:
    """Lets requests wait until the others count on this gateway again."""

    def __init__(self, peering: Peering, clock: Callable[[], float]) -> None:
        self._peering = peering
        self._clock = clock
        self._waiting: list[asyncio.Future[None]] = []

    def there(self) -> bool:
        """True if the others count on this gateway now, or it is alone."""
        return self._peering.is_certain(self._clock())

    async def wait(self) -> None:
        """Returns once they do."""
        if not self.there():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def look(self) -> None:
        """Lets those that wait go on, if they may. Called whenever something was heard."""
        if self._waiting and self.there():
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)
