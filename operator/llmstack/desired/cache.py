"""On which volumes do the model's files lie?

source     cache                      volume at /models
---------  -------------------------  --------------------------------------------------------
download   existingClaim              that claim
download   accessMode                 the claim shared by its namespace, class and mode
download   size, storageClassName     a generic ephemeral volume: comes and goes with the pod
download   nothing said               an emptyDir: the node's disk, as much of it as the model takes
pvc://     any                        none needed (an empty one), the claim itself is at /source
"""

from collections.abc import Mapping
from typing import Any

from llmstack.api.cache import VOLUME_SIZE, AccessMode, CacheSpec
from llmstack.api.model import ModelSpec
from llmstack.api.quantity import parse_quantity
from llmstack.api.resource import LLMDeployment
from llmstack.api.spec import LLMDeploymentSpec
from llmstack.desired.metadata import (
    CACHE_COMPONENT,
    CACHE_VOLUME,
    SOURCE_VOLUME,
    Object,
    cache_claim_name,
    labels,
    shared_labels,
)
from llmstack.errors import InvalidSpec
from llmstack.models.source import claim_name, parse_source

_UNUSED_CACHE_LIMIT = "16Mi"


def source_claims(model: ModelSpec) -> tuple[str | None, ...]:
    """Return the claim that each file is read from, or None for a file that is downloaded."""
    sources = [model.source] + ([model.mmproj.source] if model.mmproj else [])
    return tuple(claim_name(parse_source(source)) for source in sources)


def downloads(spec: LLMDeploymentSpec) -> bool:
    """Return True if any file is downloaded into the cache."""
    return None in source_claims(spec.model)


def source_claim(model: ModelSpec) -> str | None:
    """Return the claim to mount at /source, or None. Raises InvalidSpec if there are two."""
    claims = sorted({claim for claim in source_claims(model) if claim})
    if len(claims) > 1:
        raise InvalidSpec(
            f"spec.model: source and mmproj are on two claims, {' and '.join(claims)}: copy both "
            "files to one claim"
        )
    return claims[0] if claims else None


def shares_claim(spec: LLMDeploymentSpec) -> bool:
    """Return True if the operator provides a cache claim that outlives the deployment."""
    return spec.cache.access_mode is not None and downloads(spec)


def may_be_tied_to_one_node(spec: LLMDeploymentSpec) -> bool:
    """Return True if a volume that replicas share may be attachable to only one node.

    Claims that the user brings may have any access mode, so the answer for them is yes.
    """
    if source_claim(spec.model) or (spec.cache.existing_claim and downloads(spec)):
        return True
    if any(volume.persistent_volume_claim for volume in spec.pod.volumes):
        return True
    return spec.cache.access_mode is AccessMode.READ_WRITE_ONCE and downloads(spec)


def build_model_volumes(deployment: LLMDeployment) -> list[Object]:
    """The pod's volumes for the model's files: always the cache, and the source's claim."""
    volumes = [{"name": CACHE_VOLUME, **_cache_volume(deployment)}]
    claim = source_claim(deployment.spec.model)
    if claim:
        volumes.append(
            {
                "name": SOURCE_VOLUME,
                "persistentVolumeClaim": {"claimName": claim, "readOnly": True},
            }
        )
    return volumes


def _cache_volume(deployment: LLMDeployment) -> Object:
    spec = deployment.spec
    if not downloads(spec):
        return {"emptyDir": {"sizeLimit": _UNUSED_CACHE_LIMIT}}
    if spec.cache.existing_claim:
        return {"persistentVolumeClaim": {"claimName": spec.cache.existing_claim}}
    if spec.cache.access_mode:
        return {"persistentVolumeClaim": {"claimName": cache_claim_name(spec.cache)}}
    if not spec.cache.size and not spec.cache.storage_class_name:
        return {"emptyDir": {}}
    template = {
        "metadata": {"labels": labels(deployment, CACHE_COMPONENT)},
        "spec": _claim_spec(spec.cache, AccessMode.READ_WRITE_ONCE),
    }
    return {"ephemeral": {"volumeClaimTemplate": template}}


def build_cache_claim(deployment: LLMDeployment) -> Object | None:
    """The shared cache claim, or None. Not owned: the files outlive the deployment.

    Most of a claim is immutable and other deployments share it: apply what `claim_to_apply` says.
    """
    cache = deployment.spec.cache
    if not shares_claim(deployment.spec) or cache.access_mode is None:
        return None
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": cache_claim_name(cache),
            "namespace": deployment.namespace,
            "labels": shared_labels(),
        },
        "spec": _claim_spec(cache, cache.access_mode),
    }


def claim_to_apply(desired: Object, live: Mapping[str, Any] | None) -> Object | None:
    """Return what to apply for a desired claim, or None to leave it alone.

    An absent claim is created. A smaller one grows; it never shrinks, since another deployment may
    have asked for more. Everything else is kept as it is, whatever the spec says by now.
    """
    if live is None:
        return desired
    if live.get("metadata", {}).get("deletionTimestamp"):
        return None
    wanted = desired["spec"]["resources"]["requests"]["storage"]
    present = live["spec"]["resources"]["requests"]["storage"]
    if parse_quantity(wanted) <= parse_quantity(present):
        return None
    kept = {
        key: live["spec"][key]
        for key in ("accessModes", "storageClassName")
        if key in live["spec"] and key in desired["spec"]
    }
    return {**desired, "spec": {**kept, "resources": {"requests": {"storage": wanted}}}}


def _claim_spec(cache: CacheSpec, mode: AccessMode) -> Object:
    spec: Object = {
        "accessModes": [mode.value],
        "resources": {"requests": {"storage": cache.size or VOLUME_SIZE}},
    }
    if cache.storage_class_name:
        spec["storageClassName"] = cache.storage_class_name
    return spec
