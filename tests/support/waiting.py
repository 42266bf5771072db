"""How does an asynchronous test wait for a condition?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_STEP_SECONDS = 0.005


async def until(true: Callable[[], bool], *, seconds: float) -> None:
    """Waits for something in this very process that tells nobody. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what it looks at has no event of its own
            await asyncio.sleep(_STEP_SECONDS)
