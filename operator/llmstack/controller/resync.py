"""What if a watch missed something?

Every few minutes each deployment gets a pass, whatever the watches reported. What is not watched
(Secrets, ConfigMaps) is read and repaired then.
"""

import asyncio
import random

from llmstack.controller.sight import Add
from llmstack.controller.store import Store

_SPREAD = 0.8


async def resync(store: Store, add: Add, period: float) -> None:
    """Runs until cancelled. Passes are spread over most of the period, to avoid a burst."""
    while True:
        await asyncio.sleep(period * random.uniform(0.9, 1.1))  # noqa: S311 - only spreads load
        look_at_all(store, add, spread=period * _SPREAD)


def look_at_all(store: Store, add: Add, spread: float = 0.0) -> None:
    """Asks for a pass over each deployment, within `spread` seconds, after all urgent ones."""
    keys = store.deployments()
    for key, delay in zip(keys, delays(len(keys), spread), strict=True):
        add(key, delay, urgent=False)


def delays(count: int, spread: float) -> list[float]:
    """Returns moments at equal distances within `spread` seconds, in random order."""
    moments = [spread * number / count for number in range(count)]
    random.shuffle(moments)
    return moments
