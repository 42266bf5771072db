"""How does a replica's pod look when it is built from this spec by this operator version?"""

from llmstack.api.accelerator import RESOURCE_NAMES, AcceleratorSpec, TolerationOperator
from llmstack.api.pod import LifecycleSpec, PodSpec
from llmstack.api.resource import LLMDeployment
from llmstack.api.volumes import PodVolume
from llmstack.desired.cache import build_model_volumes
from llmstack.desired.context import Context
from llmstack.desired.fetch_container import build_fetch_container
from llmstack.desired.metadata import (
    CA_VOLUME,
    DEFAULT_CONTAINER,
    HELPERS_VOLUME,
    KEY_VOLUME,
    SERVER_CONTAINER,
    TMP_VOLUME,
    TOKEN_KEY,
    TOKEN_VOLUME,
    Object,
    ca_config_map_name,
    deployment_name,
    key_secret_name,
    labels,
    selector,
)
from llmstack.desired.resources import pod_claims
from llmstack.desired.security import pod_security
from llmstack.desired.server_container import build_server_container, needs_helpers

_STOP_MARGIN_SECONDS = 30
# Readable by the pod's group only: restricted pods see Secret files through fsGroup.
_GROUP_READ = 0o440


def build_pod_template(deployment: LLMDeployment, context: Context) -> Object:
    """The whole template, but for the hashes that `template.annotate` adds."""
    pod = deployment.spec.pod
    return {
        "metadata": {
            "labels": {**pod.labels, **labels(deployment)},
            "annotations": {**pod.annotations, DEFAULT_CONTAINER: SERVER_CONTAINER},
        },
        "spec": {
            "serviceAccountName": deployment_name(deployment),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": grace_period(deployment.spec.lifecycle),
            "securityContext": pod_security(pod, fixed_ids=_fixed_ids(pod, context)),
            "initContainers": [build_fetch_container(deployment, context)],
            "containers": [build_server_container(deployment, context)],
            "volumes": _volumes(deployment, context),
            **_placement(deployment),
        },
    }


def grace_period(lifecycle: LifecycleSpec) -> int:
    """Return the termination grace period in seconds: the drain, plus time to exit."""
    return lifecycle.drain_seconds + _STOP_MARGIN_SECONDS


def _volumes(deployment: LLMDeployment, context: Context) -> list[Object]:
    volumes = [
        *build_model_volumes(deployment),
        {"name": TMP_VOLUME, "emptyDir": {}},
        _secret_volume(KEY_VOLUME, key_secret_name(deployment)),
    ]
    if needs_helpers(deployment.spec, context):
        volumes.append({"name": HELPERS_VOLUME, "emptyDir": {}})
    secret = deployment.spec.model.secret_ref
    if secret:
        token = _secret_volume(TOKEN_VOLUME, secret.name)
        # Only the token: whatever else the Secret holds stays out of the pod.
        token["secret"]["items"] = [{"key": TOKEN_KEY, "path": TOKEN_KEY}]
        volumes.append(token)
    if context.ca_bundle:
        # Optional: a recorded template must not hang once the operator has no bundle any more.
        bundle = {"name": ca_config_map_name(deployment), "optional": True}
        volumes.append({"name": CA_VOLUME, "configMap": bundle})
    return [*volumes, *map(_given_volume, deployment.spec.pod.volumes)]


def _given_volume(volume: PodVolume) -> Object:
    """As the user wrote it: an empty emptyDir stays one."""
    return volume.model_dump(mode="json", by_alias=True, exclude_none=True)


def _fixed_ids(pod: PodSpec, context: Context) -> bool:
    return context.fixed_ids if pod.fixed_ids is None else pod.fixed_ids


def _secret_volume(volume: str, secret: str) -> Object:
    return {"name": volume, "secret": {"secretName": secret, "defaultMode": _GROUP_READ}}


def _placement(deployment: LLMDeployment) -> Object:
    """Return the fields that place the pod. Fields that the user did not set are left out."""
    accelerator, pod = deployment.spec.accelerator, deployment.spec.pod
    fields: Object = {
        "nodeSelector": dict(accelerator.node_selector),
        "tolerations": tolerations(accelerator),
        "runtimeClassName": accelerator.runtime_class_name,
        "affinity": pod.affinity,
        "topologySpreadConstraints": _spread(deployment, pod),
        "priorityClassName": pod.priority_class_name,
        "imagePullSecrets": [{"name": secret.name} for secret in pod.image_pull_secrets],
        "resourceClaims": pod_claims(deployment.spec),
    }
    return {key: value for key, value in fields.items() if value}


def tolerations(accelerator: AcceleratorSpec) -> list[Object]:
    """Return the user's tolerations, and the one for nodes reserved for accelerators.

    Clouds taint accelerator nodes with the name of the vendor's resource; only some have the
    admission plugin that adds this toleration. Slices (MIG) lie on nodes with the same taint.
    """
    given = [
        item.model_dump(mode="json", by_alias=True, exclude_none=True)
        for item in accelerator.tolerations
    ]
    taint = RESOURCE_NAMES.get(accelerator.vendor)
    if taint is None:
        return given
    default = {
        "key": taint,
        "operator": TolerationOperator.EXISTS.value,
        "effect": "NoSchedule",
    }
    return given if default in given else [*given, default]


def _spread(deployment: LLMDeployment, pod: PodSpec) -> list[Object]:
    """A constraint without a labelSelector would count no pods at all: it means the replicas."""
    mine = {"labelSelector": {"matchLabels": selector(deployment)}}
    return [{**mine, **constraint} for constraint in pod.topology_spread_constraints]
