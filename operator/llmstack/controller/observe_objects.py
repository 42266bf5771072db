"""How are the Deployment, the autoscaler, the claims and the proofs read? Pure parsers."""

from collections.abc import Mapping
from typing import Any

from llmstack.api.spec import LLMDeploymentSpec
from llmstack.desired.cache import downloads, source_claims
from llmstack.desired.metadata import PROOF_HASH, TEMPLATE_HASH, annotation
from llmstack.errors import InvalidInput
from llmstack.observed import Autoscaler, Claim, HpaCondition, Proof, Workload

Object = Mapping[str, Any]


def parse_workload(body: Object | None) -> Workload | None:
    """Parses the Deployment, or returns None without one."""
    if body is None:
        return None
    spec, status = body["spec"], body.get("status") or {}
    conditions = {item["type"]: item for item in status.get("conditions") or ()}
    progressing = conditions.get("Progressing", {})
    failure = conditions.get("ReplicaFailure", {})
    return Workload(
        generation=body["metadata"].get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        wanted=spec.get("replicas", 1),
        replicas=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        deadline_exceeded=progressing.get("reason") == "ProgressDeadlineExceeded",
        replica_failure=failure.get("message", "") if failure.get("status") == "True" else "",
        template_hash=annotation(spec["template"], TEMPLATE_HASH),
    )


def parse_proof(body: Object, refused: str = "") -> Proof:
    """Parses a Job that proves an edit. `refused` says why its pod cannot be created."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    succeeded = any(
        item["type"] == "Complete" and item.get("status") == "True" for item in conditions
    )
    return Proof(annotation(body, PROOF_HASH), succeeded, refused)


def parse_autoscaler(body: Object | None) -> Autoscaler | None:
    """Parses the HorizontalPodAutoscaler, or returns None without one."""
    if body is None:
        return None
    status = body.get("status") or {}
    found = {
        item["type"]: HpaCondition(item["status"], item.get("reason", ""), item.get("message", ""))
        for item in status.get("conditions") or ()
    }
    return Autoscaler(
        wanted=status.get("desiredReplicas", 0),
        able=found.get("AbleToScale", HpaCondition()),
        active=found.get("ScalingActive", HpaCondition()),
        limited=found.get("ScalingLimited", HpaCondition()),
    )


def parse_claim(body: Object, message: str = "") -> Claim:
    """Parses a claim. `message` is its latest warning."""
    spec = body["spec"]
    return Claim(
        name=body["metadata"]["name"],
        phase=(body.get("status") or {}).get("phase", "Pending"),
        storage_class=spec.get("storageClassName"),
        message=message,
    )


def named_secrets(spec: LLMDeploymentSpec) -> list[str]:
    """Returns the user's Secrets that the spec needs; optional references do not count."""
    names = [reference.name for reference in spec.pod.image_pull_secrets]
    if spec.model.secret_ref:
        names.append(spec.model.secret_ref.name)
    for variable in spec.pod.env:
        reference = (variable.value_from or {}).get("secretKeyRef") or {}
        if reference.get("name") and not reference.get("optional"):
            names.append(reference["name"])
    for volume in spec.pod.volumes:
        secret = volume.secret or {}
        if secret.get("secretName") and not secret.get("optional"):
            names.append(secret["secretName"])
    return sorted(set(names))


def named_claims(spec: LLMDeploymentSpec) -> list[str]:
    """Returns the user's claims that the spec needs, leaving out sources that are invalid."""
    volumes = (volume.persistent_volume_claim or {} for volume in spec.pod.volumes)
    names = {str(volume["claimName"]) for volume in volumes if volume.get("claimName")}
    try:
        names |= {claim for claim in source_claims(spec.model) if claim}
        if spec.cache.existing_claim and downloads(spec):
            names.add(spec.cache.existing_claim)
    except InvalidInput:
        return sorted(names)
    return sorted(names)
