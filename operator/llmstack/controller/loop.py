"""What happens to an error in the event loop that no task has caught?"""

import asyncio
from typing import Any

_CLOSED = "the handler is closed"


def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs the error, unless a TLS connection only got data while it was being closed.

    uvloop reports that as a fatal error of the connection, but the connection is ending anyway.
    Watches cause it at every stop.
    """
    error = context.get("exception")
    if isinstance(error, RuntimeError) and _CLOSED in str(error):
        return
    loop.default_exception_handler(context)
