"""What becomes of an error in the event loop that no task has caught?"""

import asyncio
from typing import Any

_CLOSED = "the handler is closed"


def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs it, unless a TLS connection only got data while it was being closed.

    uvloop calls that a fatal error of the connection, which ends anyway: watches do at each stop.
    """
    error = context.get("exception")
    if isinstance(error, RuntimeError) and _CLOSED in str(error):
        return
    loop.default_exception_handler(context)
