"""What if a watch missed something?

Every few minutes each deployment is looked at anew, whatever the watches said. What no watch
covers (Secrets, ConfigMaps) is read and repaired then.
"""

import asyncio
import random

from llmstack.controller.sight import Add
from llmstack.controller.store import Store

_SPREAD = 0.8


async def resync(store: Store, add: Add, period: float) -> None:
    """Runs for ever. The passes are spread over most of the period, so that they are no burst."""
    while True:
        await asyncio.sleep(period * random.uniform(0.9, 1.1))  # noqa: S311 - only spreads load
        look_at_all(store, add, spread=period * _SPREAD)


def look_at_all(store: Store, add: Add, spread: float = 0.0) -> None:
    """A pass over each deployment, within so many seconds. They come after all that is urgent."""
    keys = store.deployments()
    for key, delay in zip(keys, delays(len(keys), spread), strict=True):
        add(key, delay, urgent=False)


def delays(count: int, spread: float) -> list[float]:
    """Moments at equal distances within `spread` seconds, in an order of their own each time."""
    moments = [spread * number / count for number in range(count)]
    random.shuffle(moments)
    return moments
