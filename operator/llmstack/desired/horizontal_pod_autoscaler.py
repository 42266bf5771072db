"""How do replicas follow the slots in use?

A HorizontalPodAutoscaler on the Deployment reads `slot_utilization` of the LLMDeployment: how many
replicas the load would fill, in thousandths. Divided by the target it is how many are asked for.
It goes no lower than one: to zero and from zero the operator scales (replicas.py).
"""

from llmstack.api.resource import API_VERSION, KIND, LLMDeployment
from llmstack.api.scaling import (
    AutoscalingSpec,
    PolicyType,
    ScalingBehavior,
    ScalingRules,
    SelectPolicy,
)
from llmstack.desired.metadata import (
    SLOT_UTILIZATION,
    Object,
    autoscaler_name,
    deployment_name,
    owned,
)

_UP_PERIOD_SECONDS = 15
_DOWN_WINDOW_SECONDS = 300
_DOWN_PERIOD_SECONDS = 60


def build_horizontal_pod_autoscaler(deployment: LLMDeployment) -> Object | None:
    """None without spec.autoscaling."""
    wish = deployment.spec.autoscaling
    if wish is None:
        return None
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": owned(deployment, autoscaler_name(deployment)),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": deployment_name(deployment),
            },
            "minReplicas": wish.fewest_awake,
            "maxReplicas": wish.max_replicas,
            "metrics": [_metric(deployment, wish)],
            "behavior": _behavior(wish),
        },
    }


def _metric(deployment: LLMDeployment, wish: AutoscalingSpec) -> Object:
    described = {"apiVersion": API_VERSION, "kind": KIND, "name": deployment.name}
    target = wish.target_slot_utilization
    average = "1" if target == 100 else f"{target * 10}m"
    return {
        "type": "Object",
        "object": {
            "describedObject": described,
            "metric": {"name": SLOT_UTILIZATION},
            "target": {"type": "AverageValue", "averageValue": average},
        },
    }


def _behavior(wish: AutoscalingSpec) -> Object:
    """Up to the most in one step, down by one replica a minute; what the spec says instead."""
    given = wish.behavior or ScalingBehavior()
    return {
        "scaleUp": _rules(given.scale_up, 0, _policy(wish.max_replicas, _UP_PERIOD_SECONDS)),
        "scaleDown": _rules(
            given.scale_down, _DOWN_WINDOW_SECONDS, _policy(1, _DOWN_PERIOD_SECONDS)
        ),
    }


def _rules(wish: ScalingRules | None, window: int, policy: Object) -> Object:
    wish = wish or ScalingRules()
    given = wish.stabilization_window_seconds
    return {
        "stabilizationWindowSeconds": window if given is None else given,
        "selectPolicy": (wish.select_policy or SelectPolicy.MAX).value,
        "policies": [
            {"type": each.type.value, "value": each.value, "periodSeconds": each.period_seconds}
            for each in wish.policies or ()
        ]
        or [policy],
    }


def _policy(pods: int, seconds: int) -> Object:
    return {"type": PolicyType.PODS.value, "value": pods, "periodSeconds": seconds}
