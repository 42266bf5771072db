"""Is this process well, and of use?

/healthz   not well means that a restart helps: a worker or a watch that is stuck, a task that died.
           A leader that loses the API server ends by itself; a follower simply goes on waiting.
/readyz    leading or standing by, in touch with the API server, and able to list what is watched.
/metrics   numbers for Prometheus.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from llmstack.controller.metrics import CONTENT_TYPE, Metrics
from llmstack.controller.watched import WATCH_SECONDS

CONTACT_SECONDS = 30.0
"""Whoever had no answer from the API server for so long is out of touch."""
PASS_SECONDS = 300.0
"""No pass takes so long: each of its calls has a deadline."""
_WATCH_LIMIT = WATCH_SECONDS + 120.0


@dataclass
class Vitals:
    """What is known of the process, as moments of `clock`.

    `watches` maps each watched resource to when its watch was begun anew; it is empty in a
    follower. `longest_pass` tells for how many seconds the oldest running pass has been at it.
    `blind` is what can no longer be seen of the cluster, "" if all can (eyes.py).
    """

    clock: Callable[[], float]
    leading: bool = False
    contact: float = float("-inf")
    watches: dict[str, float] = field(default_factory=dict)
    longest_pass: Callable[[], float] = float
    blind: str = ""

    def tell(self, blind: str) -> None:
        """This can no longer be seen; "" if all can."""
        self.blind = blind

    def in_touch(self) -> bool:
        """Did the API server answer lately?"""
        return self.clock() - self.contact < CONTACT_SECONDS

    def watch_ages(self) -> Mapping[str, float]:
        """For how many seconds has each watch been running?"""
        return {name: self.clock() - began for name, began in self.watches.items()}

    def troubles(self) -> list[str]:
        """What is wrong that a restart would mend?"""
        found = []
        if self.longest_pass() > PASS_SECONDS:
            found.append(f"a pass has been running for {self.longest_pass():.0f} s")
        # While the API server is away no watch can begin, and a restart would not help.
        if self.in_touch():
            found += [
                f"the watch of {name} was not renewed for {age:.0f} s"
                for name, age in sorted(self.watch_ages().items())
                if age > _WATCH_LIMIT
            ]
        return found


async def serve(vitals: Vitals, metrics: Metrics, port: int) -> web.AppRunner:
    """Answers from now on, on all addresses. The caller cleans the runner up."""

    async def healthz(_: web.Request) -> web.Response:
        troubles = vitals.troubles()
        return web.Response(text="\n".join(troubles) or "ok", status=503 if troubles else 200)

    async def readyz(_: web.Request) -> web.Response:
        if not vitals.in_touch():
            return web.Response(text="the Kubernetes API does not answer", status=503)
        if vitals.blind:
            return web.Response(text=vitals.blind, status=503)
        return web.Response(text="leading" if vitals.leading else "standing by")

    async def numbers(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), content_type=CONTENT_TYPE, charset="utf-8")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", numbers)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner
