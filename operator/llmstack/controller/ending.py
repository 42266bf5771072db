"""Should the process end, and then start again?"""

import asyncio
import logging

log = logging.getLogger(__name__)


class Ending:
    """Set once: by a signal, or by whatever finds that the watches are no longer useful."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.anew = False

    def ask(self) -> None:
        """Ends the process for good."""
        self.anew = False
        self._asked.set()

    def begin_anew(self) -> None:
        """Ends the process as a signal would, and starts it again."""
        if not self._asked.is_set():
            log.warning("restarting: watches may have ended unnoticed")
            self.anew = True
            self._asked.set()

    async def wait(self) -> None:
        """Returns once the process should end."""
        await self._asked.wait()
