"""How do replicas follow the slots in use?"""

from typing import Any

import pytest

from llmstack.desired.metadata import Object
from tests.unit.desired.samples import all_built, built

KIND = "HorizontalPodAutoscaler"


def spec(**autoscaling: Any) -> Object:
    found: Object = built(KIND, autoscaling={"maxReplicas": 8, **autoscaling})["spec"]
    return found


@pytest.mark.parametrize("given", [{}, {"replicas": 3}])
def test_none_without_autoscaling(given: dict[str, Any]) -> None:
    assert all_built(KIND, **given) == []


def test_it_follows_slots_up_at_once_and_down_slowly() -> None:
    assert spec() == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "qwen"},
        "minReplicas": 1,
        "maxReplicas": 8,
        "metrics": [
            {
                "type": "Object",
                "object": {
                    "describedObject": {
                        "apiVersion": "llmstack.dev/v1alpha1",
                        "kind": "LLMDeployment",
                        "name": "qwen",
                    },
                    "metric": {"name": "slot_utilization"},
                    "target": {"type": "AverageValue", "averageValue": "800m"},
                },
            }
        ],
        "behavior": {
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [{"type": "Pods", "value": 8, "periodSeconds": 15}],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 300,
                "selectPolicy": "Max",
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
            },
        },
    }


@pytest.mark.parametrize(("given", "lowest"), [(0, 1), (1, 1), (3, 3)])
def test_it_goes_no_lower_than_one(given: int, lowest: int) -> None:
    assert spec(minReplicas=given)["minReplicas"] == lowest


@pytest.mark.parametrize(("percent", "average"), [(1, "10m"), (75, "750m"), (100, "1")])
def test_the_target_is_written_as_the_api_server_writes_it(percent: int, average: str) -> None:
    metric = spec(targetSlotUtilization=percent)["metrics"][0]
    assert metric["object"]["target"]["averageValue"] == average


def test_what_the_spec_says_of_speed_counts_and_the_rest_stays() -> None:
    half = {"type": "Percent", "value": 50, "periodSeconds": 30}
    behavior = spec(
        behavior={
            "scaleDown": {"stabilizationWindowSeconds": 0, "policies": [half]},
            "scaleUp": {"selectPolicy": "Disabled"},
        }
    )["behavior"]
    assert behavior["scaleDown"] == {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [half],
    }
    assert behavior["scaleUp"]["selectPolicy"] == "Disabled"
    assert behavior["scaleUp"]["policies"] == [{"type": "Pods", "value": 8, "periodSeconds": 15}]
