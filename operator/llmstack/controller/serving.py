"""What does every process of the operator do, whether it leads or stands by?

gateway /load ─> LoadFollower ─┬─> metrics API <─ autoscalers
                               └─> the queue, while this process leads
"""

import asyncio

from llmstack.controller.parts import Parts


async def serve(parts: Parts) -> None:
    """Runs until cancelled; ends by itself only on a fault."""
    async with asyncio.TaskGroup() as group:
        if parts.settings.gateway_load_url:
            group.create_task(parts.load.run(), name="load")
        if parts.settings.metrics.service:
            group.create_task(parts.server.run(), name="metrics API")
        await asyncio.Event().wait()
