"""What if a watch missed something?

Every few minutes each deployment is looked at anew, whatever the watches said. What no watch
covers (Secrets, ConfigMaps) is repaired then.
"""

import asyncio
import logging
import random

from llmstack.api.key import Key
from llmstack.controller.queue import WorkQueue
from llmstack.kube.client import KubeClient
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import LLM_DEPLOYMENT

log = logging.getLogger(__name__)
_SPREAD = 0.8


async def resync(
    client: KubeClient, queue: WorkQueue, namespaces: tuple[str, ...], period: float
) -> None:
    """Runs for ever. The passes are spread over most of the period, so that they are no burst."""
    while True:
        await asyncio.sleep(period * random.uniform(0.9, 1.1))  # noqa: S311 - only spreads load
        await look_at_all(client, queue, namespaces, spread=period * _SPREAD)


async def look_at_all(
    client: KubeClient, queue: WorkQueue, namespaces: tuple[str, ...], spread: float = 0.0
) -> None:
    """A pass over each deployment, within so many seconds; none where they cannot be listed.

    They come after all that is urgent.
    """
    try:
        keys = await list_keys(client, namespaces)
    except ApiError as error:
        log.warning("the next resync looks at all deployments: %s", error)
        return
    for key, delay in zip(keys, delays(len(keys), spread), strict=True):
        queue.add(key, delay=delay, urgent=False)


def delays(count: int, spread: float) -> list[float]:
    """Moments at equal distances within `spread` seconds, in an order of their own each time."""
    moments = [spread * number / count for number in range(count)]
    random.shuffle(moments)
    return moments


async def list_keys(client: KubeClient, namespaces: tuple[str, ...]) -> list[Key]:
    """Which LLMDeployments exist in the namespaces that are served?"""
    lists = [await client.list(LLM_DEPLOYMENT, namespace) for namespace in (namespaces or (None,))]
    return [
        Key(item["metadata"]["namespace"], item["metadata"]["name"])
        for items in lists
        for item in items
    ]
