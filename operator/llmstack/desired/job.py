"""The Job that proves an edit before a serving replica is stopped for it (hold.py, proof.py)."""

from llmstack.api.resource import LLMDeployment
from llmstack.desired.cache import may_be_tied_to_one_node
from llmstack.desired.context import Context
from llmstack.desired.metadata import (
    COMPONENT_LABEL,
    DEFAULT_CONTAINER,
    FETCH_CONTAINER,
    PROOF_COMPONENT,
    PROOF_HASH,
    TEMPLATE_HASH,
    Object,
    labels,
    owned,
    proof_job_name,
    selector,
)
from llmstack.observed import Held

_TRIES = 2**31 - 1
_HOST = "kubernetes.io/hostname"


def build_proof_job(deployment: LLMDeployment, context: Context) -> Object | None:
    """The Job; None if there is nothing to prove.

    It never gives up: the kubelet starts its containers again with a growing pause, and an edit
    makes another Job. A Job's pods are no replicas: no Service and no Deployment selects them.
    """
    held = context.held
    if held is None or not held.proof:
        return None
    pod, metadata = deployment.spec.pod, owned(deployment, proof_job_name(deployment, held.proof))
    proof_labels = labels(deployment, PROOF_COMPONENT)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            **metadata,
            "labels": proof_labels,
            "annotations": {PROOF_HASH: held.proof},
        },
        "spec": {
            "backoffLimit": _TRIES,
            "template": {
                "metadata": {
                    "labels": {**pod.labels, **proof_labels, COMPONENT_LABEL: PROOF_COMPONENT},
                    "annotations": {
                        **pod.annotations,
                        TEMPLATE_HASH: held.proof,
                        DEFAULT_CONTAINER: FETCH_CONTAINER,
                    },
                },
                "spec": {**held.pod, **_beside_replicas(deployment, held)},
            },
        },
    }


def _beside_replicas(deployment: LLMDeployment, held: Held) -> Object:
    """On the replicas' node, where a volume may attach to no other one."""
    if not held.beside or not may_be_tied_to_one_node(deployment.spec):
        return {}
    affinity = held.pod.get("affinity") or {}
    near = affinity.get("podAffinity") or {}
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    term = {"labelSelector": {"matchLabels": selector(deployment)}, "topologyKey": _HOST}
    with_replicas = {**near, required: [*(near.get(required) or ()), term]}
    return {"affinity": {**affinity, "podAffinity": with_replicas}}
