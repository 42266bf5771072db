"""Is this process healthy and useful?

/healthz   fails if a restart helps: a stuck worker or watch, a task that died. A leader that loses
           the API server ends by itself; a follower just goes on waiting.
/readyz    leading or standing by, in touch with the API server, and able to list what is watched.
/metrics   metrics for Prometheus.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from llmstack import probe_server
from llmstack.controller.operator_metrics import Metrics
from llmstack.controller.watched import WATCH_SECONDS
from llmstack.probe_server import Probes

CONTACT_SECONDS = 30.0
"""Seconds without an answer from the API server after which a process is out of touch."""
PASS_SECONDS = 300.0
"""Seconds that no pass takes, because each of its calls has a deadline."""
_WATCH_LIMIT = WATCH_SECONDS + 120.0


@dataclass
class Vitals:
    """What is known of the process. Times are moments of `clock`.

    `watches` maps each watched resource to when its watch last started; it is empty in a follower.
    `longest_pass` returns for how many seconds the oldest running pass has been running. `blind`
    says what can no longer be listed, "" if everything can (eyes.py).
    """

    clock: Callable[[], float]
    leading: bool = False
    contact: float = float("-inf")
    watches: dict[str, float] = field(default_factory=dict)
    longest_pass: Callable[[], float] = float
    blind: str = ""

    def tell(self, blind: str) -> None:
        """Sets what can no longer be listed; "" if everything can."""
        self.blind = blind

    def in_touch(self) -> bool:
        """True if the API server has answered lately."""
        return self.clock() - self.contact < CONTACT_SECONDS

    def watch_ages(self) -> Mapping[str, float]:
        """Returns for how many seconds each watch has been running."""
        return {name: self.clock() - began for name, began in self.watches.items()}

    def troubles(self) -> list[str]:
        """Returns faults that a restart would repair."""
        found = []
        if self.longest_pass() > PASS_SECONDS:
            found.append(f"a pass has been running for {self.longest_pass():.0f} s")
        # While the API server is unreachable no watch can start, and a restart would not help.
        if self.in_touch():
            found += [
                f"the watch of {name} was not renewed for {age:.0f} s"
                for name, age in sorted(self.watch_ages().items())
                if age > _WATCH_LIMIT
            ]
        return found


async def serve(vitals: Vitals, metrics: Metrics, port: int) -> web.AppRunner:
    """Starts answering, on all addresses. The caller must clean the runner up."""
    probes = Probes(
        unwell=lambda: "\n".join(vitals.troubles()),
        unready=lambda: _unready(vitals),
        ready=lambda: "leading" if vitals.leading else "standing by",
        metrics=metrics.text,
    )
    return await probe_server.serve(probes, None, port)


def _unready(vitals: Vitals) -> str:
    return vitals.blind if vitals.in_touch() else "the Kubernetes API does not answer"
