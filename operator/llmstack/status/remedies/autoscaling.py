"""What mends replicas that do not follow the load?"""

from collections.abc import Mapping

from llmstack.api import reasons
from llmstack.api.resource import GROUP, PLURAL
from llmstack.desired.metadata import SLOT_UTILIZATION
from llmstack.status.remedies.remedy import (
    GATEWAY_LOG,
    OPERATOR_LOG,
    Remedy,
    Step,
    message,
    patch,
)

_HPA = "kubectl -n NAMESPACE describe hpa NAME"
_API = "kubectl get apiservices v1beta1.custom.metrics.k8s.io v1beta2.custom.metrics.k8s.io -o wide"
_METRIC = (
    "kubectl get --raw /apis/custom.metrics.k8s.io/v1beta2/namespaces/NAMESPACE/"
    f"{PLURAL}.{GROUP}/NAME/{SLOT_UTILIZATION}"
)

AUTOSCALING: Mapping[str, Remedy] = {
    reasons.AT_MAXIMUM: Remedy(
        see=("kubectl -n NAMESPACE get hpa NAME", _HPA),
        mend=(
            Step(
                "Requests wait too long: raise the limit. No replica restarts.",
                patch('{"autoscaling": {"maxReplicas": 8}}'),
            ),
            Step(
                "No device is free for that: more `spec.slots` a replica, if its memory allows "
                "([sizing.md](sizing.md)). That restarts the replicas."
            ),
            Step(
                "Or leave it: what does not fit waits at the gateway, at most "
                "`spec.queue.timeoutSeconds` long and `spec.queue.maxRequests` deep."
            ),
        ),
    ),
    reasons.WAKE_DOWNLOADS: Remedy(
        see=(message("Autoscaling"), "kubectl get storageclass"),
        mend=(
            Step(
                "Keep the model: in a cache that all replicas share, where a class can share …",
                patch('{"cache": {"accessMode": "ReadWriteMany"}}'),
            ),
            Step(
                "… else in one that ties all replicas to one node, or in a claim of yours, "
                "`spec.cache.existingClaim`.",
                patch('{"cache": {"accessMode": "ReadWriteOnce"}}'),
            ),
            Step("Or never sleep.", patch('{"autoscaling": {"minReplicas": 1}}')),
        ),
    ),
    reasons.METRICS_API_UNAVAILABLE: Remedy(
        see=(message("Autoscaling"), _API, OPERATOR_LOG),
        mend=(
            Step(
                "*belong to …*: another adapter has `custom.metrics.k8s.io`, which a cluster has "
                "once. Uninstall it, or let it serve no custom metrics."
            ),
            Step(
                "*serves named namespaces only*: the metrics API is one for the cluster. Install "
                "the chart without its value `namespaces`."
            ),
            Step("*not served yet*, *not looked at yet*: it comes by itself within a minute."),
            Step("*the ClusterRole … is gone*: `helm upgrade` with the chart of this release."),
            Step(
                "Until then the replicas stay as they are. Fix their number:",
                patch('{"autoscaling": null, "replicas": 2}'),
            ),
        ),
    ),
    reasons.METRICS_UNAVAILABLE: Remedy(
        see=(_HPA, _METRIC, _API, GATEWAY_LOG),
        mend=(
            Step(
                "In the first half minute of a deployment it is normal. The replicas stay as they "
                "are for as long as it lasts."
            ),
            Step(
                "*the gateway did not tell its load lately*: the operator does not hear the "
                "gateway. Does it run, and does no NetworkPolicy stand between them (port 9090)?",
                "kubectl -n llm-stack get pods -o wide",
            ),
            Step(
                "The APIService says *FailedDiscoveryCheck*: the API server does not reach the "
                "operator's pods (port 8443). Where the control plane lies outside, its firewall "
                "must let it through."
            ),
        ),
    ),
    reasons.SCALING_FAILED: Remedy(
        see=(_HPA, "kubectl -n NAMESPACE get hpa", "kubectl -n NAMESPACE describe resourcequota"),
        mend=(
            Step(
                "Two HorizontalPodAutoscalers on one Deployment (*AmbiguousSelector*): delete "
                "the one that the operator did not make, which is not called NAME."
            ),
            Step(
                "*FailedGetScale*, *FailedUpdateScale*: the controller's rights, or a webhook that "
                "refuses the Deployment's scale; the words name it."
            ),
        ),
    ),
}
