"""Is the process to end, and does it begin anew then?"""

import asyncio
import logging

log = logging.getLogger(__name__)


class Ending:
    """Set once, by a signal or by what finds out that the watches are of no use any more."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.anew = False

    def ask(self) -> None:
        """Ends, and that is all."""
        self.anew = False
        self._asked.set()

    def begin_anew(self) -> None:
        """Ends as if it were told to, and begins again."""
        if not self._asked.is_set():
            log.warning("restarting: watches may have ended unnoticed")
            self.anew = True
            self._asked.set()

    async def wait(self) -> None:
        """Returns once it is to end."""
        await self._asked.wait()
