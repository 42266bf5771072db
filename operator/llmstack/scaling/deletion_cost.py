"""Which replica goes first when one is to go?

Kubernetes deletes, of replicas that are ready, the one of the lowest deletion cost. It is the
replica's rank by slots in use: 0 for the fewest. Ranks matter, and are written, only while the
load asks for fewer replicas than run.
"""

from collections.abc import Mapping

from llmstack.scaling.custom_metrics import METRICS, SLOT_UTILIZATION
from llmstack.scaling.gateway_load import ModelLoad

AGAIN_SECONDS = 60.0
"""So long a pod keeps the cost that was written last."""


def ranks(model: ModelLoad, target: int, running: int) -> dict[str, int]:
    """The cost of each pod; none while all that run are needed, or where that is not known.

    `target` is the percentage of slots in use that is aimed for.
    """
    demand = METRICS[SLOT_UTILIZATION](model)
    if demand is None or -(-demand // (10 * target)) >= running:
        return {}
    steps = sorted({replica.occupied for replica in model.replicas})
    return {replica.id: steps.index(replica.occupied) for replica in model.replicas}


def to_write(
    wanted: Mapping[str, int], live: Mapping[str, int], written: Mapping[str, float], now: float
) -> dict[str, int]:
    """Return the costs to write: those that differ, for live pods, each at most once a minute."""
    return {
        pod: cost
        for pod, cost in wanted.items()
        if live.get(pod, cost) != cost and now - written.get(pod, float("-inf")) >= AGAIN_SECONDS
    }
