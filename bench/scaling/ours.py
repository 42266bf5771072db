"""How does the project scale? By its own code, with the defaults of the spec.

gateway's load ─ scaling.custom_metrics ─> slot_utilization ─ its HorizontalPodAutoscaler ─────┐
               └ scaling.zero ─> demand ─ desired.wanted_replicas: 1 → 0, 0 → 1 ──────────────┴─>
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bench.scaling.hpa import SYNC, Hpa, object_average, parse_behavior
from bench.scaling.view import MOST, View
from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment, parse
from llmstack.desired.horizontal_pod_autoscaler import build_horizontal_pod_autoscaler
from llmstack.desired.replicas import wanted_replicas
from llmstack.observed import Workload
from llmstack.scaling.custom_metrics import METRICS
from llmstack.scaling.gateway_load import GatewayLoad
from llmstack.scaling.zero import Activity

_GAP = 4 * SYNC
"""The simulation looks at each sync only; no view ever fails to come."""


def deployment(sleeps: bool, tuned: Mapping[str, Any]) -> LLMDeployment:
    """What a user writes who sets the bounds alone, and what he has `tuned` of spec.autoscaling."""
    autoscaling = {"minReplicas": 0 if sleeps else 1, "maxReplicas": MOST, **tuned}
    model = {"source": "hf://owner/repo/model.gguf"}
    metadata = {"namespace": "bench", "name": "model", "uid": "uid", "generation": 1}
    return parse({"metadata": metadata, "spec": {"model": model, "autoscaling": autoscaling}})


class Slots:
    """Ours, from one sync to the next."""

    interval = SYNC

    def __init__(self, sleeps: bool, tuned: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._deployment = deployment(sleeps, tuned)
        self._key = Key("bench", "model")
        self._activity = Activity(_GAP)
        built = build_horizontal_pod_autoscaler(self._deployment)
        assert built is not None
        spec = built["spec"]
        (metric,) = spec["metrics"]
        self._metric = METRICS[metric["object"]["metric"]["name"]]
        self._target = milli(metric["object"]["target"]["averageValue"])
        behavior = parse_behavior(spec["behavior"])
        self._hpa = Hpa(spec["minReplicas"], spec["maxReplicas"], behavior)

    def wanted(self, view: View, now: float) -> int:
        written = self._written(view, now)
        if written is not None:
            return written
        value = self._metric(view.load)
        if value is None:
            return view.replicas  # An error, as far as the HorizontalPodAutoscaler sees.
        wanted = object_average(value, self._target, view.replicas)
        return self._hpa.sync(view.replicas, wanted, now)

    def called(self, view: View, now: float) -> bool:
        return bool(self._written(view, now))

    def _written(self, view: View, now: float) -> int | None:
        """What the operator itself writes through /scale; None: nothing."""
        self._activity.see(GatewayLoad("epoch", {self._key: view.load}), now)
        demand = self._activity.demand(self._key, now)
        return wanted_replicas(self._deployment, workload(view), demand)


def workload(view: View) -> Workload:
    """What the operator observes of its Deployment."""
    count = view.replicas
    return Workload(
        generation=1,
        observed_generation=1,
        wanted=count,
        replicas=count,
        updated=count,
        ready=len(view.busy),
        available=len(view.busy),
    )


def milli(quantity: Any) -> int:
    """A quantity as the builder writes it, in thousandths."""
    text = str(quantity)
    return int(text[:-1]) if text.endswith("m") else 1000 * int(text)
