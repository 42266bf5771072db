"""Does the number of replicas follow the load?"""

from llmstack.observed import Autoscaler, HpaCondition, Observed
from tests.unit.status.rows.row import Row
from tests.unit.status.samples import observed, serving, workload

FROM_ZERO = {"minReplicas": 0, "maxReplicas": 5}
OK = HpaCondition("True", "ValidMetricFound", "")
WITHIN = HpaCondition("False", "DesiredWithinRange", "")
TOO_MANY = HpaCondition("True", "TooManyReplicas", "")
DISABLED = HpaCondition("False", "ScalingDisabled", "the replica count of the target is zero")
NO_METRICS = HpaCondition("False", "FailedGetObjectMetric", "unable to get metric slot_utilization")
NO_SCALE = HpaCondition("False", "FailedGetScale", "cannot get scale")

ROWS: list[Row] = [
    (
        "a fixed number",
        observed(),
        {"replicas": 2},
        ("Autoscaling", "False", "FixedReplicas", "fixed at 2 replicas by spec.replicas"),
    ),
    (
        "no number at all",
        observed(serving()),
        {},
        ("Autoscaling", "False", "FixedReplicas", "does not change the number of replicas, now 1"),
    ),
    (
        "asked for, and not there yet",
        observed(serving()),
        {"autoscaling": {"maxReplicas": 5}},
        ("Autoscaling", "Unknown", "Pending", "has not read the load"),
    ),
    (
        "it works",
        observed(serving(), autoscaler=Autoscaler(2, OK, OK, WITHIN)),
        {"autoscaling": {"maxReplicas": 5}},
        (
            "Autoscaling",
            "True",
            "FollowsLoad",
            "between 1 and 5, currently 2 (kubectl get hpa qwen",
        ),
    ),
    (
        "the load asks for more",
        observed(serving(), autoscaler=Autoscaler(5, OK, OK, TOO_MANY)),
        {"autoscaling": {"maxReplicas": 5}},
        ("Autoscaling", "True", "AtMaximum", "more than 5 replicas"),
    ),
    (
        "no metrics: in the autoscaler's own words",
        observed(serving(), autoscaler=Autoscaler(1, OK, NO_METRICS, TOO_MANY)),
        {"autoscaling": {"maxReplicas": 5}},
        ("Autoscaling", "False", "MetricsUnavailable", "unable to get metric"),
    ),
    (
        "it cannot scale",
        observed(serving(), autoscaler=Autoscaler(1, NO_SCALE)),
        {"autoscaling": {"maxReplicas": 5}},
        ("Autoscaling", "False", "ScalingFailed", "cannot get scale"),
    ),
    (
        "another one has the metrics API",
        observed(serving(), autoscaler=Autoscaler(1, OK, OK), metrics_api="it is monitoring's"),
        {"autoscaling": {"minReplicas": 0, "maxReplicas": 5}},
        ("Autoscaling", "False", "MetricsApiUnavailable", "it is monitoring's"),
    ),
    (
        "asleep",
        Observed(workload=workload(0), autoscaler=Autoscaler(0, OK, DISABLED)),
        {"autoscaling": FROM_ZERO, "cache": {"accessMode": "ReadWriteMany"}},
        ("Autoscaling", "True", "Asleep", "the next request"),
    ),
    (
        "awake, and the autoscaler did not look since",
        observed(serving(), autoscaler=Autoscaler(0, OK, DISABLED)),
        {"autoscaling": FROM_ZERO, "cache": {"accessMode": "ReadWriteMany"}},
        ("Autoscaling", "Unknown", "Pending", ""),
    ),
    (
        "each wake downloads: a warning",
        observed(serving(), autoscaler=Autoscaler(1, OK, OK, WITHIN)),
        {"autoscaling": FROM_ZERO},
        ("Autoscaling", "True", "WakeDownloads", "spec.cache.existingClaim"),
    ),
    (
        "a model on a claim is not downloaded",
        observed(serving(), autoscaler=Autoscaler(1, OK, OK, WITHIN)),
        {"autoscaling": FROM_ZERO, "model": {"source": "pvc://models/m.gguf"}},
        ("Autoscaling", "True", "FollowsLoad", ""),
    ),
]
