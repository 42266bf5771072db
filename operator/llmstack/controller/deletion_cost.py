"""Who writes the deletion costs of replicas?

A part of each pass, so only the leader does. If a pod cannot be written, it keeps its cost, and
Kubernetes only chooses less well.
"""

import logging
from collections.abc import Callable

from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment
from llmstack.desired.metadata import DELETION_COST, MANAGER
from llmstack.kube.client import KubeClient
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import POD
from llmstack.observed import Observed
from llmstack.scaling.deletion_cost import ranks, to_write
from llmstack.scaling.gateway_load import ModelLoad

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
"""Seconds between comparisons of the ranks, while a replica may be removed."""


class DeletionCosts:
    """Writes costs and remembers when. `model` returns a deployment's load, None if unknown."""

    def __init__(
        self,
        client: KubeClient,
        model: Callable[[Key], ModelLoad | None],
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._model = model
        self._clock = clock
        self._written: dict[Key, dict[str, float]] = {}

    def forget(self, key: Key) -> None:
        """Forgets a deployment that is gone."""
        self._written.pop(key, None)

    async def write(self, deployment: LLMDeployment, observed: Observed) -> float | None:
        """Writes what has changed. Returns the seconds until it must run again, or None."""
        key = Key(deployment.namespace, deployment.name)
        wish, workload = deployment.spec.autoscaling, observed.workload
        if wish is None or workload is None or workload.wanted <= wish.fewest_awake:
            return None
        model = self._model(key)
        if model is None:
            return None
        live = {pod.name: pod.deletion_cost for pod in observed.pods if not pod.terminating}
        written = self._written.get(key, {})
        self._written[key] = written = {pod: at for pod, at in written.items() if pod in live}
        wanted = ranks(model, wish.target_slot_utilization, workload.wanted)
        for pod, cost in to_write(wanted, live, written, self._clock()).items():
            written[pod] = self._clock()
            await self._annotate(key, pod, cost)
        return LOOK_SECONDS

    async def _annotate(self, key: Key, pod: str, cost: int) -> None:
        try:
            await self._client.annotate(
                POD, key.namespace, pod, {DELETION_COST: str(cost)}, MANAGER
            )
        except ApiError as error:
            log.log(
                logging.DEBUG if error.not_found else logging.WARNING,
                "%s: the deletion cost of %s stays as it was: %s",
                key,
                pod,
                error,
            )
