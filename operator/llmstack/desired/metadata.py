"""Which names, labels, annotations, ports and paths exist? They are here and nowhere else."""

from collections.abc import Mapping
from typing import Any

from llmstack.api.cache import AccessMode, CacheSpec
from llmstack.api.resource import API_VERSION, GROUP, KIND, LLMDeployment
from llmstack.desired.hashing import digest
from llmstack.engines.for_operator import SERVER

Object = dict[str, Any]
"""A Kubernetes object as it goes over the wire."""

# Field managers. `replicas` has one of its own: see desired/replicas.py.
MANAGER = "llmstack"
REPLICAS_MANAGER = "llmstack-replicas"
STATUS_MANAGER = "llmstack-status"

# Labels.
NAME_LABEL = "app.kubernetes.io/name"
INSTANCE_LABEL = "app.kubernetes.io/instance"
COMPONENT_LABEL = "app.kubernetes.io/component"
PART_OF_LABEL = "app.kubernetes.io/part-of"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
DEPLOYMENT_LABEL = f"{GROUP}/deployment"
SERVICE_LABEL = "kubernetes.io/service-name"
NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"
"""A label that the API server itself puts on each namespace."""
"""On an EndpointSlice: whose addresses it lists."""
PRODUCT = "llm-stack"
SERVER_COMPONENT = "llama-server"
CACHE_COMPONENT = "model-cache"
PROOF_COMPONENT = "edit-proof"

# Annotations.
APPLIED_HASH = f"{GROUP}/applied-hash"
"""On every child: hash of what was applied last."""
SPEC_HASH = f"{GROUP}/spec-hash"
"""On the Deployment: hash of the spec that its recorded template was built from."""
TEMPLATE = f"{GROUP}/template"
"""On the Deployment: the pod template as it was built, or where that is (template.py)."""
TEMPLATE_BEFORE = f"{GROUP}/template-before"
"""On the Deployment: the ConfigMap of the template before, as it may be left over."""
TEMPLATE_HASH = f"{GROUP}/template-hash"
"""On pods: which template they were made from."""
KEY_HASH = f"{GROUP}/key-hash"
"""On pods: which server key they were started with; another key needs another server."""
PROOF_HASH = f"{GROUP}/proof-hash"
"""On a Job: what it proves."""
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
"""On pods: of several, Kubernetes deletes the one of the lowest cost first; 0 without it."""

# Metrics.
SLOT_UTILIZATION = "slot_utilization"
"""How many replicas the load would fill: what an autoscaler follows."""

# Containers and ports.
FETCH_CONTAINER = "fetch"
SERVER_CONTAINER = "llama-server"
PORT_NAME = "http"
PORT = SERVER.PORT
GATEWAY_PORT = 80

# Users: pods run as "nonroot" of the images, and the cache belongs to its group.
USER_ID = 65532

# Volumes and where they are mounted. /models and /source are also models.source's.
CACHE_VOLUME, CACHE_PATH = "cache", "/models"
SOURCE_VOLUME, SOURCE_PATH = "source", "/source"
TMP_VOLUME, TMP_PATH = "tmp", "/tmp"  # noqa: S108 - a mount inside the pod, private to it
KEY_VOLUME, KEY_PATH = "server-key", "/run/llmstack/server-key"
TOKEN_VOLUME, TOKEN_PATH = "source-token", "/run/llmstack/source-token"
CA_VOLUME, CA_PATH = "ca", "/run/llmstack/ca"
HELPERS_VOLUME, HELPERS_PATH = "helpers", "/run/llmstack/helpers"

# Keys in Secrets and ConfigMaps, which are also the file names under the mounts.
SERVER_KEY = "key"
TOKEN_KEY = "token"  # noqa: S105 - a name, no secret
CA_KEY = "ca.crt"
TEMPLATE_KEY = "template"
ROOT_KEY = "root"

SERVER_KEY_FILE = f"{KEY_PATH}/{SERVER_KEY}"
TOKEN_FILE = f"{TOKEN_PATH}/{TOKEN_KEY}"
CA_FILE = f"{CA_PATH}/{CA_KEY}"

_NAME_LIMIT = 253
_MODE_SUFFIX = {AccessMode.READ_WRITE_MANY: "rwx", AccessMode.READ_WRITE_ONCE: "rwo"}


def deployment_name(deployment: LLMDeployment) -> str:
    """Return the name of the Deployment, its ServiceAccount, budget and NetworkPolicy."""
    return deployment.name


def autoscaler_name(deployment: LLMDeployment) -> str:
    """Return the name of the HorizontalPodAutoscaler."""
    return deployment.name


def gateway_service_name(deployment: LLMDeployment) -> str:
    """Return the name of the Service that points to the gateway."""
    return deployment.name


def replicas_service_name(deployment: LLMDeployment) -> str:
    """Return the name of the headless Service that lists the ready replicas."""
    return f"{deployment.name}-replicas"


def key_secret_name(deployment: LLMDeployment) -> str:
    """Return the name of the Secret with the servers' key."""
    return f"{deployment.name}-key"


def template_config_map_name(deployment: LLMDeployment, template_hash: str) -> str:
    """Of its own for each template: it is written before the Deployment that names it."""
    return f"{deployment.name}-template-{template_hash}"


def ca_config_map_name(deployment: LLMDeployment) -> str:
    """Return the name of the ConfigMap with the CA bundle for downloads."""
    return f"{deployment.name}-ca"


def proof_job_name(deployment: LLMDeployment, proof: str) -> str:
    """How the Job is called that proves an edit: one for each hash, at most 63 characters."""
    return f"{deployment.name}-proof-{proof[:8]}"


def cache_claim_name(cache: CacheSpec) -> str:
    """Return the name of the cache claim that all deployments of a class and mode share.

    The suffix comes last and always, so that no class name can collide with a mode.
    """
    assert cache.access_mode is not None
    parts = ("llmstack-cache", cache.storage_class_name, _MODE_SUFFIX[cache.access_mode])
    name = "-".join(part for part in parts if part)
    if len(name) <= _NAME_LIMIT:
        return name
    return f"llmstack-cache-{digest(name)[:32]}-{_MODE_SUFFIX[cache.access_mode]}"


def labels(deployment: LLMDeployment, component: str = SERVER_COMPONENT) -> dict[str, str]:
    """Return the labels of all owned objects and pods."""
    return {
        NAME_LABEL: SERVER_COMPONENT,
        INSTANCE_LABEL: deployment.name,
        COMPONENT_LABEL: component,
        PART_OF_LABEL: PRODUCT,
        MANAGED_BY_LABEL: MANAGER,
        DEPLOYMENT_LABEL: deployment.name,
    }


def shared_labels() -> dict[str, str]:
    """Return the labels of an object that no single deployment owns."""
    return {
        NAME_LABEL: SERVER_COMPONENT,
        COMPONENT_LABEL: CACHE_COMPONENT,
        PART_OF_LABEL: PRODUCT,
        MANAGED_BY_LABEL: MANAGER,
    }


def selector(deployment: LLMDeployment) -> dict[str, str]:
    """Return the labels that select the replicas. They are immutable in a Deployment, so they
    contain only what never changes.
    """
    return {COMPONENT_LABEL: SERVER_COMPONENT, DEPLOYMENT_LABEL: deployment.name}


def selector_text(deployment: LLMDeployment) -> str:
    """The selector as the scale subresource shows it: `key=value,key=value`."""
    return ",".join(f"{key}={value}" for key, value in sorted(selector(deployment).items()))


def owner_reference(deployment: LLMDeployment) -> Object:
    """Return the owner reference for the garbage collector."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": deployment.name,
        "uid": deployment.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned(deployment: LLMDeployment, name: str) -> Object:
    """Return the metadata of an owned object."""
    return {
        "name": name,
        "namespace": deployment.namespace,
        "labels": labels(deployment),
        "ownerReferences": [owner_reference(deployment)],
    }


def annotation(obj: Mapping[str, Any], key: str) -> str:
    """Return an annotation of a live object, or "" if it does not exist."""
    value = (obj.get("metadata", {}).get("annotations") or {}).get(key, "")
    return value if isinstance(value, str) else ""
